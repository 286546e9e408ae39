from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bakex.errors import BakexError, DefinitionError
from tests.unit.bake.compose.conftest import settings

if TYPE_CHECKING:
    from tests.unit.bake.compose.conftest import Load

ARGS = "build: {args: [X, Y, Z]}"


def test_services_that_are_built_are_targets(load_project: Load) -> None:
    project = load_project("services: {b: {build: .}, a.x: {build: ./d}, c: {image: i}}")
    assert list(project.targets) == ["a_x", "b"]
    assert project.groups["default"].targets == ("a_x", "b")
    assert project.sources == {
        "0.yaml": "services: {b: {build: .}, a.x: {build: ./d}, c: {image: i}}"
    }
    assert str(project.targets["a_x"].spans["context"]) == "0.yaml:1:40"


def test_two_services_of_one_name(load_project: Load) -> None:
    project = load_project("services: {a.b: {build: .}, a_b: {build: {target: q}}}")
    assert settings(project.targets["a_b"]) == {"target": "q"}


@pytest.mark.parametrize(
    ("text", "members"),
    [("services: {a: {image: x}}", None), ("services: {}", 0), ("secrets: {s: {file: f}}", 0)],
)
def test_nothing_is_built(load_project: Load, text: str, members: int | None) -> None:
    project = load_project(text)
    assert project.targets == {}
    if members is None:
        assert project.groups["default"].targets is None
    else:
        assert project.groups == {}


@pytest.mark.parametrize(
    ("build", "tags"),
    [
        (".", ["img"]),
        ("{tags: []}", ["img"]),
        ("{tags: [t]}", ["t"]),
        ("{x-bake: {tags: t}}", ["t"]),
    ],
)
def test_the_image_is_the_only_tag(load_project: Load, build: str, tags: list[str]) -> None:
    project = load_project(f"services: {{a: {{image: img, build: {build}}}}}")
    assert settings(project.targets["a"])["tags"] == tags


def test_where_values_come_from(load_project: Load) -> None:
    project = load_project(
        "services: {a: {build: {args: [V, E, D, N]}}}",
        variables={"V": "var"},
        environ={"V": "env", "E": "env"},
        dotenv="V=dot\nE=dot\nD=${E}dot",
    )
    assert settings(project.targets["a"])["args"] == {"V": "var", "E": "env", "D": "envdot"}


def test_variables_in_dotenv_that_are_not_set(load_project: Load) -> None:
    project = load_project("services: {a: {build: .}}", dotenv="A=$NOPE")
    assert [warning.summary for warning in project.warnings] == [
        "the variable 'NOPE' is not set and counts as empty"
    ]


@pytest.mark.parametrize(
    ("name", "environ", "expected"),
    [
        ("", {}, "bake"),
        ("name: foo\n", {}, "foo"),
        ("", {"COMPOSE_PROJECT_NAME": "e"}, "e"),
        ("name: foo\n", {"COMPOSE_PROJECT_NAME": "e"}, "foo"),
        ("name: '${N}x'\n", {"N": "n"}, "nx"),
        ("name: 5\n", {}, "5"),
        ("name: ''\n", {"COMPOSE_PROJECT_NAME": ""}, "bake"),
    ],
)
def test_the_name_of_the_project(
    load_project: Load, name: str, environ: dict[str, str], expected: str
) -> None:
    text = "services: {a: {build: {args: {P: '$COMPOSE_PROJECT_NAME', COMPOSE_PROJECT_NAME: }}}}"
    args = settings(load_project(name + text, environ=environ).targets["a"])["args"]
    assert args == {"P": expected, "COMPOSE_PROJECT_NAME": expected}


@pytest.mark.parametrize(
    ("rest", "others", "expected"),
    [
        ("env_file: e", {"e": "X=1\nY=$X"}, {"X": "1", "Y": "1"}),
        ("env_file: ./d/../e", {"e": "X=1"}, {"X": "1"}),
        ("env_file: [e, f]", {"e": "X=1\nY=1", "f": "X=2\nY=${X}y"}, {"X": "2", "Y": "2y"}),
        ("env_file: [e, f]", {"e": "X=1", "f": "Y=${X}y"}, {"X": "1", "Y": "1y"}),
        ("env_file: e, environment: {X: 5}", {"e": "X=1\nY=$X"}, {"X": "5", "Y": "5"}),
        ("env_file: e, environment: {X: }", {"e": "X=1\nY=$X"}, {"Y": "1"}),
        ("env_file: [{path: nope, required: false}, e]", {"e": "X=1"}, {"X": "1"}),
        ("env_file: [{path: nope, required: 'no'}]", {}, {}),
        ("env_file: [{path: e, required: true}]", {"e": "Y=1"}, {"Y": "1"}),
        ("environment: [X=1, Y]", {}, {"X": "1"}),
        ("environment: {X: 1.50, Y: true}", {}, {"X": "1.5", "Y": "true"}),
        ("environment: {X: }", {}, {}),
    ],
)
def test_arguments_from_the_environment_of_the_service(
    load_project: Load, rest: str, others: dict[str, str], expected: dict[str, str]
) -> None:
    project = load_project(f"services: {{a: {{{ARGS}, {rest}}}}}", others=others)
    assert settings(project.targets["a"]).get("args", {}) == expected


