"""One entry of ``cache-from`` or ``cache-to``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """A cache source or destination: a type such as ``registry`` or ``local``, and attributes."""

    type: str
    attrs: Mapping[str, str] = field(default_factory=dict[str, str])
