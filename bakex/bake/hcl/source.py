"""The text of one file, and how offsets in it become lines and columns.

Everything in the front end counts in character offsets. Lines and columns are computed only when
something is shown to a person, so a file without faults never pays for them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from bakex.bake.values.graphemes import boundaries
from bakex.diagnostics import Span
from bakex.errors import SyntaxDefinitionError


class Source:
    """A named text.

    Attributes:
        name: The file's name as the user wrote it.
        shown: Its name in messages. A name that does not tell the syntax gets the ending of the
            syntax that the file was read as, as in the reference.
        text: The whole text.
    """

    __slots__ = ("_clusters", "_lines", "_measured", "_plain", "name", "shown", "text")

    def __init__(self, name: str, text: str, *, read_as: str = "") -> None:
        self.name = name
        self.shown = name + read_as
        self.text = text
        self._lines: list[int] | None = None
        self._plain = False  # whether every character is a column; valid once there are lines
        self._measured = 0  # the line whose clusters are known
        self._clusters: list[int] = []

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    def location(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset, both counted from 1.

        Columns count grapheme clusters, which is what a reader sees as one character.
        """
        line = self.line(offset)
        lines = self._lines or [0]
        start = lines[line - 1]
        if self._plain:
            return line, offset - start + 1
        # A file may be one long line in which many places are asked for.
        if self._measured != line:
            end = lines[line] if line < len(lines) else len(self.text)
            self._clusters = boundaries(self.text[start:end])
            self._measured = line
        return line, bisect_left(self._clusters, offset - start) + 1

    def line(self, offset: int) -> int:
        """Return the line of an offset, counted from 1."""
        if self._lines is None:
            self._lines = _line_starts(self.text)
            self._plain = self.text.isascii() and "\r" not in self.text
        return bisect_right(self._lines, offset)

    def span(self, start: int, end: int) -> Span:
        """Return the place of the characters from `start` up to, not including, `end`."""
        line, column = self.location(start)
        end_line, end_column = self.location(end)
        return Span(self.shown, line, column, end_line, end_column)


def _line_starts(text: str) -> list[int]:
    starts = [0]
    at = text.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n", at + 1)
    return starts


def decode(name: str, data: bytes) -> Source:
    """Return the source that the bytes of a file are.

    Raises:
        SyntaxDefinitionError: They are not UTF-8; names the line of the first bad byte.
    """
    try:
        return Source(name, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        good = Source(name, data[: error.start].decode("utf-8"))
        raise SyntaxDefinitionError(
            "the file is not UTF-8 text",
            detail=f"The byte 0x{data[error.start]:02x} does not belong there.",
            hint="save the file in the encoding UTF-8",
            span=good.span(len(good.text), len(good.text)),
        ) from None
