from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from bakex.progress.logs import MAX_LINE, TAIL, StepLog
from tests.unit.progress.conftest import AMD, ARM, cell_id

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST, SECOND = cell_id(AMD), cell_id(ARM)


def test_lines_come_whole() -> None:
    log = StepLog()
    assert list(log.write(b"one\ntw")) == [b"one"]
    assert log.partial == b"tw"
    assert list(log.write(b"o\r\nthree")) == [b"two"]
    assert list(log.flush()) == [b"three"]
    assert list(log.flush()) == []
    assert list(log.tail) == [b"one", b"two", b"three"]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    log = StepLog()
    lines = [line for _ in range(10) for line in log.write(b"x" * MAX_LINE)]
    assert {len(line) for line in lines} == {MAX_LINE}
    assert len(log.partial) <= MAX_LINE
    assert sum(map(len, lines)) + len(log.partial) == 10 * MAX_LINE


def test_a_long_line_in_one_piece_is_broken() -> None:
    log = StepLog()
    assert list(map(len, log.write(b"y" * (MAX_LINE + 5) + b"\n"))) == [MAX_LINE, 5]


def test_only_the_last_lines_are_kept() -> None:
    log = StepLog()
    log.write(b"".join(b"%d\n" % n for n in range(TAIL + 3)))
    assert len(log.tail) == TAIL
    assert log.tail[0] == b"3"


@given(
    st.binary(min_size=1, max_size=30),
    st.lists(st.tuples(st.booleans(), st.integers(min_value=1, max_value=7)), max_size=60),
)
def test_cells_that_repeat_one_log_make_one_log(
    whole: bytes, pieces: Sequence[tuple[bool, int]]
) -> None:
    log, positions, got = StepLog(), {FIRST: 0, SECOND: 0}, b""
    for is_first, length in [*pieces, (True, len(whole)), (False, len(whole))]:
        cell = FIRST if is_first else SECOND
        position = positions[cell]
        got += log.fresh(cell, whole[position : position + length])
        positions[cell] = min(len(whole), position + length)
    assert got == whole


def test_what_was_skipped_is_not_shown_from_elsewhere() -> None:
    log = StepLog()
    log.skip(FIRST, 4)
    assert log.fresh(SECOND, b"abcdef") == b"ef"
    assert log.fresh(FIRST, b"ef") == b""


def test_a_second_run_writes_a_second_log() -> None:
    log = StepLog()
    assert log.fresh(FIRST, b"same") == b"same"
    log.restart()
    assert log.fresh(SECOND, b"same") == b"same"
