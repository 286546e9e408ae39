from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import CycleError, DefinitionError
from tests.unit.bake.compose.conftest import settings

if TYPE_CHECKING:
    from tests.unit.bake.compose.conftest import Load

INNER = "services: {i: {build: ./ii, image: '$I'}}\n"


@pytest.mark.parametrize("include", ["[s/i.yml]", "[{path: s/i.yml}]", "[{path: [s/i.yml]}]"])
def test_paths_are_relative_to_the_included_file(load_project: Load, include: str) -> None:
    project = load_project(
        f"include: {include}\nservices: {{w: {{build: .}}}}",
        others={"s/i.yml": INNER, "s/.env": "I=i"},
    )
    assert list(project.targets) == ["i", "w"]
    assert settings(project.targets["i"]) == {"context": "s/ii", "tags": ["i"]}
    assert project.groups["default"].targets == ("i", "w")


def test_includes_of_includes(load_project: Load) -> None:
    project = load_project(
        "include: [s/i.yml]",
        others={
            "s/i.yml": f"include: [t/j.yml]\n{INNER}",
            "s/t/j.yml": "services: {j: {build: {secrets: [q]}}}\nsecrets: {q: {file: f}}",
        },
        environ={"I": "i"},
    )
    assert settings(project.targets["j"]) == {
        "context": "s/t",
        "secret": [{"id": "q", "src": "s/t/f"}],
    }


def test_the_directory_of_a_project(load_project: Load) -> None:
    project = load_project(
        "include: [{path: s/i.yml, project_directory: pd}]",
        others={"s/i.yml": INNER, "s/.env": "I=s", "pd/.env": "I=pd"},
    )
    assert settings(project.targets["i"]) == {"context": "pd/ii", "tags": ["pd"]}


def test_the_environment_goes_before_its_files(load_project: Load) -> None:
    others = {"s/i.yml": INNER, "s/.env": "I=s", "e": "I=e\nJ=$I", "f": "I=f"}
    text = "include: [{path: s/i.yml, env_file: [e, f]}]"
    assert settings(load_project(text, others=others).targets["i"])["tags"] == ["f"]
    assert settings(load_project(text, others=others, dotenv="I=top").targets["i"])["tags"] == [
        "top"
    ]


def test_several_files_are_one_project(load_project: Load) -> None:
    project = load_project(
        "include: [{path: [a.yml, s/b.yml]}]",
        others={
            "a.yml": "services: {i: {build: ./ii}}",
            "s/b.yml": "services: {i: {build: {target: q}}}",
        },
    )
    assert settings(project.targets["i"]) == {"context": "ii", "target": "q"}


def test_what_is_included_can_be_overridden_by_another_file(load_project: Load) -> None:
    project = load_project(
        "include: [s/i.yml]",
        "services: {i: {build: {target: t}}}",
        others={"s/i.yml": "services: {i: {build: x}}"},
    )
    assert settings(project.targets["i"]) == {"context": "s/x", "target": "t"}


def test_services_with_variables_of_their_own_project(load_project: Load) -> None:
    project = load_project(
        "include: [s/i.yml]",
        others={
            "s/i.yml": "services: {i: {build: {args: [Q]}, environment: [Q]}}",
            "s/.env": "Q=q",
        },
    )
    assert settings(project.targets["i"])["args"] == {"Q": "q"}


@pytest.mark.parametrize("include", ["", "[]", "[{}]", "[{path: }]"])
def test_nothing_is_included(load_project: Load, include: str) -> None:
    project = load_project(f"include: {include}\nservices: {{w: {{build: .}}}}")
    assert list(project.targets) == ["w"]


def test_the_same_file_twice(load_project: Load) -> None:
    project = load_project(
        "include: [s/i.yml, s/i.yml]", others={"s/i.yml": "services: {i: {build: x}}"}
    )
    assert list(project.targets) == ["i"]


@pytest.mark.parametrize(
    ("include", "words"),
    [
        ("x", "include: a list is required"),
        ("[5]", "each element must be a text or a mapping"),
        ("[{path: 5}]", "include.path: a text or a list of texts is required"),
        ("[{path: [a, 5]}]", "include.path"),
        (
            "[{path: a.yml, project_directory: [x]}]",
            "include.project_directory: a text is required",
        ),
        ("[nope.yml]", "no such file: 'nope.yml'"),
        ("[{path: a.yml, env_file: nope}]", "no such file: 'nope'"),
        ("['https://x/y.yml']", "on another machine"),
        ("[same.yml]", "services.w: an included file has one of this name"),
        ("[secret.yml]", "secrets.s: an included file has one of this name"),
        ("[empty.yml, list.yml]", "must be a mapping"),
    ],
)
def test_faults(load_project: Load, include: str, words: str) -> None:
    others = {
        "a.yml": "services: {i: {build: .}}",
        "same.yml": "services: {w: {build: other}}",
        "secret.yml": "secrets: {s: {file: other}}",
        "empty.yml": "",
        "list.yml": "[a]",
    }
    text = f"include: {include}\nservices: {{w: {{build: .}}}}\nsecrets: {{s: {{file: f}}}}"
    with pytest.raises(DefinitionError, match=words) as caught:
        load_project(text, others=others)
    assert caught.value.span is not None


def test_circles(load_project: Load) -> None:
    others = {"a.yml": "include: [0.yaml]", "0.yaml": "include: [a.yml]"}
    with pytest.raises(CycleError, match="include each other") as caught:
        load_project("include: [a.yml]", others=others)
    assert caught.value.detail == "0.yaml -> a.yml -> 0.yaml."


def test_long_chains_are_refused(load_project: Load) -> None:
    others = {f"{i}.yml": f"include: [{i + 1}.yml]" for i in range(100)}
    with pytest.raises(DefinitionError, match="more than 30 includes"):
        load_project("include: [0.yml]", others=others)
