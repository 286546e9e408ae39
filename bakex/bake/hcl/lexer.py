"""Text to tokens: one pass, driven by regular expressions, offsets only.

The scanner is in one of two states: between tokens, or inside the text of a template (a quoted
string or a heredoc). ``${`` and ``%{`` lead from the second back to the first, their closing brace
returns. A string without escapes and sequences, by far the most common, is one single token.

Source: HCL native syntax specification, "Lexical elements" and "Templates".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bakex.bake.hcl.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

# Kinds of tokens; operators and brackets are their own kind.
NAME = "name"
NUMBER = "number"
STRING = "string"  # a whole quoted string without escapes and sequences
NEWLINE = "newline"
END = "end of file"
QUOTE = "opening quote"
UNQUOTE = "closing quote"
QUOTED_TEXT = "quoted text"
HEREDOC = "heredoc"
HEREDOC_END = "end of heredoc"
HEREDOC_TEXT = "heredoc text"
INTERPOLATION = "${"
DIRECTIVE = "%{"
SEQUENCE_END = "end of sequence"
BAD = "bad"  # already reported

_TOKEN = re.compile(
    r"""
     [ \t]+
    |(?P<name>[^\W\d][\w-]*)
    |(?P<string>"[^"\\$%\r\n]*")
    |(?P<newline>\r?\n)
    |(?P<comment>\#[^\n]*\n? | //[^\n]*\n? | /\*(?s:.*?)\*/)
    |(?P<number>[0-9](?:\.*(?:[0-9]|[eE][+-]?[0-9]))*)
    |(?P<heredoc><<-?[^\W\d][\w-]*\r?\n)
    |(?P<operator>==|!=|>=|<=|&&|\|\||::|\.\.\.|=>|~\}|[\[\]().,*/%+\-=<>!?:{}])
    |(?P<quote>")
    |(?P<bad>.)
    """,
    re.VERBOSE,
)
_SEQUENCE = re.compile(r"[$%]\{~?")
_QUOTED = re.compile(
    r"(?:[^\"\\$%\r\n]++ | \\[^\r\n] | \$\$\{~? | %%\{~? | \$(?!\{) | %(?!\{))+", re.VERBOSE
)
_HEREDOC = re.compile(r"[^$%\r\n]+ | \$\$\{~? | %%\{~? | \$(?!\{) | %(?!\{) | \r(?!\n)", re.VERBOSE)

MAX_TOKENS = 500_000  # some 100,000 lines as people write them
MAX_BAD = 100  # characters that cannot be read, after which the rest of a file is not

# What to say about characters that mean something elsewhere: detail, hint.
_FOREIGN = {
    "&": ("Bit operators do not exist here.", 'write "&&" for "and"'),
    "|": ("Bit operators do not exist here.", 'write "||" for "or"'),
    "~": ("Bit operators do not exist here.", 'write "!" for "not"'),
    "^": ("Bit operators do not exist here.", "use the function pow for powers"),
    "'": ("Strings are enclosed in double quotes.", "write \"text\" in place of 'text'"),
    "`": ("Strings are enclosed in double quotes.", "use <<EOT … EOT for text of several lines"),
    ";": ("Attributes and blocks are separated by newlines.", "start a new line"),
    "\u201c": ("Curly quotes do not enclose strings.", 'write a straight quote (")'),
    "\u201d": ("Curly quotes do not enclose strings.", 'write a straight quote (")'),
}


class Tokens:
    """The tokens of a text, as three lists of the same length; the last one is `END`.

    Attributes:
        kinds: What each is.
        starts: Offset of its first character.
        ends: Offset behind its last character.
    """

    __slots__ = ("ends", "kinds", "starts")

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []


def tokenize(text: str) -> tuple[Tokens, list[Fault]]:
    """Return the tokens of a bake file and the characters that cannot be part of one.

    There are no tokens of a text that has too many; that is its only fault then.
    """
    scanner = _Scanner(text)
    scanner.run(1 if text.startswith("\ufeff") else 0, "")
    return scanner.tokens, scanner.faults


def tokenize_template(text: str) -> tuple[Tokens, list[Fault]]:
    """Return the tokens of a text that is a template as a whole, as a JSON string is.

    They are those of a heredoc without its first and last line.
    """
    scanner = _Scanner(text)
    scanner.run(0, _WHOLE)
    return scanner.tokens, scanner.faults


_IN_QUOTES = '"'
_WHOLE = "\n"  # cannot be the marker of a heredoc: the text ends where the file ends


class _Scanner:
    """The state of one run.

    Attributes:
        braces: How many braces are open.
        sequences: For each open ``${`` or ``%{``: the number of braces then, and the template.
    """

    __slots__ = ("ascii", "braces", "faults", "sequences", "text", "tokens")

    def __init__(self, text: str) -> None:
        self.text = text
        self.ascii = text.isascii()
        self.tokens = Tokens()
        self.faults: list[Fault] = []
        self.braces = 0
        self.sequences: list[tuple[int, str]] = []

    def run(self, pos: int, template: str) -> None:
        """Scan everything; `template` tells what text the scan starts in."""
        resumed = False
        while True:
            if template == _IN_QUOTES:
                pos = self._quoted(pos)
            elif template:
                pos = self._heredoc(pos, template, line_start=not resumed)
            pos, template, resumed = self._code(pos)
            if self._full():
                self._give_up(pos)
                return
            if not template:
                self._add(END, len(self.text), len(self.text))
                return

    def _full(self) -> bool:
        return len(self.tokens.kinds) >= MAX_TOKENS or len(self.faults) >= MAX_BAD

    def _give_up(self, pos: int) -> None:
        if len(self.faults) < MAX_BAD:
            detail = f"It has more than {MAX_TOKENS} names, values and signs."
            self.faults = [Fault("the text is too long", pos, pos + 1, detail=detail)]
            self.tokens = Tokens()
        self._add(END, len(self.text), len(self.text))

    def _add(self, kind: str, start: int, end: int) -> None:
        tokens = self.tokens
        tokens.kinds.append(kind)
        tokens.starts.append(start)
        tokens.ends.append(end)

    def _code(self, pos: int) -> tuple[int, str, bool]:
        """Scan tokens up to a template.

        Returns:
            Where it stopped; in what template, empty at the end of the text; and whether that
            template goes on after a sequence rather than starts.
        """
        text, size, match = self.text, len(self.text), _TOKEN.match
        tokens = self.tokens
        kinds, starts, ends = tokens.kinds, tokens.starts, tokens.ends
        while pos < size and len(kinds) < MAX_TOKENS:
            found = match(text, pos)
            kind = found.lastgroup if found else None
            start, pos = pos, found.end() if found else pos + 1
            if kind is None:
                continue
            if kind in {NAME, STRING, NEWLINE, NUMBER} and (self.ascii or kind != NAME):
                kinds.append(kind)
                starts.append(start)
                ends.append(pos)
                continue
            if kind == "operator":
                if self._operator(start, pos):
                    return pos, self.sequences.pop()[1], True
            elif kind == "quote":
                self._add(QUOTE, start, pos)
                return pos, _IN_QUOTES, False
            elif kind == HEREDOC:
                self._add(HEREDOC, start, pos)
                return pos, text[start + 2 : pos].lstrip("-").strip(), False
            else:
                pos = _OTHERS[kind](self, start, pos)
                if len(self.faults) >= MAX_BAD:
                    return pos, "", False
        return pos, "", False

    def _operator(self, start: int, end: int) -> bool:
        """Add an operator; tell whether it closes a sequence of a template."""
        kind = self.text[start:end]
        if kind == "{":
            self.braces += 1
        elif kind in {"}", "~}"}:
            closing = bool(self.sequences) and self.sequences[-1][0] == self.braces
            self.braces -= 1
            if closing or kind == "~}":
                self._add(SEQUENCE_END, start, end)
                return closing
        self._add(kind, start, end)
        return False

    def comment(self, start: int, end: int) -> int:
        if self.text[end - 1] == "\n":
            self._add(NEWLINE, start, end)
        return end

    def name(self, start: int, end: int) -> int:
        r"""Add a name that may have letters outside ASCII: ``\\w`` is not quite what counts."""
        text = self.text
        if not text[start].isidentifier():
            return self.bad(start, start + 1)
        end = start + 1
        while end < len(text) and (text[end] == "-" or ("a" + text[end]).isidentifier()):
            end += 1
        self._add(NAME, start, end)
        return end

    def bad(self, start: int, end: int) -> int:
        char = self.text[start]
        detail, hint = _FOREIGN.get(char, ("No part of the language starts like this.", ""))
        shown = char if char.isprintable() else f"U+{ord(char):04X}"
        self.faults.append(
            Fault(f'unexpected character "{shown}"', start, end, detail=detail, hint=hint)
        )
        self._add(BAD, start, end)
        return end

    def _open_sequence(self, pos: int, template: str) -> int:
        """Add a ``${`` or ``%{``, and remember what to return to at its end."""
        kind = self.text[pos : pos + 2]
        end = pos + 3 if self.text.startswith("~", pos + 2) else pos + 2
        self._add(kind, pos, end)
        self.braces += 1
        self.sequences.append((self.braces, template))
        return end

    def _quoted(self, pos: int) -> int:
        """Scan the text of a quoted string, up to its end or a sequence."""
        text, size = self.text, len(self.text)
        while pos < size and not self._full():
            if found := _QUOTED.match(text, pos):
                self._add(QUOTED_TEXT, pos, found.end())
                pos = found.end()
            elif text[pos] == '"':
                self._add(UNQUOTE, pos, pos + 1)
                return pos + 1
            elif _SEQUENCE.match(text, pos):
                return self._open_sequence(pos, _IN_QUOTES)
            else:
                pos = self._broken_line(pos)
        return pos

    def _broken_line(self, pos: int) -> int:
        end = pos
        while end < len(self.text) and self.text[end] in "\r\n":
            end += 1
        end = max(end, pos + 1)
        self.faults.append(
            Fault(
                "a quoted string must end on the line it starts on",
                pos,
                end,
                detail="No closing quote was found on this line.",
                hint=r"add the quote, write \n for a newline, or use <<EOT … EOT",
            )
        )
        self._add(BAD, pos, end)
        return end

    def _heredoc(self, pos: int, marker: str, *, line_start: bool) -> int:
        """Scan the text of a heredoc, one token per line at most, up to its end or a sequence."""
        text, size = self.text, len(self.text)
        while pos < size and not self._full():
            if line_start and marker != _WHOLE:
                stop = text.find("\n", pos)
                if stop >= 0 and text[pos:stop].strip() == marker:
                    stop -= text[stop - 1] == "\r"
                    self._add(HEREDOC_END, pos, stop)
                    return stop
            start = pos
            if found := _HEREDOC.match(text, pos):
                pos = found.end()
            line_start = text.startswith(("\n", "\r\n"), pos)
            if line_start:
                pos += 1 if text[pos] == "\n" else 2
            if pos == start:
                return self._open_sequence(pos, marker)
            self._add(HEREDOC_TEXT, start, pos)
        return pos


_OTHERS: dict[str, Callable[[_Scanner, int, int], int]] = {
    NAME: _Scanner.name,
    "comment": _Scanner.comment,
    "bad": _Scanner.bad,
}
