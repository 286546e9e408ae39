"""bakex's own private engine, wired to the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakex.config import Settings
    from bakex.nodes.drivers.private import PrivateEngine


def private_engine(settings: Settings) -> PrivateEngine:
    """Return the private engine of this user; nothing is started yet."""
    from bakex.nodes.drivers.private import PrivateEngine  # noqa: PLC0415 - start-up budget
    from bakex.run.clock import SystemClock  # noqa: PLC0415 - start-up budget

    return PrivateEngine(settings, SystemClock())
