from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.session.filesync.follow import follow_paths, without_nested
from bakex.session.filesync.glob import PatternError
from bakex.session.filesync.tree import DiskTree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> DiskTree:
    (tmp_path / "dir").mkdir()
    (tmp_path / "bar").mkdir()
    for name, target in {
        "dir/l1": "l2",
        "dir/l2": "/bar/baz",
        "bar/baz": "../file",
        "loop1": "loop2",
        "loop2": "loop1",
        "self": "self/x",
        "out": "../../../etc",
        "root": "/",
        "dirlink": "dir",
        "broken": "nowhere/at/all",
    }.items():
        (tmp_path / name).symlink_to(target)
    (tmp_path / "file").write_text("x")
    (tmp_path / "dir" / "l3-file").write_text("x")
    return DiskTree(tmp_path)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], []),
        (["file"], ["file"]),
        (["missing"], ["missing"]),
        (["dir/l1"], ["bar/baz", "dir/l1", "dir/l2", "file"]),
        (["dirlink/l1"], ["bar/baz", "dir/l1", "dir/l2", "dirlink", "file"]),
        (["loop1"], ["loop1", "loop2"]),
        (["loop1/x/y"], ["loop1", "loop2"]),
        (["self"], ["self"]),
        (["out/passwd"], ["etc/passwd", "out"]),
        (["../../file"], ["file"]),
        (["broken"], ["broken", "nowhere/at/all"]),
        (["dir", "dir/l3-file"], ["dir"]),
        (["dir/l*"], ["bar/baz", "dir/l*", "dir/l2", "file"]),
        (["d*/l1"], ["bar/baz", "d*", "dir/l1", "dir/l2", "file"]),
        (["ba?/baz"], ["ba?/baz"]),
        (["nodir/*"], ["nodir/*"]),
        (["fil?"], ["fil?"]),
        (["."], None),
        (["/"], None),
        (["root"], None),
        (["file", ""], None),
    ],
)
def test_links_are_followed(tree: DiskTree, paths: list[str], expected: list[str] | None) -> None:
    assert follow_paths(tree, paths) == expected


def test_a_long_chain(tmp_path: Path) -> None:
    for index in range(2000):
        (tmp_path / f"l{index}").symlink_to(f"l{index + 1}")
    found = follow_paths(DiskTree(tmp_path), ["l0"])
    assert found is not None
    assert len(found) == 2001


def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = "n\udcff"
    (tmp_path / name).symlink_to(f"{name}-target")
    assert follow_paths(DiskTree(tmp_path), ["n*"]) == ["n*", f"{name}-target"]


def test_a_malformed_wildcard(tree: DiskTree) -> None:
    with pytest.raises(PatternError):
        follow_paths(tree, ["dir/[l"])


def test_nested_paths_are_dropped() -> None:
    assert without_nested(["a", "a/b", "a/c", "ab", "b/c"]) == ["a", "ab", "b/c"]
    assert without_nested(["/a", "b"]) == ["b"]
    assert without_nested(["a", "."]) is None
