"""How layers make one file system."""

from __future__ import annotations

import pytest

from bakex.errors import ContentError
from bakex.platforms.program import Script
from bakex.verification import tree as module
from bakex.verification.layer import (
    DIRECTORY,
    FILE,
    HARD_LINK,
    LINK,
    OPAQUE,
    WHITEOUT,
    Entry,
)
from bakex.verification.tree import Tree


def program(path: str, word: str = "") -> Entry:
    return Entry(path, FILE, runs=True, content=Script(interpreter=word or path))


def made(*layers: list[Entry]) -> Tree:
    tree = Tree()
    for number, layer in enumerate(layers, start=1):
        for entry in layer:
            tree.add(number, entry)
    return tree


def paths(tree: Tree) -> list[str]:
    return sorted(path for path, _ in tree.files())


def word(tree: Tree, path: str) -> str:
    found = tree.file(path)
    assert found is not None
    content = found[1].content
    assert isinstance(content, Script)
    return content.interpreter


def test_later_layers_replace_and_hide() -> None:
    base = [program("a"), program("d/b"), program("d/e/c"), program("f/g")]
    assert paths(made(base)) == ["/a", "/d/b", "/d/e/c", "/f/g"]
    assert paths(made(base, [Entry("a", WHITEOUT), Entry("f", WHITEOUT)])) == ["/d/b", "/d/e/c"]
    assert word(made(base, [program("a", "new")]), "a") == "new"
    # A file that cannot be run is nothing, and takes the place of what was there.
    assert paths(made(base, [Entry("d", FILE), Entry("x/y", FILE)])) == ["/a", "/f/g"]
    assert paths(made(base, [program("d")])) == ["/a", "/d", "/f/g"]
    assert paths(made(base, [program("a/b")])) == ["/a/b", "/d/b", "/d/e/c", "/f/g"]
    assert paths(made(base, [Entry("a", "pipe")])) == ["/d/b", "/d/e/c", "/f/g"]
    assert paths(made(base, [Entry("no/where", WHITEOUT), Entry("z", WHITEOUT)])) == paths(
        made(base)
    )


@pytest.mark.parametrize("reverse", [False, True])
def test_whiteouts_leave_what_is_of_their_own_layer(*, reverse: bool) -> None:
    base = [program("d/old"), program("d/e/old"), program("a", "old")]
    layer = [
        Entry("d", OPAQUE), Entry("a", WHITEOUT), program("a", "new"), program("d/new"),
        program("d/e/new"),
    ]  # fmt: skip
    tree = made(base, layer[::-1] if reverse else layer)
    assert paths(tree) == ["/a", "/d/e/new", "/d/new"]
    assert word(tree, "a") == "new"
    hidden = [program("d/new"), Entry("d", WHITEOUT)]
    assert paths(made(base, hidden[::-1] if reverse else hidden)) == ["/a", "/d/new"]
    assert paths(made(base, [Entry("", OPAQUE), program("b")])) == ["/b"]
    assert paths(made(base, [Entry("a", OPAQUE), Entry("x", OPAQUE)])) == paths(made(base))


def test_links_are_followed_inside_of_the_image() -> None:
    tree = made(
        [
            Entry("lib", LINK, "usr/lib"), program("usr/lib/x"), Entry("usr/lib/y", LINK, "x"),
            Entry("up", LINK, "../../../usr/./lib/x"), Entry("loop", LINK, "loop"),
            Entry("abs", LINK, "/lib"), Entry("", DIRECTORY), Entry("out", LINK, "../etc"),
        ]
    )  # fmt: skip
    for path in ("lib/x", "/lib/y", "up", "abs/../lib/x", "/usr/lib/../lib/x"):
        found = tree.file(path)
        assert found is not None, path
        assert found[0] == "/usr/lib/x"
    for path in ("loop", "out", "lib", "", "lib/x/z", "lib/x/..//z", "nothing/x"):
        assert tree.file(path) is None, path
    assert tree.names("/lib") == ["x", "y"]
    assert tree.names("/lib/x") == tree.names("/none") == []
    top = tree.find("/")
    assert top is not None
    assert top[0] == "/"


def test_entries_go_where_links_lead_to() -> None:
    base = [Entry("usr/lib", DIRECTORY), Entry("lib", LINK, "usr/lib"), Entry("no", LINK, "gone")]
    assert paths(made(base, [program("lib/x/y"), program("no/z")])) == ["/no/z", "/usr/lib/x/y"]
    # A directory takes the place of a link, as containerd does it.
    assert paths(made(base, [Entry("lib", DIRECTORY), program("lib/x")])) == ["/lib/x"]


def test_hard_links() -> None:
    base = [program("bin/busybox"), Entry("l", LINK, "bin/busybox")]
    layer = [Entry("bin/ls", HARD_LINK, "bin/busybox"), Entry("m", HARD_LINK, "l")]
    tree = made(base, [*layer, Entry("bin/busybox", FILE)], [Entry("bin/ls", HARD_LINK, "none")])
    assert paths(tree) == []
    tree = made(base, layer)
    assert paths(tree) == ["/bin/busybox", "/bin/ls"]
    one, two = tree.file("bin/ls"), tree.file("m")
    assert one is not None
    assert two is not None
    assert one[1].content is two[1].content


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NODES", 10)
    with pytest.raises(ContentError, match="more than 10 programs"):
        made([program("/".join("a" * 12))])
