from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from bakex.events import LogWritten, StepChanged, TransferMoved, WarningRaised
from bakex.progress.delivery import LogsDropped, Notice
from bakex.progress.stream import EventStream, Subscription
from tests.unit.progress.conftest import AMD, ARM, Teller, cell_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.events import Event


def test_every_reader_gets_every_event_in_order(story: list[Event]) -> None:
    stream = EventStream()
    readers = [stream.subscribe(), stream.subscribe()]
    others = [event for event in story if not isinstance(event, TransferMoved)]
    for event in others:
        stream.emit(event)
    assert [reader.take() for reader in readers] == [others, others]


def test_a_late_reader_gets_what_comes_later(tell: Teller) -> None:
    stream = EventStream()
    stream.emit(tell.start(AMD))
    reader = stream.subscribe()
    stream.emit(tell.start(ARM))
    assert reader.take() == [tell.start(ARM)]


def test_only_the_newest_position_of_a_transfer_waits(tell: Teller) -> None:
    reader = Subscription()
    reader.put(tell.move(AMD, "s", "a", 1))
    reader.put(tell.move(AMD, "s", "b", 1))
    reader.put(tell.log(AMD, "s", b"x"))
    reader.put(tell.move(AMD, "s", "a", 9))
    reader.put(tell.move(ARM, "s", "a", 5))
    taken = reader.take() or ()
    moves = [(m.cell, m.id, m.current) for m in taken if isinstance(m, TransferMoved)]
    assert moves == [(cell_id(AMD), "a", 9), (cell_id(AMD), "b", 1), (cell_id(ARM), "a", 5)]
    reader.put(tell.move(AMD, "s", "a", 10))
    assert reader.take() == [tell.move(AMD, "s", "a", 10)]


def shape(taken: Sequence[object] | None) -> list[object]:
    found: list[object] = []
    for item in taken or ():
        match item:
            case LogWritten():
                found.append(item.data)
            case LogsDropped():
                found.append(item.count)
            case _:
                found.append(type(item).__name__)
    return found


def test_logs_of_a_hopeless_reader_are_counted(tell: Teller) -> None:
    reader = Subscription(max_log_bytes=500)
    reader.put(tell.log(AMD, "s", b"a" * 100))
    reader.put(tell.log(AMD, "s", b"b" * 150))
    reader.put(tell.step(AMD, "s", "x", started=0))
    reader.put(tell.log(AMD, "s", b"c"))  # would fit, but would stand before what is missing
    reader.put(tell.log(ARM, "s", b"d" * 400))
    assert shape(reader.take()) == [b"a" * 100, 151, "StepChanged", 400]
    reader.put(tell.log(AMD, "s", b"e"))
    assert shape(reader.take()) == [b"e"]


def test_a_daemon_that_repeats_itself_fills_no_memory(tell: Teller) -> None:
    reader = Subscription(max_items=10)
    for second in range(100):
        tell.at(second)
        reader.put(tell.step(AMD, "s", "x", started=second))
        reader.put(tell.warn(f"warning {second}"))
    taken = reader.take() or ()
    assert len(taken) <= 11
    last = [item for item in taken if isinstance(item, StepChanged)][-1]
    assert last == tell.step(AMD, "s", "x", started=99)
    assert sum(isinstance(item, WarningRaised) for item in taken) == 5


def test_take_waits_for_another_thread(tell: Teller) -> None:
    stream = EventStream()
    reader = stream.subscribe()
    thread = Thread(target=lambda: stream.emit(tell.end()))
    thread.start()
    assert reader.take(timeout_s=30) == [tell.end()]
    thread.join()


def test_take_returns_nothing_after_the_timeout() -> None:
    assert Subscription().take(timeout_s=0.001) == []


def test_after_close_the_rest_is_taken_and_nothing_more_comes(tell: Teller) -> None:
    stream = EventStream()
    reader = stream.subscribe()
    stream.notice("stopping")
    stream.close()
    stream.close()
    stream.emit(tell.end())
    assert reader.take() == [Notice(text="stopping")]
    assert reader.take() is None
