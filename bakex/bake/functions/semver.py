"""Versions and what they have to satisfy (specification section 2.15.3).

The language of constraints is that of Masterminds/semver v3.4.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from bakex.bake.functions.function import FunctionError
from bakex.bake.values.value import Value, boolean

if TYPE_CHECKING:
    from collections.abc import Callable

_PARTS = r"v?([0-9]{1,18})(?:\.([0-9]{1,18}))?(?:\.([0-9]{1,18}))?"
_LABELS = r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
_VERSION = re.compile(_PARTS + _LABELS, re.ASCII)
_WILD = r"(?:[0-9]{1,18}|[xX*])"
_PATTERN = rf"v?({_WILD})(?:\.({_WILD}))?(?:\.({_WILD}))?{_LABELS}"
_OPERATOR = r"=>|=<|>=|<=|!=|~>|=|>|<|~|\^"
_CONSTRAINT = re.compile(rf"\s*({_OPERATOR})?\s*{_PATTERN}", re.ASCII)
_SEPARATOR = re.compile(r"\s*,\s*|\s+|\Z", re.ASCII)
_HYPHEN = re.compile(rf"\s*({_PATTERN})\s+-\s+({_PATTERN})\s*", re.ASCII)
_LONGEST = 1_000  # characters; versions are short

_Version = tuple[int, int, int, tuple[tuple[int, int, str], ...] | None]


class Constraint:
    """One condition on a version.

    Attributes:
        operator: How to compare.
        version: What to compare with; parts that are open are 0.
        given: How many parts are written, before the first that is open.
    """

    __slots__ = ("given", "operator", "version")

    def __init__(self, operator: str, version: _Version, given: int) -> None:
        self.operator = operator
        self.version = version
        self.given = given

    def allows(self, version: _Version) -> bool:
        """Tell whether a version satisfies the condition."""
        return _OPERATORS[self.operator](self, version)


def semvercmp(version: Value, constraint: Value) -> Value:
    """Return whether a version satisfies a constraint such as ``>=1.2, <2 || 3.x``."""
    match = _VERSION.fullmatch(version.text) if len(version.text) <= _LONGEST else None
    if match is None:
        raise FunctionError(
            f'"{version.text[:60]}" is not a version', 0, hint="write it like 1.2.3"
        )
    given = _version(match.groups())
    alternatives = _parse(constraint.text)
    return boolean(any(_allows(conditions, given) for conditions in alternatives))


def _allows(conditions: list[Constraint], version: _Version) -> bool:
    """Tell whether a version satisfies all conditions; a pre-release only if one names one."""
    if version[3] is not None and all(one.version[3] is None for one in conditions):
        return False
    return all(one.allows(version) for one in conditions)


def _version(groups: tuple[str | None, ...]) -> _Version:
    major, minor, patch = (int(part) if part and part not in "xX*" else 0 for part in groups[:3])
    return major, minor, patch, _prerelease(groups[3])


def _prerelease(text: str | None) -> tuple[tuple[int, int, str], ...] | None:
    """Return the parts of a pre-release in a form that compares as they do."""
    if text is None:
        return None
    return tuple(
        (0, int(part), "") if part.isdecimal() and len(part) < 19 else (1, 0, part)
        for part in text.split(".")
    )


def _order(version: _Version) -> tuple[object, ...]:
    """Return a key: a pre-release comes before its release."""
    return version[0], version[1], version[2], version[3] is None, version[3] or ()


def _less(left: _Version, right: _Version) -> bool:
    return _order(left) < _order(right)


def _parse(text: str) -> list[list[Constraint]]:
    """Return the alternatives of a constraint, each a list of conditions."""
    if len(text) > _LONGEST:
        _improper(text)
    return [_conditions(part) for part in text.split("||")]


def _improper(text: str) -> NoReturn:
    raise FunctionError(
        f'"{text[:60]}" is not a constraint on versions', 1, hint='write it like ">=1.2, <2"'
    )


def _conditions(text: str) -> list[Constraint]:
    hyphen = _HYPHEN.fullmatch(text)
    if hyphen is not None:
        groups = hyphen.groups()
        return [_constraint(">=", groups[1:6]), _constraint("<=", groups[7:12])]
    found: list[Constraint] = []
    pos = 0
    stripped = text.rstrip()
    while pos < len(stripped) or not stripped:
        match = _CONSTRAINT.match(stripped, pos)
        separator = _SEPARATOR.match(stripped, match.end()) if match else None
        if match is None or separator is None:
            _improper(text)
        found.append(_constraint(match[1] or "=", match.groups()[1:]))
        pos = separator.end()
        if pos == len(stripped) and separator.group():
            _improper(text)
    return found


def _constraint(operator: str, groups: tuple[str | None, ...]) -> Constraint:
    given = 0
    for part in groups[:3]:
        if not part or part in "xX*":
            break
        given += 1
    kept = (*groups[:given], *([None] * (3 - given)), groups[3])
    return Constraint(operator, _version(kept), given)


def _within(constraint: Constraint, version: _Version, parts: int) -> bool:
    """Tell whether a version is not less, and the same in its first parts."""
    return not _less(version, constraint.version) and version[:parts] == constraint.version[:parts]


def _same(constraint: Constraint, version: _Version) -> bool:
    if constraint.given < 3:
        return _within(constraint, version, constraint.given)
    return _order(version) == _order(constraint.version)


def _greater(constraint: Constraint, version: _Version) -> bool:
    if constraint.given < 3:
        parts = constraint.given
        return version[:parts] > constraint.version[:parts]
    return _less(constraint.version, version)


def _at_most(constraint: Constraint, version: _Version) -> bool:
    parts = constraint.given
    if parts < 3:
        return version[:parts] <= constraint.version[:parts]
    return not _less(constraint.version, version)


def _tilde(constraint: Constraint, version: _Version) -> bool:
    # ~0.0.0 allows everything, as in the reference.
    if constraint.version[:3] == (0, 0, 0) and constraint.given == 3:
        return True
    return _within(constraint, version, min(constraint.given, 2))


def _caret(constraint: Constraint, version: _Version) -> bool:
    """Tell whether a version is the same up to the first part that is not 0."""
    major, minor, _, _ = constraint.version
    parts = 1 if major or constraint.given < 2 else 2 if minor or constraint.given < 3 else 3
    return _within(constraint, version, min(parts, constraint.given))


_OPERATORS: dict[str, Callable[[Constraint, _Version], bool]] = {
    "=": _same,
    "!=": lambda constraint, version: not _same(constraint, version),
    ">": _greater,
    "<": lambda constraint, version: _less(version, constraint.version),
    ">=": lambda constraint, version: not _less(version, constraint.version),
    "=>": lambda constraint, version: not _less(version, constraint.version),
    "<=": _at_most,
    "=<": _at_most,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
