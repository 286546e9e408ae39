from __future__ import annotations

import pytest

from bakex.sources.arguments import split

URL, OTHER = "https://host/x.git", "git@host:y"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ("", "", ())),
        (["a", "b"], ("", "", ("a", "b"))),
        ([URL], (URL, "", ())),
        ([URL, "a"], (URL, "", ("a",))),
        ([URL, OTHER, "a"], (URL, OTHER, ("a",))),
        ([URL, OTHER, URL], (URL, OTHER, (URL,))),
        (["default", URL], ("", "", ("default", URL))),
    ],
)
def test_split(arguments: list[str], expected: tuple[str, str, tuple[str, ...]]) -> None:
    assert split(arguments) == expected
