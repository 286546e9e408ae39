from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import SessionError
from bakex.session.filesync.ignore import Matcher
from bakex.session.filesync.packets import Stat
from bakex.session.filesync.tree import Child, DiskTree, Entry, MemoryTree
from bakex.session.filesync.walk import Selection, walk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bakex.session.filesync.tree import Tree


def listed(
    tree: Tree,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    follow: Sequence[str] = (),
) -> list[str]:
    selection = Selection.of(tree, include=include, exclude=exclude, follow=follow)
    return [os.fsdecode(stat.path) for stat in walk(tree, selection)]


TREE = MemoryTree(dict.fromkeys(("a/b/c", "a/b/d", "a/e", "a.x", "b/c/d", "f"), b""))


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ([], [], "a a/b a/b/c a/b/d a/e a.x b b/c b/c/d f"),
        ([], ["a"], "a.x b b/c b/c/d f"),
        ([], ["a", "!a/b/c"], "a a/b a/b/c a.x b b/c b/c/d f"),
        ([], ["**/c"], "a a/b a/b/d a/e a.x b f"),
        ([], ["**", "!**/d"], "a a/b a/b/d b b/c b/c/d"),
        ([], ["*", "!b"], "b b/c b/c/d"),
        (["a/b/c"], [], "a a/b a/b/c"),
        (["a/*"], [], "a a/b a/b/c a/b/d a/e"),
        (["a", "f"], ["a/b"], "a a/e f"),
        (["*/c/d"], [], "b b/c b/c/d"),
        (["a/b/**"], ["**/d"], "a a/b a/b/c"),
        (["nothing"], [], ""),
        (["!a"], [], ""),
    ],
)
def test_selections(include: list[str], exclude: list[str], expected: str) -> None:
    assert listed(TREE, include=include, exclude=exclude) == expected.split()


def test_followed_paths_are_included(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "other", "more"):
        (tmp_path / name).touch()
    tree = DiskTree(tmp_path)
    assert listed(tree, follow=["link"]) == ["file", "link"]
    assert listed(tree, follow=["link"], include=["more"]) == ["file", "link", "more"]
    assert listed(tree, follow=["."]) == ["file", "link", "more", "other"]
    # The whole directory is followed: what is included explicitly still counts, as upstream.
    assert listed(tree, follow=["."], include=["more"]) == ["more"]
    assert listed(tree, follow=["link"], include=["."]) == ["file", "link", "more", "other"]


def test_a_directory_sorts_as_if_the_slash_were_lowest() -> None:
    tree = MemoryTree({name: b"" for name in ("a/x", "a-b", "a", "a.c/y") if name != "a"})
    assert listed(tree) == ["a", "a/x", "a-b", "a.c", "a.c/y"]


NAMES = st.lists(st.text("ab.", min_size=1, max_size=2), min_size=1, max_size=4).map("/".join)
PATTERNS = st.lists(
    st.builds(
        lambda mark, parts: mark + "/".join(parts),
        st.sampled_from(["", "!"]),
        st.lists(st.sampled_from(["a", "b", "ab", "*", "?", "**", "a*"]), min_size=1, max_size=3),
    ).filter(lambda pattern: not pattern.endswith("*/**")),
    max_size=4,
)


@given(st.lists(NAMES, max_size=8), PATTERNS, PATTERNS)
def test_passing_over_directories_loses_nothing(
    names: list[str], include: list[str], exclude: list[str]
) -> None:
    try:
        tree = MemoryTree(dict.fromkeys(names, b""))
    except SessionError:
        return
    everything = listed(tree)
    assert everything == sorted(everything, key=lambda path: path.split("/"))
    includes, excludes = Matcher(include), Matcher(exclude)

    def results(matcher: Matcher, path: str) -> tuple[bool, bytes]:
        head, slash, _ = path.rpartition("/")
        return matcher.match(path, results(matcher, head)[1] if slash else None)

    wanted = [
        path
        for path in everything
        if (not includes or results(includes, path)[0]) and not results(excludes, path)[0]
    ]
    expected = [p for p in everything if any(w == p or w.startswith(p + "/") for w in wanted)]
    assert listed(tree, include=include, exclude=exclude) == expected


def test_later_names_of_a_file_are_links_to_the_first_listed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "c").hardlink_to(tmp_path / "a")
    tree = DiskTree(tmp_path)
    stats = list(walk(tree, Selection.of(tree)))
    assert [(s.path, s.linkname, s.size) for s in stats] == [
        (b"a", b"", 7),
        (b"b", b"a", 0),
        (b"c", b"a", 0),
    ]
    stats = list(walk(tree, Selection.of(tree, exclude=["a"])))
    assert [(s.path, s.linkname, s.size) for s in stats] == [(b"b", b"", 7), (b"c", b"b", 0)]


def test_names_that_are_no_text_are_matched_byte_by_byte(tmp_path: Path) -> None:
    (tmp_path / "x\udcff\udcfey").touch()
    (tmp_path / "\udcc3").mkdir()
    (tmp_path / "\udcc3" / "z").touch()
    tree = DiskTree(tmp_path)
    assert listed(tree, exclude=["x??y"]) == ["\udcc3", "\udcc3/z"]
    assert listed(tree, exclude=["x?y"]) == ["x\udcff\udcfey", "\udcc3", "\udcc3/z"]
    assert listed(tree, include=["?/z"]) == ["\udcc3", "\udcc3/z"]


class Unruly:
    """A tree in which names vanish, change their kind, or cannot be listed."""

    def __init__(self, kinds: dict[bytes, str]) -> None:
        self.kinds = kinds

    def children(self, path: bytes) -> list[Child]:
        if self.kinds.get(path) == "closed":
            raise SessionError(f"cannot read {path.decode()!r}: permission denied")
        below = sorted(p for p in self.kinds if p and p.rpartition(b"/")[0] == path)
        return [Child(p.rpartition(b"/")[2], self.kinds[p] != "file") for p in below]

    def describe(self, path: bytes) -> Entry | None:
        kind = self.kinds[path]
        if kind == "gone":
            return None
        return Entry(Stat(path, 0o644 if kind in {"file", "became a file"} else 1 << 31))

    def readlink(self, path: bytes) -> bytes | None:
        return None

    def open(self, path: bytes) -> None:
        return None


def test_what_vanishes_is_left_out() -> None:
    tree = Unruly({b"a": "gone", b"a/b": "file", b"c": "dir", b"c/d": "file", b"e": "gone"})
    assert listed(tree) == ["c", "c/d"]
    # A parent that was passed over and is wanted after all may be gone as well.
    assert listed(tree, include=["a/b"]) == ["a/b"]


def test_a_directory_that_became_a_file_is_a_file() -> None:
    tree = Unruly({b"a": "became a file", b"a/b": "file"})
    assert listed(tree) == ["a"]


def test_a_directory_that_cannot_be_listed() -> None:
    tree = Unruly({b"a": "file", b"secret": "closed"})
    with pytest.raises(SessionError, match="'secret'"):
        listed(tree)
    assert listed(tree, exclude=["secret"]) == ["a"]
    assert listed(tree, exclude=["secret", "!secret/x"]) == ["a"]
    assert listed(tree, include=["a", "secret/x"]) == ["a"]
