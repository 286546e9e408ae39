from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.api.builders import Builders, Chosen, dump, project_file
from bakex.config import Settings, load
from bakex.diagnostics import render
from bakex.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

FARM = "builders: {NAME: {nodes: {n: {endpoint: 'unix:///FROM.sock'}}}}\n"


def settings(home: Path, **environ: str) -> Settings:
    cwd = home / "project"
    cwd.mkdir(exist_ok=True)
    return load({"HOME": str(home), **environ}, cwd=cwd)


def user(home: Path, text: str) -> None:
    folder = home / ".config" / "bakex"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "builders.yaml").write_text(text)


def project(home: Path, text: str) -> Path:
    (home / "project").mkdir(exist_ok=True)
    file = home / "project" / "bakex.yaml"
    file.write_text(text)
    return file


def farm(name: str, origin: str) -> str:
    return FARM.replace("NAME", name).replace("FROM", origin)


def buildx(home: Path, name: str, driver: str = "remote") -> None:
    folder = home / ".docker" / "buildx" / "instances"
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [{"Name": f"{name}0", "Endpoint": "tcp://h:1"}]
    (folder / name).write_text(json.dumps({"Name": name, "Driver": driver, "Nodes": nodes}))


def choose(home: Path, chosen: Chosen) -> None:
    folder = home / ".local" / "state" / "bakex"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "builder.json").write_bytes(dump(chosen))


def addresses(builders: Builders, name: str) -> list[str]:
    return [c.endpoint.address for c in builders.declared(name) or () if c.endpoint]


def test_nothing_is_declared(tmp_path: Path) -> None:
    builders = Builders(settings(tmp_path))
    assert builders.declared("farm") is None
    assert builders.current() == ""
    assert [builder.name for builder in builders.listed()] == ["private", "default"]


def test_the_users_builders_go_before_those_of_the_project(tmp_path: Path) -> None:
    user(tmp_path, farm("farm", "mine"))
    project(tmp_path, farm("farm", "theirs"))
    builders = Builders(settings(tmp_path))
    assert addresses(builders, "farm") == ["unix:///mine.sock"]
    listed = [(b.name, b.source, b.hidden) for b in builders.listed()]
    assert listed == [
        ("farm", "user", False),
        ("farm", "project", True),
        ("private", "bakex", False),
        ("default", "docker", False),
    ]


def test_builders_of_docker_are_listed(tmp_path: Path) -> None:
    buildx(tmp_path, "two")
    buildx(tmp_path, "odd", driver="cloud")
    found = {b.name: b for b in Builders(settings(tmp_path)).listed()}
    assert found["two"].source == "buildx"
    assert found["two"].nodes == (("two0", "tcp://h:1"),)
    assert "driver 'cloud'" in found["odd"].problem
    assert found["default"].nodes == (("default", "unix:///var/run/docker.sock"),)


