from __future__ import annotations

import io
import os
import re
import unicodedata
from typing import TYPE_CHECKING

from bakex.progress.delivery import Notice
from bakex.progress.tty import Tty, restore
from bakex.testing.clock import ManualClock
from tests.unit.progress.conftest import AMD, Teller

if TYPE_CHECKING:
    from bakex.events import Event


class Terminal:
    """As much of a terminal as the view uses: it wraps, moves up, clears and hides the cursor."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows: list[str] = [""]
        self.row = self.column = 0
        self.cursor = True
        self.colours = 0

    def feed(self, text: str) -> None:
        for part in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|[\s\S]", text):
            if part.startswith("\x1b"):
                self._control(part)
            elif part == "\n":
                self._next()
            elif part == "\r":
                self.column = 0
            else:
                self._put(part)

    def _control(self, sequence: str) -> None:
        argument, kind = sequence[2:-1], sequence[-1]
        match kind:
            case "A":
                self.row = max(0, self.row - int(argument))
            case "K":
                self.rows[self.row] = self.rows[self.row][: self.column]
            case "J":
                self.rows[self.row] = self.rows[self.row][: self.column]
                del self.rows[self.row + 1 :]
            case "m":
                self.colours += 1
            case "h" | "l":
                assert argument == "?25"
                self.cursor = kind == "h"
            case _:
                raise AssertionError(sequence)

    def _next(self) -> None:
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.rows):
            self.rows.append("")

    def _put(self, char: str) -> None:
        assert unicodedata.category(char) != "Cc"
        if self.column == self.columns:
            self._next()
        row = self.rows[self.row].ljust(self.column)
        self.rows[self.row] = row[: self.column] + char + row[self.column + 1 :]
        self.column += 1

    @property
    def text(self) -> list[str]:
        return [row.rstrip() for row in self.rows]


class View:
    def __init__(self, columns: int = 60, rows: int = 24, *, colour: bool = False) -> None:
        self.clock = ManualClock()
        self.size = (columns, rows)
        self.terminal = Terminal(columns)
        self.out = io.StringIO()
        self.tty = Tty(self.out, size=lambda: self.size, now=self.clock.now, colour=colour)

    def show(self, *events: Event | Notice, seconds: float = 0.2) -> list[str]:
        self.clock.advance(seconds)
        self.tty.update(events)
        return self.flushed()

    def flushed(self) -> list[str]:
        self.terminal.feed(self.out.getvalue())
        self.out.seek(0)
        self.out.truncate()
        return self.terminal.text


def test_the_block_is_repainted_in_place(tell: Teller) -> None:
    view = View()
    view.show(tell.step(AMD, "d", "RUN make", started=0))
    assert not view.terminal.cursor
    view.show(tell.log(AMD, "d", b"a long line of output\n"))
    text = view.show(tell.step(AMD, "d", "RUN make", started=0, completed=1))
    assert [line.split("  ")[0] for line in text] == [
        "[+] building 0.6s 0/1 cell, 1/1 step",
        " app",
        " => [app linux/amd64] RUN make",
        "",
    ]


def test_close_leaves_the_last_frame_and_the_cursor(tell: Teller) -> None:
    view = View()
    view.show(tell.plan(AMD))
    view.show(tell.end(), seconds=0.01)
    view.tty.close()
    view.tty.close()
    assert view.flushed()[0].startswith("[+] done")
    assert view.terminal.cursor


def test_a_view_that_showed_nothing_writes_nothing() -> None:
    view = View()
    view.tty.close()
    assert view.flushed() == [""]


def test_it_is_painted_ten_times_a_second_at_most(tell: Teller) -> None:
    view = View()
    view.show(tell.plan(AMD))
    view.clock.advance(0.05)
    view.tty.update([tell.start(AMD)])
    assert view.out.getvalue() == ""
    view.clock.advance(0.05)
    view.tty.update([])
    assert view.out.getvalue() != ""


def test_what_must_stay_is_written_above_the_block(tell: Teller) -> None:
    view = View(columns=40)
    view.show(tell.plan(AMD))
    events = (
        tell.node(note="docker was passed over: " + "why " * 10),
        tell.warn("first\x1b[2J"),
        tell.warn("first\x1b[2J"),
        tell.published("app", "r.example/app:1"),
        tell.blocked("db", "t@linux/arm64"),
        Notice(text="stopping"),
    )
    view.show(*events, seconds=0)
    text = view.show()
    joined = "".join(text)
    assert "docker was passed over: " + "why " * 9 + "why" in joined
    assert [line for line in text if line.startswith(("warn", "app", "stop"))] == [
        "warning[BX4090]: first",
        "app: pushed to r.example/app:1",
        "stopping",
    ]
    assert text[-3].startswith("[+] building")
    assert text[-1] == ""


def test_colours_only_where_they_are_wanted(story: list[Event]) -> None:
    for colour in (True, False):
        view = View(colour=colour)
        view.show(*story)
        assert bool(view.terminal.colours) is colour


def test_a_narrower_terminal_is_cleaned_up(tell: Teller) -> None:
    view = View(columns=60)
    view.show(tell.step(AMD, "d", "RUN " + "x" * 80, started=0))
    # The terminal wraps what is there: three lines become five or more.
    narrow = Terminal(20)
    narrow.feed("".join(f"{line}\n" for line in view.terminal.text[:-1]))
    view.terminal, view.size = narrow, (20, 24)
    text = view.show()
    assert len(text) == 4
    assert text[0].startswith("[+] building")


def test_restore_shows_the_cursor() -> None:
    read, write = os.pipe()
    restore(write)
    assert os.read(read, 100) == b"\x1b[0m\x1b[?25h\r\n"
    os.close(read)
    os.close(write)
    restore(write)  # and raises nothing when there is no terminal any more
