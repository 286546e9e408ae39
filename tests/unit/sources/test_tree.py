from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DefinitionError
from bakex.sources.tree import Tree, subdirectory

if TYPE_CHECKING:
    from pathlib import Path


def test_it_lives_as_long_as_its_value(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "a" / "b")
    path = tree.path
    (path / "file").touch()
    assert path.stat().st_mode & 0o777 == 0o700
    del tree
    gc.collect()
    assert not path.exists()


def test_it_can_be_removed_before(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.remove()
    tree.remove()
    assert list(tmp_path.iterdir()) == []


def test_where_no_directory_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DefinitionError, match="cannot make a directory"):
        Tree(tmp_path / "file")


def test_subdirectories(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "file").touch()
    (root / "in").symlink_to("a")
    (root / "out").symlink_to(tmp_path)
    found = {
        path: subdirectory(root, path)
        for path in ("", ".", "/", "a/b", "/a/b/", "in/b", "a/..", "..", "out", "file", "no", "\0")
    }
    assert found == {
        "": root,
        ".": root,
        "/": root,
        "a/b": root / "a" / "b",
        "/a/b/": root / "a" / "b",
        "in/b": root / "a" / "b",
        "a/..": root,
        "..": None,
        "out": None,
        "file": None,
        "no": None,
        "\0": None,
    }
