"""No progress at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.progress.delivery import Delivery


class Quiet:
    """Implements `bakex.progress.display.Display` by writing nothing."""

    interval_s: float | None = None

    def update(self, batch: Sequence[Delivery]) -> None:
        """Take events and forget them."""

    def close(self) -> None:
        """Do nothing."""
