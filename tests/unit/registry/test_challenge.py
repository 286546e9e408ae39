"""WWW-Authenticate headers, as servers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.registry.challenge import Challenge, parse, preferred

X = Challenge("basic", {"realm": "x"})
BEARER = Challenge("bearer", {"realm": "https://auth/token", "service": "reg"})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (['Bearer realm="https://auth/token",service="reg"'], [BEARER]),
        (["bearer realm=https://auth/token, service=reg"], [BEARER]),
        (['BEARER  Realm="https://auth/token" , SERVICE="reg"'], [BEARER]),
        (['Basic realm="Registry Realm"'], [Challenge("basic", {"realm": "Registry Realm"})]),
        (["Basic"], [Challenge("basic", {})]),
        (
            ['Basic realm="a", Bearer realm="https://auth/token",service="reg"'],
            [Challenge("basic", {"realm": "a"}), BEARER],
        ),
        (
            ['Basic realm="a"', 'Bearer realm="https://auth/token",service="reg"'],
            [Challenge("basic", {"realm": "a"}), BEARER],
        ),
        (
            ["Negotiate, Basic realm=x"],
            [Challenge("negotiate"), Challenge("basic", {"realm": "x"})],
        ),
        (
            [r'Basic realm="say \"hi\", \\ you"'],
            [Challenge("basic", {"realm": r'say "hi", \ you'})],
        ),
        (['Bearer realm="a",realm="b"'], [Challenge("bearer", {"realm": "a"})]),
        (['Bearer realm=""'], [Challenge("bearer", {"realm": ""})]),
        ([""], []),
        (['="x"'], []),
        ([], []),
    ],
)
def test_challenges_are_read(values: list[str], expected: list[Challenge]) -> None:
    assert parse(values) == expected


def test_a_scope_keeps_its_commas() -> None:
    [found] = parse(['Bearer realm="r",scope="repository:a/b:pull,push"'])
    assert found.parameters["scope"] == "repository:a/b:pull,push"


@given(st.lists(st.text(max_size=80), max_size=3))
def test_any_text_can_be_read(values: list[str]) -> None:
    parse(values)


def test_bearer_goes_before_basic() -> None:
    basic = Challenge("basic", {"realm": "x"})
    assert preferred([basic, BEARER]) == BEARER
    assert preferred([basic, Challenge("bearer")]) == basic
    assert preferred([Challenge("negotiate")]) is None
    assert preferred([]) is None
