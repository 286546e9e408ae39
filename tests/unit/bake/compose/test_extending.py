from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import CycleError, DefinitionError
from tests.unit.bake.compose.conftest import settings

if TYPE_CHECKING:
    from tests.unit.bake.compose.conftest import Load

BASE = "b: {build: {context: d, args: {A: 1, B: 2}, tags: [x]}, environment: {Q: 1}}"


@pytest.mark.parametrize("extends", ["b", "{service: b}", "{service: b, file: }"])
def test_a_service_of_the_same_file(load_project: Load, extends: str) -> None:
    own = f"w: {{extends: {extends}, build: {{target: t, args: [A=3], tags: [y]}}}}"
    project = load_project(f"services: {{{BASE}, {own}}}")
    assert settings(project.targets["w"]) == {
        "context": "d",
        "args": {"A": "3", "B": "2"},
        "tags": ["x", "y"],
        "target": "t",
    }
    assert settings(project.targets["b"])["args"] == {"A": "1", "B": "2"}


def test_a_chain_in_any_order(load_project: Load) -> None:
    project = load_project(
        "services: {c: {extends: b, build: {target: t}}, b: {extends: a}, a: {build: {context: q}}}"
    )
    assert settings(project.targets["c"]) == {"context": "q", "target": "t"}


def test_reset_and_override_reach_what_is_extended(load_project: Load) -> None:
    own = "build: {tags: !reset [], args: {A: !reset 0}}"
    project = load_project(f"services: {{{BASE}, w: {{extends: b, {own}}}}}")
    assert settings(project.targets["w"]) == {"context": "d", "args": {"B": "2"}}
    own = "build: {tags: !override [z]}"
    project = load_project(f"services: {{{BASE}, w: {{extends: b, {own}}}}}")
    assert settings(project.targets["w"])["tags"] == ["z"]


def test_a_service_of_another_file(load_project: Load) -> None:
    project = load_project(
        "services: {w: {extends: {file: s/b.yml, service: b}, build: {target: t}}}",
        others={
            "s/b.yml": "services: {b: {env_file: e, build: {context: d, args: [X],"
            " additional_contexts: {x: ../y}}}}\n---\nservices: {b: {build: {tags: [q]}}}\n",
            "s/e": "X=1",
        },
    )
    assert settings(project.targets["w"]) == {
        "context": "s/d",
        "contexts": {"x": "y"},
        "args": {"X": "1"},
        "tags": ["q"],
        "target": "t",
    }
    assert list(project.sources) == ["0.yaml", "s/b.yml"]


def test_a_chain_of_files(load_project: Load) -> None:
    project = load_project(
        "services: {w: {extends: {file: s/b.yml, service: b}}}",
        others={
            "s/b.yml": "services: {b: {extends: {file: t/c.yml, service: c}, build: {target: t}}}",
            "s/t/c.yml": "services: {c: {build: {context: cc}}}",
        },
    )
    assert settings(project.targets["w"]) == {"context": "s/t/cc", "target": "t"}


@pytest.mark.parametrize(
    ("other", "context"),
    [("{build: {target: x}}", None), ("{build: .}", "s"), ("{build: {context: .}}", "s")],
)
def test_the_default_context_is_not_inherited(
    load_project: Load, other: str, context: str | None
) -> None:
    project = load_project(
        "services: {w: {extends: {file: s/b.yml, service: b}}}",
        others={"s/b.yml": f"services: {{b: {other}}}"},
    )
    assert settings(project.targets["w"]).get("context") == context


def test_a_file_may_be_the_same(load_project: Load) -> None:
    text = "services: {w: {extends: {file: 0.yaml, service: v}}, v: {build: q}}"
    assert settings(load_project(text, others={"0.yaml": text}).targets["w"]) == {"context": "q"}


def test_an_empty_service_adds_nothing(load_project: Load) -> None:
    project = load_project(
        "services: {w: {extends: b, build: x}, b: }\n---\nservices: {b: {image: i}}"
    )
    assert settings(project.targets["w"]) == {"context": "x"}


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ("{w: {extends: b}}", "services.w.extends: there is no service 'b'"),
        ("{w: {extends: {file: n.yml, service: b}}}", "no such file: 'n.yml'"),
        ("{w: {extends: {file: e.yml, service: b}}}", "there is no service 'b' in 'e.yml'"),
        ("{w: {extends: {file: x.yml, service: b}}}", "there is no service 'b' in 'x.yml'"),
        ("{w: {extends: {file: bad.yml, service: b}}}", "no YAML"),
        ("{w: {extends: {file: 'https://x/y.yml', service: b}}}", "on another machine"),
        ("{w: {extends: {file: list.yml, service: b}}}", "must be a mapping"),
        ("{w: {extends: {file: 5, service: b}}}", "services.w.extends.file: a text is required"),
        ("{w: {extends: {file: x}}}", "the name of a service is missing"),
        ("{w: {extends: {service: 5}}}", "the name of a service is missing"),
        ("{w: {extends: 5}}", "the name of a service is missing"),
        ("{w: {extends: []}}", "the name of a service is missing"),
        ("{w: {extends: v}, v: 5}", "services.v: a service must be a mapping"),
    ],
)
def test_faults(load_project: Load, services: str, words: str) -> None:
    others = {"e.yml": "services: {}", "x.yml": "x: 1", "bad.yml": "a: [", "list.yml": "[a]"}
    with pytest.raises(DefinitionError, match=words) as caught:
        load_project(f"services: {services}", others=others)
    assert caught.value.span is not None


@pytest.mark.parametrize(
    ("services", "chain"),
    [
        ("{w: {extends: w}}", "w -> w"),
        ("{w: {extends: b}, b: {extends: w}}", "w -> b -> w"),
        ("{a: {extends: w}, w: {extends: b}, b: {extends: w}}", "w -> b -> w"),
    ],
)
def test_circles(load_project: Load, services: str, chain: str) -> None:
    with pytest.raises(CycleError, match="services extend each other") as caught:
        load_project(f"services: {services}")
    assert caught.value.detail == f"{chain}."
    assert caught.value.span is not None


def test_circles_of_files(load_project: Load) -> None:
    others = {
        "a.yml": "services: {a: {extends: {file: b.yml, service: b}}}",
        "b.yml": "services: {b: {extends: {file: a.yml, service: a}}}",
    }
    with pytest.raises(CycleError):
        load_project("services: {w: {extends: {file: a.yml, service: a}}}", others=others)


def test_long_chains_are_refused(load_project: Load) -> None:
    chain = ", ".join(f"s{i}: {{extends: s{i + 1}}}" for i in range(200))
    with pytest.raises(DefinitionError, match="more than 50 services"):
        load_project(f"services: {{{chain}, s200: {{build: .}}}}")
