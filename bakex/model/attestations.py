"""One entry of a target's ``attest`` list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """A kind of attestation (``provenance``, ``sbom``), whether it is off, and its attributes."""

    type: str
    disabled: bool = False
    attrs: Mapping[str, str] = field(default_factory=dict[str, str])
