from __future__ import annotations

from threading import Event as Flag
from typing import TYPE_CHECKING

import pytest

from bakex.progress.screen import Screen
from bakex.progress.stream import EventStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.progress.delivery import Delivery
    from tests.unit.progress.conftest import Teller


class Recorder:
    """A display that keeps what it gets, or fails as it is told."""

    interval_s: float | None = None

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.got: list[Delivery] = []
        self.closed = 0

    def update(self, batch: Sequence[Delivery]) -> None:
        if self.error is not None:
            raise self.error
        self.got.extend(batch)

    def close(self) -> None:
        self.closed += 1


def shown(recorder: Recorder, tell: Teller) -> Screen:
    stream = EventStream()
    with Screen(recorder, stream.subscribe()) as screen:
        stream.emit(tell.start("app"))
        stream.emit(tell.end())
    return screen


def test_everything_is_shown_before_the_block_ends(tell: Teller) -> None:
    recorder = Recorder()
    assert shown(recorder, tell).failure is None
    assert recorder.got == [tell.start("app"), tell.end()]
    assert recorder.closed == 1


def test_an_error_of_the_block_gets_through() -> None:
    recorder = Recorder()
    with pytest.raises(KeyError), Screen(recorder, EventStream().subscribe()):
        raise KeyError
    assert recorder.closed == 1


def test_a_reader_that_went_away_is_no_failure(tell: Teller) -> None:
    recorder = Recorder(BrokenPipeError())
    assert shown(recorder, tell).failure is None
    assert recorder.closed == 1


def test_a_defect_of_the_display_is_kept(tell: Teller) -> None:
    defect = ZeroDivisionError()
    recorder = Recorder(defect)
    assert shown(recorder, tell).failure is defect
    assert recorder.closed == 1


def test_a_display_that_blocks_blocks_nobody(tell: Teller) -> None:
    go, reached = Flag(), Flag()

    class Stuck(Recorder):
        def update(self, batch: Sequence[Delivery]) -> None:
            reached.set()
            go.wait(30)
            super().update(batch)

    recorder, stream = Stuck(), EventStream()
    with Screen(recorder, stream.subscribe()):
        stream.emit(tell.start("app"))
        assert reached.wait(30)
        for second in range(1000):
            stream.emit(tell.move("app", "d", "ctx", second))
        assert recorder.got == []
        go.set()
    assert recorder.got == [tell.start("app"), tell.move("app", "d", "ctx", 999)]
