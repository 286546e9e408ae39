from __future__ import annotations

import pytest

from bakex.bake.patterns import PatternError, compiled, is_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("a*", "abc", True),
        ("a*", "b", False),
        ("*", "a/b", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("[ab]", "b", True),
        ("[^ab]", "b", False),
        ("[^ab]", "c", True),
        ("[a-c]x", "bx", True),
        ("[a-c]x", "dx", False),
        ("[c-a]", "b", False),
        ("[^c-a]", "b", True),
        (r"\*", "*", True),
        (r"\*", "a", False),
        (r"[\]]", "]", True),
        ("a.b", "a.b", True),
        ("a.b", "axb", False),
    ],
)
def test_matching(pattern: str, text: str, *, fits: bool) -> None:
    assert (compiled(pattern).fullmatch(text) is not None) is fits


@pytest.mark.parametrize("pattern", ["[", "[a", "[]", "[a-]", "[-a]", "a\\", "[a-"])
def test_malformed_patterns(pattern: str) -> None:
    with pytest.raises(PatternError):
        compiled(pattern)


def test_what_is_a_pattern() -> None:
    assert is_pattern("a*")
    assert is_pattern("a?")
    assert is_pattern("[a]")
    assert not is_pattern("a-b_c")
