"""OCI annotations as targets write them: ``[types:]key=value`` (spec/bake-file 3.2.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from bakex.errors import DefinitionError
from bakex.model.platform import Platform

MANIFEST = "manifest"
KINDS = (MANIFEST, "index", "manifest-descriptor", "index-descriptor")
_KIND = re.compile(r"([a-z-]+)(?:\[([A-Za-z0-9_/-]+)\])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One annotation in one place.

    Attributes:
        kind: One of `KINDS`: what carries it.
        platform: The platform whose manifest or descriptor carries it; None for all of them.
    """

    key: str
    value: str
    kind: str = MANIFEST
    platform: Platform | None = None

    @classmethod
    def parse(cls, text: str) -> tuple[Self, ...]:
        """Read ``[kind[platform],...:]key=value``, one annotation for each kind.

        Without a kind the manifests carry it. A colon behind the first ``=`` belongs to the value.

        Raises:
            DefinitionError: Not of that form.
        """
        before, equals, value = text.partition("=")
        if not equals:
            raise DefinitionError(f"invalid annotation {text!r}", hint="write key=value")
        kinds, colon, key = before.partition(":")
        if not colon:
            return (cls(key=before, value=value),)
        places = [_place(kind) for kind in kinds.split(",")]
        return tuple(cls(key=key, value=value, kind=k, platform=p) for k, p in places)

    def format(self) -> str:
        """Write it so that `parse` gives it back."""
        place = f"[{self.platform}]" if self.platform else ""
        return f"{self.kind}{place}:{self.key}={self.value}"


def _place(text: str) -> tuple[str, Platform | None]:
    match = _KIND.fullmatch(text)
    if match is None or match[1] not in KINDS:
        raise DefinitionError(
            f"invalid annotation kind {text!r}",
            hint=f"write one of {', '.join(KINDS)}, then optionally [PLATFORM]",
        )
    return match[1], Platform.parse(match[2]) if match[2] else None
