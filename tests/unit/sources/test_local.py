from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import DefinitionError
from bakex.model import bakefile
from bakex.model.bakefile import Syntax
from bakex.sources.local import DEFAULT_NAMES, find

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def names(cwd: Path, *given: str, environ: Mapping[str, str] | None = None) -> list[str]:
    found = find(given, cwd=cwd, environ=environ or {}, stdin=lambda: b"from stdin")
    return [file.name for file in found]


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    for name in ("a.hcl", "b.hcl", "c.foo", "d.JSON"):
        (tmp_path / name).write_text(name)
    (tmp_path / "empty.hcl").touch()
    (tmp_path / "dir").mkdir()
    return tmp_path


def test_named_files_in_order(cwd: Path) -> None:
    assert names(cwd, "b.hcl", "a.hcl") == ["b.hcl", "a.hcl"]
    assert names(cwd, "cwd://a.hcl", str(cwd / "b.hcl")) == ["a.hcl", str(cwd / "b.hcl")]


def test_standard_input(cwd: Path) -> None:
    (found,) = find(["-"], cwd=cwd, environ={}, stdin=lambda: b"text")
    assert (found.name, found.content, found.syntax) == ("-", b"text", Syntax.EITHER)


def test_empty_files_do_not_count(cwd: Path) -> None:
    assert names(cwd, "empty.hcl", "a.hcl") == ["a.hcl"]
    with pytest.raises(DefinitionError, match="no bake file found"):
        names(cwd, "empty.hcl")


@pytest.mark.parametrize(
    ("name", "syntax"),
    [
        ("a.hcl", Syntax.NATIVE),
        ("a.json", Syntax.JSON),
        ("a.HCL", Syntax.EITHER),
        ("d.JSON", Syntax.EITHER),
        ("c.foo", Syntax.EITHER),
        ("c.yml", Syntax.YAML),
        ("c.YAML", Syntax.YAML),
    ],
)
def test_the_name_tells_the_syntax(cwd: Path, name: str, syntax: Syntax) -> None:
    (cwd / name).write_text("x")
    (found,) = find([name], cwd=cwd, environ={}, stdin=bytes)
    assert found.syntax is syntax


@pytest.mark.parametrize("name", ["nope.hcl", "dir", "a.hcl/x", "nul\0"])
def test_files_that_cannot_be_read(cwd: Path, name: str) -> None:
    with pytest.raises(DefinitionError, match="cannot read"):
        names(cwd, name)


def test_a_huge_file_is_refused(cwd: Path) -> None:
    with (cwd / "huge.hcl").open("wb") as file:
        file.truncate(bakefile.MAX_SIZE + 1)
    with pytest.raises(DefinitionError, match="larger than"):
        names(cwd, "huge.hcl")


def test_every_default_file_is_read(cwd: Path) -> None:
    for name in reversed(DEFAULT_NAMES):
        (cwd / name).write_text("x")
    assert names(cwd) == [
        "compose.yaml",
        "compose.yml",
        "docker-compose.yml",
        "docker-compose.yaml",
        "docker-bake.json",
        "docker-bake.hcl",
        "docker-bake.override.json",
        "docker-bake.override.hcl",
    ]


def test_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        names(tmp_path)
    assert "docker-bake.hcl" in caught.value.detail


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"BUILDX_BAKE_FILE": " a.hcl : b.hcl :"}, ["a.hcl", "b.hcl"]),
        ({"BUILDX_BAKE_FILE": "b.hcl,-", "BUILDX_BAKE_PATH_SEPARATOR": ","}, ["b.hcl", "-"]),
        ({"BUILDX_BAKE_FILE": "  "}, ["docker-bake.hcl"]),
    ],
)
def test_files_of_the_environment(cwd: Path, environ: dict[str, str], found: list[str]) -> None:
    (cwd / "docker-bake.hcl").write_text("x")
    assert names(cwd, environ=environ) == found


def test_options_go_before_the_environment(cwd: Path) -> None:
    assert names(cwd, "b.hcl", environ={"BUILDX_BAKE_FILE": "a.hcl"}) == ["b.hcl"]


def test_a_missing_file_of_the_environment(cwd: Path) -> None:
    with pytest.raises(DefinitionError, match=r"zz\.hcl"):
        names(cwd, environ={"BUILDX_BAKE_FILE": "zz.hcl"})


def test_a_url_is_no_file(cwd: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        names(cwd, "https://host/docker-bake.hcl")
    assert "first argument" in caught.value.hint
