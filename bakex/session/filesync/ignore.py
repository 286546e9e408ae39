r"""The pattern language of ``.dockerignore``, include and exclude patterns (moby/patternmatcher).

Rules:

* A pattern is trimmed and cleaned like a path; ``!`` in front makes it an exception.
* ``**`` crosses slashes (``**/`` also stands for nothing), ``*`` and ``?`` do not, ``[...]`` and
  ``\\x`` are as in Go's regular expressions. Patterns are anchored at the root and see case.
* A pattern also matches whatever is below a directory that it matches.
* Patterns are tried in order, an ordinary one while the path is not matched and an exception while
  it is; the last decision counts.

The daemon parses ignore files and sends their patterns; here they are only applied.
"""

from __future__ import annotations

import importlib
import posixpath
import re
from enum import Enum
from typing import TYPE_CHECKING, Any

from bakex.session.filesync import glob
from bakex.session.filesync.glob import PatternError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_META = frozenset("*[]?^\\")
_QUOTED = frozenset(".+()|{}$")


class Kind(Enum):
    """How a pattern is compared with a path."""

    EXACT = "exact"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    REGEX = "regex"


class Pattern:
    """One pattern, compiled.

    Attributes:
        exception: Whether it was written with ``!``.
        text: The cleaned pattern without ``!``.
        base: `text` without a trailing ``/**`` and ``/*``: the directory it is about.
    """

    __slots__ = ("base", "exception", "matches", "text")

    def __init__(self, text: str, *, exception: bool) -> None:
        glob.check(text)
        self.text = text
        self.exception = exception
        self.base = text.removesuffix("/**").removesuffix("/*")
        self.matches: Callable[[str], bool] = _compile(text)

    @property
    def is_plain(self) -> bool:
        """Whether `base` is a path rather than a pattern."""
        return not _META.intersection(self.base)

    def may_match_below(self, directory: str) -> bool:
        """Return whether a plain pattern can match something in a directory or below."""
        return f"{self.base}/".startswith(f"{directory}/")


class Matcher:
    """A list of patterns.

    While a tree is walked, the result of the parent directory is handed to `match`, so that every
    pattern is tried once per path and not once per ancestor.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        """Compile patterns.

        Raises:
            PatternError: A pattern is malformed.
        """
        self.patterns = tuple(_parsed(patterns))
        self._rules = tuple((p.exception, p.matches) for p in self.patterns)
        self._ordinary = [p for p in self.patterns if not p.exception]
        self._exceptions = [p for p in self.patterns if p.exception]

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def match(self, path: str, parent: bytes | None = None) -> tuple[bool, bytes]:
        """Decide about a path.

        Args:
            path: Relative and clean.
            parent: The second result for its parent directory; None if there is no parent, or if
                it was not asked about: then all ancestors are tried.

        Returns:
            Whether the path matches, and what to hand over for its children.
        """
        matched = False
        results = bytearray(len(self._rules))
        for index, (exception, matches) in enumerate(self._rules):
            if parent is not None and parent[index]:
                hit = True
            elif exception is not matched:
                continue
            else:
                hit = matches(path) or (parent is None and _ancestor_matches(matches, path))
            if hit:
                results[index] = 1
                matched = not exception
        return matched, bytes(results)

    def may_match_below(self, directory: str) -> bool:
        """Return whether ordinary patterns can match below a directory that does not match."""
        return _any_below(self._ordinary, directory)

    def may_except_below(self, directory: str) -> bool:
        """Return whether exceptions can apply below a directory that matches."""
        return _any_below(self._exceptions, directory)


def _any_below(patterns: list[Pattern], directory: str) -> bool:
    if not all(pattern.is_plain for pattern in patterns):
        return True
    return any(pattern.may_match_below(directory) for pattern in patterns)


def _ancestor_matches(matches: Callable[[str], bool], path: str) -> bool:
    at = path.find("/")
    while at != -1:
        if matches(path[:at]):
            return True
        at = path.find("/", at + 1)
    return False


def _parsed(patterns: Iterable[str]) -> Iterable[Pattern]:
    for raw in patterns:
        text = raw.strip()
        if not text:
            continue
        text = clean(text)
        exception = text[0] == "!"
        if exception:
            text = text[1:]
            if not text:
                raise PatternError('the pattern "!" excepts nothing')
        yield Pattern(text, exception=exception)


def clean(path: str) -> str:
    """Clean a path as Go's ``path.Clean`` does: no empty, ``.`` or avoidable ``..`` parts."""
    cleaned = posixpath.normpath(path)
    return "/" + cleaned.lstrip("/") if cleaned.startswith("//") else cleaned


def _compile(text: str) -> Callable[[str], bool]:
    kind, regex = _translate(text)
    if kind is Kind.EXACT:
        return text.__eq__
    if kind is Kind.PREFIX:
        prefix = text[:-2]
        return lambda path: path.startswith(prefix)
    if kind is Kind.SUFFIX:
        suffix = text[2:]
        # ``**/name`` is also a plain ``name`` at the root.
        bare = suffix[1:] if suffix.startswith("/") else None
        return lambda path: path.endswith(suffix) or path == bare
    return _regex(text, regex)


def _translate(text: str) -> tuple[Kind, str]:
    """Return how to compare, and the regular expression in case it takes one (Go's syntax)."""
    kind, out, at = Kind.EXACT, list[str](), 0
    while at < len(text):
        start, char = at, text[at]
        at += 1
        if text.startswith("**", start):
            at = start + 3 if text.startswith("/", start + 2) else start + 2
            last = at >= len(text)
            out.append(".*" if last else "(.*/)?")
            kind = Kind.PREFIX if last and kind is Kind.EXACT else Kind.REGEX
            if start == 0:
                kind = Kind.SUFFIX
            continue
        if char == "\\":
            # The syntax check has refused a backslash at the end.
            part, at = text[start : start + 2], start + 2
        else:
            part = _part(char)
        out.append(part)
        if char in "*?[]\\":
            kind = Kind.REGEX
    return kind, "".join(out)


def _part(char: str) -> str:
    if char == "*":
        return "[^/]*"
    if char == "?":
        return "[^/]"
    return f"\\{char}" if char in _QUOTED else char


def _regex(text: str, regex: str) -> Callable[[str], bool]:
    # Python's engine is twenty times faster per call here, but it backtracks, and its classes and
    # escapes differ from Go's: it gets the patterns for which neither matters.
    if not set("[]\\^").intersection(text) and text.count("*") <= 4 and text.count("**") <= 1:
        fullmatch = re.compile(regex).fullmatch
        return lambda path: fullmatch(path) is not None
    return _re2(text, regex)


def _re2(text: str, regex: str) -> Callable[[str], bool]:
    # A compiled library that few contexts need, and without type information.
    re2: Any = importlib.import_module("re2")
    options = re2.Options()
    options.log_errors = False
    try:
        fullmatch = re2.compile(regex, options).fullmatch
    except re2.error as error:
        raise PatternError(f"pattern {text!r} is malformed") from error
    return lambda path: fullmatch(path) is not None
