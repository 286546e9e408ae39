"""Regular expressions in the syntax of RE2, which the language prescribes.

google-re2 matches in linear time whatever the pattern; it is imported only when a function is
called. Iteration and replacement follow Go's regexp package, which differs from the bindings'.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from bakex.bake.functions.function import FunctionError
from bakex.bake.values.limits import check_text, check_weight
from bakex.bake.values.problems import LimitError
from bakex.bake.values.value import Value, list_value, null, object_value, string, tuple_value
from bakex.bake.values.valuetype import STRING, ObjectType, TupleType, Type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_re2: Any = import_module("re2")  # has no types

# Groups times characters of a pattern: every state of the search remembers all groups.
MAX_GROUPS_AND_LENGTH = 4_000_000
MAX_SCANNED = 1_000_000_000  # characters left behind each match, summed up
_REFERENCE = re.compile(r"\$(?:\$|\{(?P<braced>\w+)\}|(?P<bare>\w+))", re.ASCII)


class _Match(Protocol):
    def start(self, group: int = 0) -> int: ...
    def end(self, group: int = 0) -> int: ...
    def group(self, group: int | str = 0) -> str | None: ...


class _Pattern(Protocol):
    groups: int
    groupindex: Mapping[str, int]

    def search(self, text: str) -> _Match | None: ...
    def finditer(self, text: str) -> Iterator[_Match]: ...


def _compile(pattern: str, argument: int) -> _Pattern:
    options = _re2.Options()
    options.log_errors = False
    try:
        compiled: _Pattern = _re2.compile(pattern, options)
    except _re2.error as error:
        reason: object = error.args[0] if error.args else ""
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise FunctionError(
            f"the regular expression is invalid: {text}",
            argument,
            hint="the syntax is that of RE2, without look-around and back-references",
        ) from None
    if compiled.groups * len(pattern) > MAX_GROUPS_AND_LENGTH:
        raise FunctionError("the regular expression has too many groups", argument)
    return compiled


def _matches(pattern: _Pattern, text: str) -> Iterator[_Match]:
    """Yield all matches that do not overlap; an empty one right behind another does not count.

    Raises:
        LimitError: So many matches in so long a text may take minutes to find.
    """
    previous, scanned = -1, 0
    for match in pattern.finditer(text):
        # Finding one match is linear in what is left of the text, so all of them are not.
        scanned += len(text) - match.start()
        if scanned > MAX_SCANNED:
            raise LimitError("the text is too long for so many matches")
        if match.end() > match.start() or match.start() != previous:
            yield match
        previous = match.end()


def _result_type(pattern: _Pattern) -> Type:
    named = len(pattern.groupindex)
    if not pattern.groups:
        return STRING
    if not named:
        return TupleType([STRING] * pattern.groups)
    if named != pattern.groups:
        raise FunctionError(
            "the regular expression has both named and unnamed groups",
            0,
            hint="name all of them, or none; (?:…) groups without capturing",
        )
    return ObjectType(dict.fromkeys(pattern.groupindex, STRING))


def _result(pattern: _Pattern, match: _Match) -> Value:
    if not pattern.groups:
        return _text(match.group())
    if not pattern.groupindex:
        return tuple_value(_text(match.group(at + 1)) for at in range(pattern.groups))
    return object_value({name: _text(match.group(name)) for name in pattern.groupindex})


def _text(group: str | None) -> Value:
    return null(STRING) if group is None else string(group)


def regex(pattern: Value, text: Value) -> Value:
    """Return the first match: its text, or its groups by position or name."""
    compiled = _compile(pattern.text, 0)
    _result_type(compiled)
    match = compiled.search(text.text)
    if match is None:
        raise FunctionError("the text does not match the regular expression", 1)
    return _result(compiled, match)


def regexall(pattern: Value, text: Value) -> Value:
    """Return all matches."""
    compiled = _compile(pattern.text, 0)
    type_ = _result_type(compiled)
    found: list[Value] = []
    for match in _matches(compiled, text.text):
        found.append(_result(compiled, match))
        check_weight(len(found))
    return list_value(type_, found)


def regex_replace(text: Value, pattern: Value, replacement: Value) -> Value:
    """Return the text with all matches replaced; ``$1`` and ``${name}`` insert groups."""
    compiled = _compile(pattern.text, 1)
    parts: list[str] = []
    size = pos = 0
    for match in _matches(compiled, text.text):
        inserted = _expand(replacement.text, compiled, match)
        parts += [text.text[pos : match.start()], inserted]
        pos = match.end()
        size += len(inserted)
        check_text(size)
    return string("".join([*parts, text.text[pos:]]))


def _expand(template: str, pattern: _Pattern, match: _Match) -> str:
    def insert(reference: re.Match[str]) -> str:
        name = reference["braced"] or reference["bare"]
        if name is None:
            return "$"
        if name.isdecimal():
            at = int(name) if len(name) < 9 else pattern.groups + 1
        else:
            at = pattern.groupindex.get(name, pattern.groups + 1)
        return (match.group(at) or "") if at <= pattern.groups else ""

    return _REFERENCE.sub(insert, template)
