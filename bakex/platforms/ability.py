"""What a machine can do with the programs of each platform."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bakex.platforms.binfmt import handler_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from bakex.model.platform import Platform
    from bakex.platforms.binfmt import Handler
    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.profile import Profile


class Way(StrEnum):
    """How a machine runs a program."""

    NATIVE = "native"  # it is of the machine's own platform
    COMPATIBLE = "compatible"  # the processor and the kernel usually run it as well
    EMULATED = "emulated"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """How a machine runs the programs of a platform.

    Attributes:
        handler: The emulator's entry in the kernel's table, if there is one.
    """

    platform: Platform
    way: Way
    handler: Handler | None = None


def abilities(
    machine: Platform,
    catalogue: Catalogue,
    features: Collection[str],
    handlers: Collection[Handler],
) -> list[Ability]:
    """Return what a machine can do, platform by platform in the order of their names.

    Args:
        machine: Its platform, without the level of its processor.
        catalogue: The platforms.
        features: Of the processor, as in ``/proc/cpuinfo``.
        handlers: The kernel's table of interpreters.
    """
    found: list[Ability] = []
    for platform, profile in sorted(catalogue.profiles.items()):
        emulation = profile.emulation
        handler = handler_of(emulation, handlers) if emulation else None
        way = _way(machine, profile, catalogue, features)
        if way is Way.MISSING and handler is not None:
            way = Way.EMULATED
        found.append(Ability(platform=platform, way=way, handler=handler))
    return found


def _way(
    machine: Platform, profile: Profile, catalogue: Catalogue, features: Collection[str]
) -> Way:
    platform = profile.platform
    if platform == machine:
        return Way.NATIVE
    same = (platform.os, platform.architecture) == (machine.os, machine.architecture)
    needed = profile.isa.cpuinfo
    if same and platform.runs(machine) and needed and set(needed) <= set(features):
        return Way.NATIVE  # a newer variant, and the processor has what it asks for
    return Way.COMPATIBLE if catalogue.runs(machine, platform) else Way.MISSING
