from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.session.filesync import glob


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("", "", True),
        ("abc", "abc", True),
        ("*", "", True),
        ("*c", "abc", True),
        ("a*", "a", True),
        ("a*", "a/b", False),
        ("a*b*c", "axbxbxc", True),
        ("a*b*c", "axxc", False),
        ("*a*", "xay", True),
        ("a?b", "a☺b", True),
        ("a?b", "ab", False),
        ("a[^a]b", "a☺b", True),
        ("a[^a]b", "aab", False),
        ("[a-c]x", "bx", True),
        ("[a-c0-9]x", "7x", True),
        ("[c-a]x", "bx", False),
        ("[^c-a]x", "bx", True),
        (r"[\]a]", "]", True),
        (r"[\-x]", "-", True),
        ("[[]", "[", True),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("a.b", "axb", False),
        ("*.tar.?z", "x.tar.gz", True),
    ],
)
def test_matching(pattern: str, name: str, expected: bool) -> None:
    assert glob.compiled(pattern)(name) is expected


@pytest.mark.parametrize(
    "pattern", ["[", "[]", "[]a]", "[^", "[^]", "[a", "[a-", "[a-]", "[-x]", "[x-]", "\\", "a[\\"]
)
def test_malformed_patterns(pattern: str) -> None:
    with pytest.raises(glob.PatternError):
        glob.check(pattern)


@given(st.text("ab*?[]^-\\", max_size=8), st.text("ab[]-\\", max_size=8))
def test_any_pattern_is_used_or_refused(pattern: str, name: str) -> None:
    try:
        test = glob.compiled(pattern)
    except glob.PatternError:
        return
    assert isinstance(test(name), bool)


def _model(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(_model(pattern[1:], name[i:]) for i in range(len(name) + 1))
    return bool(name) and pattern[0] in {"?", name[0]} and _model(pattern[1:], name[1:])


@given(st.text("ab*?", max_size=7), st.text("ab", max_size=7))
def test_stars_and_question_marks(pattern: str, name: str) -> None:
    assert glob.compiled(pattern)(name) is _model(pattern, name)


def test_many_stars_are_cheap() -> None:
    started = time.process_time()
    assert not glob.compiled("*a" * 40 + "b")("a" * 255)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a*", True), ("a?", True), ("[a]", True), (r"a\*", False), ("a]", False)],
)
def test_wildcards(name: str, expected: bool) -> None:
    assert glob.has_wildcards(name) is expected
