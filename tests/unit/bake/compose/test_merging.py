from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.compose.merging import same
from bakex.bake.hcl.source import Source
from bakex.bake.yaml.document import read
from bakex.errors import EvaluationError
from tests.unit.bake.compose.conftest import settings

if TYPE_CHECKING:
    from tests.unit.bake.compose.conftest import Load


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("a", "b", {"context": "b"}),
        ("{context: a, target: t}", "b", {"context": "b", "target": "t"}),
        ("a", "{target: t}", {"context": "a", "target": "t"}),
        ("{target: a}", "{target: ''}", {}),
        ("{args: {A: 1, B: 2}}", "{args: [B=3, C]}", {"args": {"A": "1", "B": "3", "C": "c"}}),
        ("{args: [B=3, C]}", "{args: {A: 1, B: }}", {"args": {"A": "1", "C": "c"}}),
        ("{args: {A: 1}}", "{args: []}", {"args": {"A": "1"}}),
        ("{args: {A: 1}}", "{args: {}}", {"args": {"A": "1"}}),
        ("{labels: {A: 1}}", "{labels: [B=3]}", {"labels": {"A": "1", "B": "3"}}),
        ("{tags: [a]}", "{tags: [b, a]}", {"tags": ["a", "b"]}),
        ("{platforms: [x]}", "{platforms: [y, x]}", {"platforms": ["x", "y", "x"]}),
        (
            "{additional_contexts: {a: x, b: y}}",
            "{additional_contexts: ['a=z', 'c=./q']}",
            {"contexts": {"a": "z", "b": "y", "c": "q"}},
        ),
        (
            "{extra_hosts: ['a=1.1.1.1']}",
            "{extra_hosts: {a: [1.1.1.1, 2.2.2.2], b: 3.3.3.3}}",
            {"extra-hosts": {"a": "1.1.1.1,2.2.2.2", "b": "3.3.3.3"}},
        ),
        (
            "{ulimits: {nofile: {soft: 1, hard: 2}}}",
            "{ulimits: {nofile: {soft: 2, hard: 3}, core: {soft: 1, hard: 1}}}",
            {"ulimits": ["core=1:1", "nofile=2:3"]},
        ),
        (
            "{x-bake: {tags: [a], output: [x]}}",
            "{x-bake: {tags: [b], contexts: {a: c}}}",
            {
                "tags": ["a", "b"],
                "output": [{"type": "local", "dest": "x"}],
                "contexts": {"a": "c"},
            },
        ),
        ("{x-bake: {tags: [c]}}", "{x-bake: null}", {"tags": ["c"]}),
        ("{x-bake: null}", "{x-bake: {tags: [c]}}", {"tags": ["c"]}),
        (
            "{tags: [a], args: {X: 1, Y: 2}}",
            "{tags: !reset [], args: {X: !reset x}}",
            {"args": {"Y": "2"}},
        ),
        ("{args: [X=1, Y=2]}", "{args: {X: !reset null}}", {"args": {"X": "1", "Y": "2"}}),
        (
            "{tags: [a], args: {X: 1}}",
            "{tags: !override [b], args: !override {Z: 1}}",
            {"tags": ["b"], "args": {"Z": "1"}},
        ),
        ("{args: {X: 1, Y: 2}}", "{args: {X: !override 5}}", {"args": {"X": "5", "Y": "2"}}),
        ("{tags: [a]}", "{tags: [!reset x, c]}", {"tags": ["a", "c"]}),
        ("{context: a, tags: [x]}", "!override {tags: [y]}", {"tags": ["y"]}),
        (
            "{ssh: [a=/x], additional_contexts: {a: b}}",
            "{ssh: !reset [], additional_contexts: !reset {}}",
            {},
        ),
    ],
)
def test_the_second_file_lies_over_the_first(
    load_project: Load, first: str, second: str, expected: dict[str, object]
) -> None:
    texts = [f"services: {{w: {{build: {text}}}}}" for text in (first, second)]
    project = load_project(*texts, environ={"C": "c"})
    assert settings(project.targets["w"]) == expected


