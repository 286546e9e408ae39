"""A finished output: what it is, and the step that makes it visible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bakex.model.descriptor import Descriptor
    from bakex.model.publication import Publication


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Implements `bakex.interfaces.Finished`.

    Attributes:
        root: The assembled image, if the output is one.
        moves_tags: Whether `action` changes a registry.
        action: Makes the output visible.
    """

    root: Descriptor | None
    moves_tags: bool
    action: Callable[[], Awaitable[tuple[Publication, ...]]]

    async def publish(self) -> tuple[Publication, ...]:
        """Make it visible; see `bakex.interfaces.Finished.publish`."""
        return await self.action()
