from __future__ import annotations

from bakex.bake.hcl.source import Source
from bakex.bake.yaml.document import read
from bakex.bake.yaml.nodes import Mapping, Scalar, Sequence, YamlNode, is_null


def root(text: str) -> YamlNode:
    return read(Source("f.yaml", text))[0]


def test_copies_stay_in_their_place() -> None:
    node = root("a: {b: [1, x]}\n")
    assert isinstance(node, Mapping)
    inner = node.get("a")
    assert isinstance(inner, Mapping)
    listed = inner.get("b")
    assert isinstance(listed, Sequence)
    assert str(listed.having([]).span) == str(listed.span) == "f.yaml:1:8"
    assert inner.having({}).entries == {}
    changed = listed.items[1]
    assert isinstance(changed, Scalar)
    assert (changed.having("y").value, changed.having("y").text) == ("y", "y")
    assert (changed.having(None).text, str(changed.having(None).span)) == ("x", "f.yaml:1:12")


def test_weight_and_depth_count_aliases() -> None:
    node = root("a: &a [1, 2]\nb: [*a, *a]\n")
    assert (node.weight, node.depth) == (1 + 3 + 7, 4)


def test_mappings_are_iterated_in_order() -> None:
    node = root("b: 1\na: 2\n")
    assert isinstance(node, Mapping)
    assert [key for key, _ in node] == ["b", "a"]
    assert node.get("c") is None


def test_null() -> None:
    assert is_null(None)
    assert is_null(root("~"))
    assert not is_null(root("''"))
    assert not is_null(root("[]"))
    assert list(YamlNode(Source("f", ""), 0, 0).children()) == []
