"""One entry of a target's ``output`` list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where and how a result goes.

    Attributes:
        type: ``image``, ``registry``, ``oci``, ``docker``, ``local``, ``tar`` or ``cacheonly``.
        dest: Path, or ``-`` for standard output; empty where the type needs none.
        attrs: Everything else, as given.
    """

    type: str
    dest: str = ""
    attrs: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def pushes(self) -> bool:
        """Whether the result goes to a registry."""
        return self.type == "registry" or (
            self.type == "image" and self.attrs.get("push", "false").lower() in {"true", "1", "t"}
        )
