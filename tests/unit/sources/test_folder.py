from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DefinitionError
from bakex.sources import folder as module
from bakex.sources.folder import Folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    base = tmp_path / "root"
    for name in ("a.hcl", "b.hcl", "x.json", "sub/c.hcl", "sub/deep/d.hcl", ".h/e.hcl", ".f.hcl"):
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "secret.hcl").write_text("secret")
    (base / "out.hcl").symlink_to(tmp_path / "secret.hcl")
    (base / "in.hcl").symlink_to("a.hcl")
    (base / "loop").symlink_to(".")
    (base / "up").symlink_to("..")
    (base / "gone.hcl").symlink_to("nowhere")
    return base


def test_read(root: Path) -> None:
    folder = Folder(root)
    assert folder.read("sub/c.hcl") == b"sub/c.hcl"
    assert folder.read(str(root / "a.hcl")) == b"a.hcl"
    assert folder.read("../secret.hcl") == b"secret"
    assert folder.read("out.hcl") == b"secret"


@pytest.mark.parametrize("name", ["nope", "sub/nope", "a.hcl/x", "gone.hcl", "nope/../a.hcl"])
def test_read_what_is_not_there(root: Path, name: str) -> None:
    assert Folder(root).read(name) is None


@pytest.mark.parametrize("name", ["sub", ".", "nul\0", "x" * 300])
def test_read_what_is_no_file(root: Path, name: str) -> None:
    for confined in (False, True):
        with pytest.raises(DefinitionError, match="cannot read"):
            Folder(root, confined=confined).read(name)


def test_read_too_much(root: Path) -> None:
    assert Folder(root, limit=5).read("a.hcl") == b"a.hcl"
    with pytest.raises(DefinitionError, match="larger than 4 bytes"):
        Folder(root, limit=4).read("a.hcl")


def test_confined(root: Path) -> None:
    folder = Folder(root, confined=True)
    assert folder.read("sub/../in.hcl") == b"a.hcl"
    assert folder.read("loop/loop/a.hcl") == b"a.hcl"
    assert folder.read("nope") is None
    for name in ("out.hcl", "../secret.hcl", "up/secret.hcl", "/etc/passwd", "../nope"):
        with pytest.raises(DefinitionError, match="out of bounds"):
            folder.read(name)


def test_a_root_that_is_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert Folder(tmp_path / "link", confined=True).read("a.hcl") == b"a.hcl"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.hcl", ("a.hcl", "b.hcl", "in.hcl", "out.hcl")),
        ("[ab].hcl", ("a.hcl", "b.hcl")),
        ("[!ab].hcl", ()),
        ("?.hcl", ("a.hcl", "b.hcl")),
        ("a.hcl", ("a.hcl",)),
        ("./sub//*.hcl", ("sub/c.hcl",)),
        ("*/c.hcl", ("sub/c.hcl",)),
        (".*.hcl", (".f.hcl",)),
        (".h/*", (".h/e.hcl",)),
        ("sub/**", ("sub/c.hcl", "sub/deep/d.hcl")),
        ("**/d.hcl", ("sub/deep/d.hcl",)),
        ("**/*.json", ("x.json",)),
        ("loop/a.hcl", ("loop/a.hcl",)),
        ("sub/../x.*", ("sub/../x.json",)),
        ("../s*.hcl", ("../secret.hcl",)),
        ("nope/*", ()),
        ("a.hcl/*", ()),
        ("sub", ()),
        ("", ()),
        (".", ()),
    ],
)
def test_glob(root: Path, pattern: str, found: tuple[str, ...]) -> None:
    assert Folder(root).glob(pattern) == found


def test_glob_of_an_absolute_pattern(root: Path) -> None:
    assert Folder(root).glob(f"{root}/[ab].hcl") == (f"{root}/a.hcl", f"{root}/b.hcl")


def test_confined_glob(root: Path) -> None:
    folder = Folder(root, confined=True)
    assert folder.glob("*.hcl") == ("a.hcl", "b.hcl", "in.hcl")
    for pattern in ("../*.hcl", "up/*.hcl", "/etc/*"):
        with pytest.raises(DefinitionError, match="out of bounds"):
            folder.glob(pattern)
    assert folder.glob("/etc/passwd") == ()


def test_glob_where_nothing_may_be_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DefinitionError, match="cannot read"):
        Folder(root).glob("*")


def test_glob_has_limits(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FOUND", 3)
    with pytest.raises(DefinitionError, match="matches more than 3 files"):
        Folder(root).glob("*.hcl")
    monkeypatch.setattr(module, "MAX_VISITED", 5)
    with pytest.raises(DefinitionError, match="among more than 5 names"):
        Folder(root).glob("**/d.hcl")
