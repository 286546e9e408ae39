from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.values.graphemes import boundaries, clusters, length


@pytest.mark.parametrize(
    "expected",
    [
        ["a", "b"],
        ["a", "\r\n", "\n", "\r", "b"],
        ["e\u0301", "x"],
        ["👨\u200d👩\u200d👧", "a"],
        ["a\u200d", "b"],
        ["👍🏽"],
        ["🏳\ufe0f\u200d🌈"],
        ["🇩🇪", "🇫🇷", "🇺"],
        ["\u1100\u1161\u11a8", "가", "각\u11a8"],
        ["\u1100\u1100", "\u11a8\u11a8", "\u1161"],
        ["क्", "षि"],
        ["\u0600a"],
        ["ำ"],
        ["\u102b"],
        ["\u200b", "\u0301"],
        ["\u0301"],
        [],
    ],
    ids=ascii,
)
def test_clusters(expected: list[str]) -> None:
    text = "".join(expected)
    assert clusters(text) == expected
    assert length(text) == len(expected)


@given(st.text())
def test_clusters_lose_nothing(text: str) -> None:
    parts = clusters(text)
    assert "".join(parts) == text
    assert all(parts)
    assert length(text) == len(parts)


@given(st.text(st.characters(max_codepoint=126)))
def test_the_short_way_for_ascii_is_the_long_way(text: str) -> None:
    assert length(text) == len(boundaries(text))
