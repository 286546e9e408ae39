"""The end of a run by a signal, as an exception; apart from the code that needs an event loop."""

from __future__ import annotations


class StoppedError(Exception):
    """A signal ended the run; everything that the run had started was stopped.

    Attributes:
        exit_code: 128 + the signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number
