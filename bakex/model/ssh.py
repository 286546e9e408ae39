"""One entry of a target's ``ssh`` list."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """An SSH agent (or keys) for build steps: an id, and sockets or key files (none: the agent)."""

    id: str = "default"
    paths: tuple[str, ...] = ()
