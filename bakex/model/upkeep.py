"""What a node keeps from builds: cached results, and the history of what was built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from bakex.model.node import NodeName


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecord:
    """One result in a node's build cache.

    Attributes:
        id: Its identity on that node.
        size: Bytes.
        kind: ``regular``, ``source.local``, ``exec.cachemount``, ``frontend``, ``internal``,
            ``source.git.checkout``.
        in_use: A running build holds it.
        mutable: It may still change.
        shared: Images hold it as well, so that removing it frees nothing.
    """

    node: NodeName
    id: str
    size: int
    kind: str = ""
    description: str = ""
    in_use: bool = False
    mutable: bool = False
    shared: bool = False
    created: datetime | None = None
    last_used: datetime | None = None
    used: int = 0
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What is to be removed from build caches.

    Attributes:
        filters: In BuildKit's syntax, such as ``type==regular``; one that fits is enough.
        all: Also what BuildKit needs for itself: frontends, internal results.
        unused_for_s: Only what was not used for that many seconds.
        reserved: Bytes that may stay.
        max_used: Bytes that may be used at most.
        min_free: Bytes of the disk that are to be free.
    """

    filters: tuple[str, ...] = ()
    all: bool = False
    unused_for_s: float = 0
    reserved: int = 0
    max_used: int = 0
    min_free: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryBlob:
    """Content that a node keeps about a build.

    Attributes:
        role: ``logs``, ``trace``, ``error``, or ``attestation``.
    """

    role: str
    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRecord:
    """One build that ran on a node, or still runs.

    Attributes:
        ref: Its identity on that node.
        error: Why it failed; empty if it did not.
        completed: None while it runs.
        frontend_attrs: What it was asked for; values of build arguments included.
        exporters: Types of what was made of the result.
    """

    node: NodeName
    ref: str
    frontend: str = ""
    frontend_attrs: Mapping[str, str] = field(default_factory=dict[str, str])
    exporters: tuple[str, ...] = ()
    response: Mapping[str, str] = field(default_factory=dict[str, str])
    error: str = ""
    created: datetime | None = None
    completed: datetime | None = None
    steps: int = 0
    steps_completed: int = 0
    steps_cached: int = 0
    warnings: int = 0
    pinned: bool = False
    blobs: tuple[HistoryBlob, ...] = ()

    @property
    def status(self) -> str:
        """``running``, ``completed``, ``failed`` or ``canceled``."""
        if self.completed is None:
            return "running"
        if not self.error:
            return "completed"
        return "canceled" if "context canceled" in self.error else "failed"

    @property
    def duration(self) -> timedelta | None:
        """How long it took; None while it runs."""
        if self.created is None or self.completed is None:
            return None
        return self.completed - self.created

    @property
    def name(self) -> str:
        """What was built: context, Dockerfile and stage, as far as the node knows them."""
        attrs = self.frontend_attrs
        context = attrs.get("context") or attrs.get("vcs:source") or ""
        file, stage = attrs.get("filename", ""), attrs.get("target", "")
        hint = attrs.get("vcs:localdir:context", "")
        base = context or hint
        words = [base, file if file != "Dockerfile" else "", f"({stage})" if stage else ""]
        return " ".join(word for word in words if word) or self.frontend or "-"
