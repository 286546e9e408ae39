from __future__ import annotations

import re

import pytest

from bakex.engines.buildkit.causes import CAUSES, Cause, clean


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("failed to solve: it broke", "it broke"),
        ("failed to solve with frontend dockerfile.v0: failed to solve: x: y", "x: y"),
        ("rpc error: code = Unknown desc = failed to solve: it broke ", "it broke"),
        ("executor failed running: it broke", "it broke"),
        ("it broke: failed to solve: no", "it broke: failed to solve: no"),
        ("", ""),
    ],
)
def test_prefixes_of_the_daemons_layers_go(message: str, expected: str) -> None:
    assert clean(message) == expected


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.title)
def test_templates_use_what_their_pattern_finds(cause: Cause) -> None:
    used = set(re.findall(r"{(\w+)", cause.title + cause.remedy))
    assert used <= set(cause.pattern.groupindex)


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.title)
def test_words_follow_the_house_style(cause: Cause) -> None:
    assert not cause.title.endswith(".")
    assert cause.title[0] in "{abcdefghijklmnopqrstuvwxyz"
    assert cause.title != cause.remedy
