from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.compose import interpolation
from bakex.bake.compose.interpolation import boolean, cast_at
from bakex.errors import EvaluationError

if TYPE_CHECKING:
    from tests.unit.bake.compose.conftest import Load


def test_all_texts_but_keys_are_filled_in(load_project: Load) -> None:
    project = load_project(
        'services: {a: {image: "$S", build: {args: {"$S": "${S}", B: 1}, tags: ["$S:1"]}}}',
        environ={"S": "s"},
    )
    target = project.targets["a"]
    assert target.values["args"] == {"$S": "s", "B": "1"}
    assert target.values["tags"] == ("s:1",)


def test_variables_that_are_not_set_are_told_once_each(load_project: Load) -> None:
    project = load_project('services: {a: {image: "$X", build: {args: {A: "$X", B: "$Y"}}}}')
    assert [warning.summary for warning in project.warnings] == [
        "the variable 'X' is not set and counts as empty",
        "the variable 'Y' is not set and counts as empty",
    ]
    assert str(project.warnings[0].span) == "0.yaml:1:23"
    assert project.warnings[0].severity == "warning"


@pytest.mark.parametrize(
    ("rest", "words", "place"),
    [
        ("x-a: [{b: '${Q:?no}'}]", r"x-a.\[\].b: the variable 'Q' must be set: no", "2:11"),
        ("volumes: {v: {external: maybe}}", "volumes.v.external: 'maybe' is no boolean", "2:25"),
        ("networks: {v: {internal: '${}'}}", "networks.v.internal: malformed variable", "2:26"),
    ],
)
def test_faults_are_found_in_the_whole_file(
    load_project: Load, rest: str, words: str, place: str
) -> None:
    with pytest.raises(EvaluationError, match=words) as caught:
        load_project(f"services: {{a: {{build: .}}}}\n{rest}\n")
    assert str(caught.value.span) == f"0.yaml:{place}"


@pytest.mark.parametrize(
    ("key", "value", "fits"),
    [
        ("tty", "yes", True),
        ("tty", "maybe", False),
        ("cpus", "'0.5'", True),
        ("cpus", "x", False),
        ("cpus", "' 1'", False),
        ("scale", "'3'", True),
        ("scale", "'3.5'", False),
        ("scale", "'1_0'", False),
        ("pids_limit", "'99999999999999999999999'", False),
        ("ulimits", "{nofile: 'x'}", False),
        ("ulimits", "{nofile: {soft: '1', hard: '2'}}", True),
        ("ulimits", "{nofile: {other: 'x'}}", True),
        ("ports", "[{target: x}]", False),
        ("healthcheck", "{retries: x}", False),
        ("hostname", "maybe", True),
    ],
)
def test_texts_that_stand_for_something_else(
    load_project: Load, key: str, value: str, fits: bool
) -> None:
    text = f"services: {{a: {{build: ., {key}: {value}}}}}"
    if fits:
        assert load_project(text).targets
        return
    with pytest.raises(EvaluationError, match=f"services.a.{key}"):
        load_project(text)


def test_most_places_want_texts() -> None:
    assert cast_at(("services", "a", "image")) is None
    assert cast_at(("services", "a")) is None
    assert cast_at(("services", "a", "ulimits")) is None
    assert cast_at(("x-a", "b", "external")) is None
    assert cast_at(("secrets", "s", "external")) is boolean


@pytest.mark.parametrize("word", ["true", "TRUE", "y", "Yes", "on"])
def test_words_for_true(word: str) -> None:
    assert boolean(word)


@pytest.mark.parametrize("word", ["false", "n", "NO", "off"])
def test_words_for_false(word: str) -> None:
    assert not boolean(word)


def test_texts_may_not_become_too_long(load_project: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolation, "MAX_TEXT", 1000)
    with pytest.raises(EvaluationError, match="more than 1000 characters"):
        load_project('x-a: ["$A", "$A"]\nservices: {}', environ={"A": "x" * 600})
