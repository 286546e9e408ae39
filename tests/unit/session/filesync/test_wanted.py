"""What a daemon asks for, read from a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.session.attachable import Metadata
from bakex.session.filesync.tree import DiskTree
from bakex.session.filesync.walk import walk
from bakex.session.filesync.wanted import Wanted

if TYPE_CHECKING:
    from pathlib import Path


def test_of_a_request(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("d")
    pairs = (
        ("include-patterns", "a"),
        ("include-patterns", "b"),
        ("exclude-patterns", "b"),
        ("followpaths", "link"),
    )
    wanted = Wanted.of(Metadata(pairs))
    assert wanted == Wanted(include=("a", "b"), exclude=("b",), follow=("link",))
    tree = DiskTree(tmp_path)
    listed = [stat.path for stat in walk(tree, wanted.selection(tree))]
    assert listed == [b"a", b"d", b"link"]
