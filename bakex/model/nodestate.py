"""What a look at a node has found: whether it answers, what it builds, how busy it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex.model.node import Speed, Terms
from bakex.model.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """A node at a moment.

    Attributes:
        checked: When it was looked at.
        asleep: It is bakex's own engine, which a bake starts when it is needed.
        error: Why it cannot be used; empty if it can.
        detail: More about that, in full sentences.
        hint: What to do about it.
        platforms: What it is used for, each with how.
        machine: What its processor is.
        features: Names of what its daemon can do, sorted.
        running: Builds that run there; None if it does not tell.
        cache: Bytes in its build cache; None if it does not tell.
        free: Bytes free on the disk of its cache; None if that is not known.
        skew_s: Seconds by which its clock is ahead of ours; None if it does not tell.
    """

    name: str
    address: str
    checked: datetime
    asleep: bool = False
    error: str = ""
    detail: str = ""
    hint: str = ""
    terms: Terms = field(default_factory=Terms)
    platforms: Mapping[Platform, Speed] = field(default_factory=dict[Platform, Speed])
    machine: Platform | None = None
    version: str = ""
    features: tuple[str, ...] = ()
    running: int | None = None
    cache: int | None = None
    free: int | None = None
    skew_s: float | None = None

    @property
    def status(self) -> str:
        """``ready``, ``asleep`` or ``unusable``."""
        if self.error:
            return "unusable"
        return "asleep" if self.asleep else "ready"

    @property
    def native(self) -> tuple[Platform, ...]:
        """Platforms of its processor's own architecture."""
        return tuple(p for p in self._by_itself if self._is_own(p))

    @property
    def compatible(self) -> tuple[Platform, ...]:
        """Platforms of another architecture that its processor runs by itself."""
        return tuple(p for p in self._by_itself if not self._is_own(p))

    @property
    def emulated(self) -> tuple[Platform, ...]:
        """Platforms that an emulator runs there."""
        return tuple(p for p, how in self.platforms.items() if how is Speed.EMULATED)

    @property
    def _by_itself(self) -> tuple[Platform, ...]:
        return tuple(p for p, how in self.platforms.items() if how is Speed.NATIVE)

    def _is_own(self, platform: Platform) -> bool:
        return self.machine is None or platform.architecture == self.machine.architecture