def test_where_a_projects_file_is_looked_for(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    file = tmp_path / "a" / "bakex.yaml"
    file.touch()
    (tmp_path / "bakex.yaml").touch()
    assert project_file(deep) is None  # no repository: not above the directory
    (tmp_path / "a" / ".git").mkdir()
    assert project_file(deep) == file
    file.unlink()
    assert project_file(deep) is None  # not above the repository
    (deep / "bakex.yaml").touch()
    assert project_file(deep) == deep / "bakex.yaml"


def test_mistakes_are_shown_with_their_place(tmp_path: Path) -> None:
    file = project(tmp_path, "builders:\n  ci:\n    nodes:\n      n: {endpont: private}\n")
    with pytest.raises(ConfigError) as caught:
        Builders(settings(tmp_path)).declared("ci")
    shown = render(caught.value.diagnostics()[0])
    assert f"--> {file}:4:" in shown
    assert "did you mean 'endpoint'?" in shown


def test_an_endpoint_that_cannot_be_used_is_shown_with_its_place(tmp_path: Path) -> None:
    file = project(tmp_path, "builders:\n  ci:\n    nodes:\n      n: {endpoint: 'http://h'}\n")
    with pytest.raises(
        ConfigError, match=r"^builders\.ci\.nodes\.n\.endpoint: addresses"
    ) as caught:
        Builders(settings(tmp_path)).declared("ci")
    assert caught.value.detail
    assert caught.value.span is not None
    assert str(caught.value.span) == f"{file}:4:21"
    assert caught.value.source


@pytest.mark.parametrize(
    "line",
    [
        "n: {endpoint: private, password: hunter2}",
        "n: {endpoint: 'tcp://me:hunter2@h:1'}",
        "n: {endpoint: 'docker-container://me:hunter2@h'}",
        "n: {endpoint: 'tcp://h:1', tls: {ca: '-----BEGIN hunter2\n-----'}}",
    ],
)
def test_lines_that_may_hold_a_secret_are_not_shown(tmp_path: Path, line: str) -> None:
    project(tmp_path, f"builders:\n  ci:\n    nodes:\n      {line}\n")
    with pytest.raises(ConfigError) as caught:
        Builders(settings(tmp_path)).declared("ci")
    shown = render(caught.value.diagnostics()[0])
    assert "bakex.yaml:4:" in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "no YAML"),
        ("- a\n", "expected keys"),
        ("", "holds 0 documents"),
        ("version: 2\n", "version"),
        ("builders: {}\n", "at least one name"),
        ("builders: {private: {nodes: {n: {endpoint: private}}}}\n", "bakex's own engine"),
        ("builders: {'a b': {nodes: {n: {endpoint: private}}}}\n", "this is no name"),
        ("builders: {a: {nodes: {}}}\n", "at least one name"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    user(tmp_path, text)
    with pytest.raises(ConfigError, match=message):
        Builders(settings(tmp_path)).declared("x")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / ".config" / "bakex" / "builders.yaml").mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot read"):
        Builders(settings(tmp_path)).declared("x")


def test_the_builder_in_use(tmp_path: Path) -> None:
    user(tmp_path, farm("farm", "mine"))
    file = project(tmp_path, farm("ci", "ci"))
    choose(tmp_path, Chosen(builder="farm"))
    assert Builders(settings(tmp_path)).current() == "farm"
    choose(tmp_path, Chosen(builder="farm", projects={str(file): "ci", "/other": "x"}))
    builders = Builders(settings(tmp_path))
    assert builders.current() == "ci"
    assert [b.name for b in builders.listed() if b.in_use] == ["ci"]


def test_variables_go_before_the_builder_in_use(tmp_path: Path) -> None:
    user(tmp_path, farm("farm", "mine"))
    choose(tmp_path, Chosen(builder="farm"))

    def marked(**environ: str) -> list[str]:
        return [b.name for b in Builders(settings(tmp_path, **environ)).listed() if b.in_use]

    assert marked() == ["farm"]
    assert marked(BAKEX_BUILDER="default") == ["default"]
    assert marked(BUILDKIT_HOST="tcp://h:1") == []


def test_the_builder_in_use_must_be_there(tmp_path: Path) -> None:
    choose(tmp_path, Chosen(builder="gone"))
    with pytest.raises(ConfigError, match="'gone' is in use but is no longer there") as caught:
        Builders(settings(tmp_path)).current()
    assert "bakex builder use --none" in caught.value.hint
    assert not any(b.in_use for b in Builders(settings(tmp_path)).listed())


@pytest.mark.parametrize("document", [{"builder": 1}, {"projects": []}])
def test_a_choice_that_cannot_be_read(tmp_path: Path, document: object) -> None:
    choose(tmp_path, Chosen())
    (tmp_path / ".local/state/bakex/builder.json").write_text(json.dumps(document))
    with pytest.raises(ConfigError, match="does not say which builder"):
        Builders(settings(tmp_path)).current()


def test_names_that_are_mistyped(tmp_path: Path) -> None:
    user(tmp_path, farm("farm", "mine"))
    builders = Builders(settings(tmp_path))
    builders.check("farm")
    with pytest.raises(UsageError) as near:
        builders.check("fram")
    assert near.value.hint == "did you mean 'farm'?"
    with pytest.raises(UsageError) as far:
        builders.check("elsewhere")
    assert far.value.hint == "list them with bakex builder ls"