def test_the_projects_variables_go_before_files(load_project: Load) -> None:
    project = load_project(
        f"services: {{a: {{{ARGS}, env_file: [e, f], environment: [Z]}}}}",
        others={"e": "X=1", "f": "X=2\nY=${X}y\nQ=$UNSET"},
        environ={"X": "env", "Z": "z"},
    )
    assert settings(project.targets["a"])["args"] == {"X": "2", "Y": "envy", "Z": "z"}
    assert len(project.warnings) == 1


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ("services:\n  a:\n", "services.a: there is neither image nor build", "2:5"),
        ("services:\n  a: {image: ''}\n", "neither image nor build", "2:6"),
        (
            "services:\n  a: {build: {dockerfile: a, dockerfile_inline: b}}\n",
            "exclude each other",
            "2:49",
        ),
        (
            "services:\n  a: {build: {additional_contexts: {x: 'service:n'}}}\n",
            "there is no service 'n' that is built",
            "2:40",
        ),
        (
            "services:\n  a: {build: {additional_contexts: {x: 'service:b'}}}\n  b: {image: i}\n",
            "there is no service 'b' that is built",
            "2:40",
        ),
        ("secrets: {s: {}}\n", "secrets.s: it comes from nowhere", "1:14"),
        (
            "services:\n  a: {image: i, env_file: nope}\n",
            "services.a.env_file: no such file: 'nope'",
            "2:27",
        ),
        (
            "services:\n  a: {image: i, env_file: [{path: e, format: raw}]}\n",
            "unknown format 'raw'",
            "2:28",
        ),
        ("services:\n  a: {image: i, env_file: bad}\n", "cannot be in the name", ""),
        ("include: []\n", "'0.yaml' has no services", "1:1"),
        ("secrets:\n", "secrets: a mapping is required", "1:9"),
    ],
)
def test_faults(load_project: Load, text: str, words: str, place: str) -> None:
    with pytest.raises(DefinitionError, match=words) as caught:
        load_project(text, others={"e": "", "bad": "!"})
    assert str(caught.value.span) == (f"0.yaml:{place}" if place else "bad:1:1")
    assert caught.value.source


def test_files_cannot_be_named_without_a_reader(load_project: Load) -> None:
    with pytest.raises(DefinitionError, match="'e' cannot be read here"):
        load_project("services: {a: {build: ., env_file: e}}")


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("include: []", "has no services"),
        ("services: {w: {extends: v}}", "there is no service 'v'"),
        ("services: {w: {env_file: nope}}", "no such file"),
    ],
)
def test_each_file_is_a_compose_file_by_itself(load_project: Load, second: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=words) as caught:
        load_project("services: {v: {build: .}}", second, others={})
    assert caught.value.span is not None
    assert caught.value.span.file == "1.yaml"


def test_a_file_alone_need_not_be_complete(load_project: Load) -> None:
    project = load_project("services: {w: {build: a}}", "services: {w: {environment: {A: b}}}")
    assert settings(project.targets["w"]) == {"context": "a"}


@pytest.mark.parametrize(
    ("name", "context", "contexts"),
    [
        ("s/c.yaml", "s/d", {"a": "s/x", "b": "/y"}),
        ("-", "d", {"a": "x", "b": "/y"}),
        ("c.yaml", "d", {"a": "x", "b": "/y"}),
    ],
)
def test_contexts_relative_to_the_first_file(
    load_project: Load, name: str, context: str, contexts: dict[str, str]
) -> None:
    text = "services: {w: {build: {context: d, target: t, additional_contexts: {a: x, b: /y}}}}"
    draft = load_project(text, names=(name,), relative=True).targets["w"]
    assert (draft.values["context"], draft.values["contexts"]) == (context, contexts)
    assert draft.directory == ("s" if name == "s/c.yaml" else "")
    assert load_project(text, names=(name,)).targets["w"].values["context"] == "d"


def test_growing_by_merging_is_limited(load_project: Load) -> None:
    tags = ", ".join(f"t{i}" for i in range(20_000))
    heirs = ", ".join(f"s{i}: {{extends: b, build: {{tags: [q]}}}}" for i in range(1_000))
    with pytest.raises(DefinitionError, match="the compose files are too large") as caught:
        load_project(f"services: {{b: {{build: {{tags: [{tags}]}}}}, {heirs}}}")
    assert caught.value.span is not None


def test_the_number_of_files_is_limited(load_project: Load) -> None:
    others = {
        f"{i}.yml": f"include: [{i + 1}.yml, {i + 1}.yml]\nservices: {{s{i}: {{build: .}}}}"
        for i in range(20)
    }
    others["20.yml"] = "services: {z: {build: .}}"
    with pytest.raises(DefinitionError, match="too many files"):
        load_project("include: [0.yml]", others=others)


keys = st.sampled_from(
    ["services", "secrets", "include", "name", "x-a", "a", "b", "build", "image", "extends", "args",
     "context", "tags", "ulimits", "x-bake", "ssh", "secrets", "env_file", "environment", "file",
     "service", "labels", "additional_contexts", "shm_size", "extra_hosts", "external", "path"]
)  # fmt: skip
leaves = st.sampled_from(
    ["~", "true", "5", "1.5", "a", "''", "'$X'", "'${X:-d}'", "'a=b'", "service:a", "!reset null",
     "!override [a]", "2024-01-01", "'${'", "-1", ".", "'1g'", "b.yml"]
)  # fmt: skip
documents = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(keys, inner, max_size=4).map(
            lambda found: "{" + ", ".join(f"{k}: {v}" for k, v in found.items()) + "}"
        ),
    ),
    max_leaves=20,
)


@given(services=documents, rest=documents, second=documents)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_nothing_but_our_errors_gets_out(
    load_project: Load, services: str, rest: str, second: str
) -> None:
    first = f"services: {{a: {services}, b: {{extends: a, build: {rest}}}}}\nsecrets: {rest}\n"
    others = {"b.yml": f"services: {{a: {second}}}"}
    with suppress(BakexError):
        load_project(first, others=others)
    with suppress(BakexError):
        load_project(first, f"services: {{a: {{build: {second}}}}}", others=others)
