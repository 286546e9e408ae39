from __future__ import annotations

import gc
import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DefinitionError
from bakex.model.bakefile import Syntax
from bakex.sources.limits import Limits
from bakex.sources.remote import Remote, find

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Repository, Web


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    path = tmp_path / "cwd"
    path.mkdir()
    (path / "local.hcl").write_text("local")
    (path / "docker-bake.hcl").write_text("never")
    return path


def get(url: str, cwd: Path, *names: str, limits: Limits | None = None) -> Remote:
    return find(
        url,
        names,
        cwd=cwd,
        environ={"PATH": os.environ["PATH"]},
        stdin=lambda: b"from stdin",
        proxy=lambda scheme, host, port: None,
        workspace=cwd.parent / "workspace",
        limits=limits,
    )


def listed(remote: Remote) -> list[tuple[str, bytes, bool]]:
    return [(file.name, file.content, file.remote) for file in remote.files]


def tar(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def test_every_default_file_of_a_repository(web: Web, repo: Repository, cwd: Path) -> None:
    repo.commit({"compose.yaml": "c", "docker-bake.json": "", "docker-bake.override.hcl": "o"})
    found = get(f"{web.url}/git/repo.git", cwd)
    assert listed(found) == [
        ("compose.yaml", b"c", True),
        ("docker-bake.hcl", b'target "default" {}', True),
        ("docker-bake.override.hcl", b"o", True),
    ]
    assert [file.syntax for file in found.files][:2] == [Syntax.YAML, Syntax.NATIVE]
    assert found.root is not None
    assert not found.archive
    assert found.reader.read("sub/x.hcl") == b'target "x" {}'
    assert found.reader.glob("**/*.hcl") == (
        "docker-bake.hcl",
        "docker-bake.override.hcl",
        "sub/x.hcl",
    )


def test_files_of_a_tree_and_of_this_machine(web: Web, repo: Repository, cwd: Path) -> None:
    repo.commit({"a.hcl": "a", "empty.hcl": ""})
    url = f"{web.url}/git/repo.git"
    found = get(url, cwd, "cwd://local.hcl", "a.hcl", "empty.hcl", "cwd://-")
    assert listed(found) == [
        ("a.hcl", b"a", True),
        ("local.hcl", b"local", False),
        ("-", b"from stdin", False),
    ]
    only_local = get(url, cwd, "cwd://local.hcl")
    assert [name for name, _, _ in listed(only_local)] == ["docker-bake.hcl", "local.hcl"]


def test_the_directory_of_the_reference_is_the_root(web: Web, repo: Repository, cwd: Path) -> None:
    found = get(f"{web.url}/git/repo.git#:sub", cwd, "x.hcl")
    assert listed(found) == [("x.hcl", b'target "x" {}', True)]
    with pytest.raises(DefinitionError, match="out of bounds"):
        found.reader.read("../docker-bake.hcl")


@pytest.mark.parametrize("name", ["nope.hcl", "-", "local.hcl"])
def test_a_file_that_is_not_in_the_tree(web: Web, repo: Repository, cwd: Path, name: str) -> None:
    with pytest.raises(DefinitionError, match="no file") as caught:
        get(f"{web.url}/git/repo.git", cwd, name)
    assert f"cwd://{name}" in caught.value.hint
    assert list((cwd.parent / "workspace").iterdir()) == []


@pytest.mark.parametrize("name", ["link.hcl", "../cwd/local.hcl", "docker-bake.json"])
def test_a_tree_cannot_name_files_of_this_machine(
    web: Web, repo: Repository, cwd: Path, name: str
) -> None:
    for link in ("link.hcl", "docker-bake.json"):
        (repo.work / link).symlink_to(cwd / "local.hcl")
    repo.commit({"a": "b"})
    with pytest.raises(DefinitionError, match="out of bounds"):
        get(f"{web.url}/git/repo.git", cwd, name)


def test_an_archive(web: Web, cwd: Path) -> None:
    web.pages["/x"] = tar(**{"docker-bake.hcl": "x", "d__y.hcl": "y"})
    found = get(f"{web.url}/x", cwd)
    assert listed(found) == [("docker-bake.hcl", b"x", True)]
    assert found.archive
    assert found.reader.read("d/y.hcl") == b"y"
    assert [path.is_dir() for path in (cwd.parent / "workspace").iterdir()] == [True]
    del found
    gc.collect()
    assert list((cwd.parent / "workspace").iterdir()) == []


def test_no_files_in_a_tree(web: Web, cwd: Path) -> None:
    web.pages["/one"] = tar(**{"repo-main__docker-bake.hcl": "x"})
    web.pages["/two"] = tar(a__b="x", b__c="x")
    with pytest.raises(DefinitionError, match="no bake file found") as caught:
        get(f"{web.url}/one", cwd)
    assert "-f repo-main/docker-bake.hcl" in caught.value.hint
    assert listed(get(f"{web.url}/one", cwd, "repo-main/docker-bake.hcl"))
    with pytest.raises(DefinitionError, match="no bake file found"):
        get(f"{web.url}/two", cwd)


def test_a_single_file(web: Web, cwd: Path) -> None:
    web.pages["/docker-bake.hcl"] = b"x"
    url = f"{web.url.replace('://', '://me:s3cret@')}/docker-bake.hcl"
    found = get(url, cwd, "ignored.hcl", "cwd://local.hcl")
    name = f"{web.url.replace('://', '://***@')}/docker-bake.hcl"
    assert listed(found) == [(name, b"x", True), ("local.hcl", b"local", False)]
    assert found.files[0].syntax is Syntax.NATIVE
    assert found.tree is None
    assert found.reader.read("local.hcl") == b"local"
    with pytest.raises(DefinitionError, match="out of bounds"):
        found.reader.read("../outside.hcl")
    assert list((cwd.parent / "workspace").iterdir()) == []


def test_an_empty_file(web: Web, cwd: Path) -> None:
    web.pages["/x.hcl"] = b""
    with pytest.raises(DefinitionError, match="no bake file found"):
        get(f"{web.url}/x.hcl", cwd)


def test_a_file_that_is_too_large(web: Web, cwd: Path) -> None:
    web.pages["/x.hcl"] = b"#" * 2000
    with pytest.raises(DefinitionError, match="is too large"):
        get(f"{web.url}/x.hcl", cwd, limits=Limits(file=1999))
    assert list((cwd.parent / "workspace").iterdir()) == []


def test_a_hostile_archive_leaves_nothing(web: Web, cwd: Path) -> None:
    web.pages["/x"] = tar(**{"..__evil": "x"})
    with pytest.raises(DefinitionError, match="leads out"):
        get(f"{web.url}/x", cwd)
    assert list((cwd.parent / "workspace").iterdir()) == []
