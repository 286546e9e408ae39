"""What displays have in common, and how one is chosen."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from bakex.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.progress.delivery import Delivery


class Mode(StrEnum):
    """Values of ``--progress``."""

    AUTO = "auto"
    TTY = "tty"
    PLAIN = "plain"
    QUIET = "quiet"
    RAWJSON = "rawjson"


_MODES = {str(mode): mode for mode in Mode}
_CHOICES = "use one of " + ", ".join(_MODES)


class Display(Protocol):
    """A way to show a run. Used by one thread.

    Attributes:
        interval_s: How often `update` wants to be called even if nothing happened; None for never.
    """

    interval_s: float | None

    def update(self, batch: Sequence[Delivery]) -> None:
        """Take what happened, and write what is to be written.

        Raises:
            OSError: Nobody reads any more.
        """
        ...

    def close(self) -> None:
        """Write what is left and leave the terminal as it was found; safe to repeat."""
        ...


def choose(option: str, setting: str, *, is_terminal: bool) -> Mode:
    """Return the mode to use: the option, else the environment's, else what fits the stream.

    Args:
        option: Value of ``--progress``; empty if not given.
        setting: ``BAKEX_PROGRESS`` or ``BUILDKIT_PROGRESS``; asked where the option leaves it open.
        is_terminal: Whether progress goes to a terminal that understands cursor movements.

    Raises:
        UsageError: The option names no mode, or asks for a terminal that is not there.
        ConfigError: The environment names no mode.
    """
    wanted = _MODES.get(option or Mode.AUTO)
    if wanted is None:
        raise UsageError(f"invalid progress mode {option!r}", hint=_CHOICES)
    if wanted is Mode.TTY and not is_terminal:
        raise UsageError(
            "progress mode 'tty' needs a terminal",
            detail="Standard error is not a terminal that can move its cursor.",
            hint="use --progress plain",
        )
    if wanted is not Mode.AUTO:
        return wanted
    wished = _MODES.get(setting or Mode.AUTO)
    if wished is None:
        raise ConfigError(
            f"invalid progress mode {setting!r}",
            detail="It comes from BAKEX_PROGRESS or BUILDKIT_PROGRESS.",
            hint=_CHOICES,
        )
    # A terminal is but a wish here: such a variable is set once, for sessions of all kinds.
    if wished is Mode.AUTO or (wished is Mode.TTY and not is_terminal):
        return Mode.TTY if is_terminal else Mode.PLAIN
    return wished
