"""A display in a thread of its own: a stopped terminal or a full pipe holds up only itself."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from bakex.progress.display import Display
    from bakex.progress.stream import Subscription


class Screen:
    """Shows what a subscription delivers, for the length of a ``with`` block.

    Leaving the block closes the subscription, waits until everything is shown and closes the
    display. That takes as long as the reader of the output lets it; a signal handler may end it.

    Attributes:
        failure: A defect of the display. It ended the display only: no build is lost for it.
    """

    def __init__(self, display: Display, deliveries: Subscription) -> None:
        self._display = display
        self._deliveries = deliveries
        # A daemon: when the process must end at once, nobody waits for a terminal.
        self._thread = Thread(target=self._show, name="bakex-progress", daemon=True)
        self.failure: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._deliveries.close()
        self._thread.join()

    def _show(self) -> None:
        try:
            try:
                while (batch := self._deliveries.take(self._display.interval_s)) is not None:
                    self._display.update(batch)
            finally:
                self._display.close()
        except OSError:
            return  # nobody reads any more, which is no reason to stop building
        except Exception as error:  # noqa: BLE001 - kept in `failure`, for whoever made the screen
            self.failure = error