def test_documents_of_one_file_lie_over_one_another(load_project: Load) -> None:
    text = "services: {w: {build: a}}\n---\nservices: {w: {build: {target: t}}, v: {build: .}}\n"
    project = load_project(text)
    assert settings(project.targets["w"]) == {"context": "a", "target": "t"}
    assert list(project.targets) == ["v", "w"]


def test_three_files(load_project: Load) -> None:
    texts = [
        f"services: {{w: {{build: {{args: {args}}}}}}}" for args in ("{A: 1}", "{B: 2}", "[A=3]")
    ]
    assert settings(load_project(*texts).targets["w"]) == {"args": {"A": "3", "B": "2"}}


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        ("{w: {build: a}, v: {build: .}}", "{w: !reset null, v: {image: x}}", ["v"]),
        ("{w: {build: a}, v: {build: .}}", "{w: {build: !reset null, image: z}}", ["v"]),
    ],
)
def test_services_can_be_taken_away(
    load_project: Load, first: str, second: str, left: list[str]
) -> None:
    assert list(load_project(f"services: {first}", f"services: {second}").targets) == left


def test_secrets_can_be_taken_away(load_project: Load) -> None:
    first = "services: {w: {build: {secrets: [s]}}}\nsecrets: {s: {file: f}}\n"
    second = "services: {w: {build: {secrets: !reset []}}}\nsecrets: {s: !reset {}}\n"
    assert settings(load_project(first, second).targets["w"]) == {}


def test_secrets_merge(load_project: Load) -> None:
    first = "services: {w: {build: {secrets: [s]}}}\nsecrets: {s: {file: f}}\n"
    project = load_project(first, "secrets: {s: {environment: E}}\n")
    assert settings(project.targets["w"]) == {"secret": [{"id": "s", "src": "f", "env": "E"}]}


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("{ssh: [a=/x]}", "{ssh: [b=/y], tags: [t]}", ""),
        (
            "{ulimits: {nofile: {soft: 1, hard: 2}}}",
            "{ulimits: {nofile: 7}}",
            "a scalar cannot be merged with a mapping",
        ),
        ("{x-bake: {tags: [c]}}", "{x-bake: {tags: d}}", "a scalar cannot be merged with a list"),
        (
            "{x-bake: {tags: [c]}}",
            "{x-bake: {tags: {a: b}}}",
            "a mapping cannot be merged with a list",
        ),
    ],
)
def test_what_does_not_merge(load_project: Load, first: str, second: str, words: str) -> None:
    texts = [f"services: {{w: {{build: {text}}}}}" for text in (first, second)]
    if not words:
        assert load_project(*texts).targets
        return
    with pytest.raises(EvaluationError, match=words) as caught:
        load_project(*texts)
    assert caught.value.span is not None
    assert caught.value.span.file == "1.yaml"


@pytest.mark.parametrize(
    "build", ["{args: [1]}", "{tags: [a, 5]}", "{labels: [{a: b}]}", "{args: [[x]]}"]
)
def test_elements_of_lists_by_key_are_texts(load_project: Load, build: str) -> None:
    with pytest.raises(EvaluationError, match="is no text"):
        load_project(f"services: {{w: {{build: {build}}}}}")


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("{a: [1, x]}", "a:\n- 1\n- x", True), ("{a: 1}", "{a: '1'}", False),
        ("{a: 1}", "{b: 1}", False), ("[1]", "[1, 2]", False), ("[1]", "{a: 1}", False),
        ("~", "null", True), ("true", "1", False), ("[[1]]", "[[2]]", False),
    ],
)  # fmt: skip
def test_same(one: str, other: str, equal: bool) -> None:
    first, second = (read(Source("f", text))[0] for text in (one, other))
    assert same(first, second) is equal
