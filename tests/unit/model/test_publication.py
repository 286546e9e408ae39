"""How tags may move, as values."""

from __future__ import annotations

import pytest

from bakex.errors import UsageError
from bakex.model.digest import Digest
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.model.publication import (
    Expectation,
    Publication,
    PublishPolicy,
    State,
    blocked_by,
    matches,
    states,
)
from bakex.model.reference import Reference

DIGEST = Digest.of(b"x")
APP = Reference.parse("ghcr.io/acme/app:v1.2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"app={DIGEST}", Expectation(pattern="docker.io/library/app:latest", digest=DIGEST)),
        ("ghcr.io/a/b:1=none", Expectation(pattern="ghcr.io/a/b:1")),
        ("*=any", Expectation(pattern="*", anything=True)),
        ("[::1]:5000/a=none", Expectation(pattern="[::1]:5000/a:latest")),
    ],
)
def test_expectations_are_read(text: str, expected: Expectation) -> None:
    assert Expectation.parse(text) == expected


@pytest.mark.parametrize("text", ["", "app", "app=latest", "=any", "UPPER/lower case=none"])
def test_other_expectations_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="invalid expectation"):
        Expectation.parse(text)


def test_an_expectation_is_about_a_reference_or_a_pattern() -> None:
    literal = Reference.parse("[::1]:5000/app:1")
    assert Expectation.parse("[::1]:5000/app:1=none").covers(literal)
    assert Expectation.parse("*/app:*=none").covers(literal)
    assert not Expectation.parse("[::1]:5000/app:2=none").covers(literal)


def test_the_last_expectation_counts() -> None:
    first, last = Expectation.parse("*=none"), Expectation.parse("ghcr.io/*=any")
    policy = PublishPolicy(expect=(first, last))
    assert policy.expectation(APP) is last
    assert policy.expectation(Reference.parse("quay.io/app:1")) is first
    assert PublishPolicy().expectation(APP) is None


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("v*", True), ("v1.2", True), ("ghcr.io/acme/*:v?.?", True), ("1.*", False), ("acme", False)],
)
def test_immutable_tags_are_patterns_of_tags_or_references(pattern: str, *, expected: bool) -> None:
    assert PublishPolicy(immutable=("none", pattern)).is_immutable(APP) is expected


def test_brackets_are_no_patterns() -> None:
    assert matches("[a]", "[a]")
    assert not matches("a", "[a]")


def test_states_say_where_the_result_is() -> None:
    holding = {state for state in State if state.holds_result}
    assert holding == {State.PUBLISHED, State.UNCHANGED, State.LEFT}
    places = [Publication(target="a", kind="registry", place="r/a:1", state=State.RESTORED)]
    assert states(places) == "restored: r/a:1"


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ((), ""),
        (("t",), "blocked by t (linux/amd64)"),
        (("app",), "failed (linux/amd64)"),
        (("app", "t", "u"), "failed (linux/amd64), blocked by t (linux/amd64), u (linux/amd64)"),
    ],
)
def test_what_blocks_in_words(cells: tuple[str, ...], words: str) -> None:
    found = [CellId(name, Platform.parse("linux/amd64")) for name in cells]
    assert blocked_by("app", found) == words
