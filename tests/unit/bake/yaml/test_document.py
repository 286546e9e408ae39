from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.hcl.source import Source
from bakex.bake.yaml import document
from bakex.bake.yaml.document import read
from bakex.bake.yaml.nodes import Mapping, Scalar, Sequence, YamlNode
from bakex.errors import BakexError, SyntaxDefinitionError

if TYPE_CHECKING:
    from bakex.bake.yaml.scalars import Value


def values(node: YamlNode) -> object:
    if isinstance(node, Mapping):
        return {key: values(value) for key, value in node}
    if isinstance(node, Sequence):
        return [values(item) for item in node.items]
    assert isinstance(node, Scalar)
    return node.value


def only(text: str) -> object:
    (found,) = read(Source("f.yaml", text))
    return values(found)


def fault(text: str) -> SyntaxDefinitionError:
    with pytest.raises(SyntaxDefinitionError) as caught:
        read(Source("f.yaml", text))
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: [x, '1', \"2\"]\n", {"a": 1, "b": ["x", "1", "2"]}),
        ("a: |\n  x\n  y\nb: >\n  x\n  y\n", {"a": "x\ny\n", "b": "x y\n"}),
        ("{a: {b: c}}", {"a": {"b": "c"}}),
        ("a:\n- ~\n-\n", {"a": [None, None]}),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x 1\nb: *x\n", {"a": 1, "b": 1}),
        ("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
        ("&k a: 1\nb: *k\n", {"a": 1, "b": "a"}),
        ("yes: 1\n'1': 2\n", {"yes": 1, "1": 2}),
        (
            "a: !!str 1\nb: !foo bar\nc: !foo 12\nd: ! 12\n",
            {"a": "1", "b": "bar", "c": 12, "d": 12},
        ),
        ("a: !foo '12'\n", {"a": "12"}),
        ("a: !!set {b}\n", {"a": {"b": None}}),
        ("just text", "just text"),
        ("\ufeffa: 1".removeprefix("\ufeff"), {"a": 1}),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
    ],
)
def test_values(text: str, expected: object) -> None:
    assert only(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x: &x {a: 1, b: 1}\ny: {<<: *x, b: 2}\n", {"b": 2, "a": 1}),
        ("x: &x {a: 1, b: 1}\ny: {b: 2, <<: *x}\n", {"b": 2, "a": 1}),
        ("x: &x {a: 1}\ny: {<<: [*x, {a: 2, c: 3}]}\n", {"a": 1, "c": 3}),
        ("x: 1\ny: {'<<': {a: 1}}\n", {"<<": {"a": 1}}),
        ("x: &x {a: 1}\nz: &z {<<: *x}\ny: {<<: *z}\n", {"a": 1}),
    ],
)
def test_merge_keys(text: str, expected: object) -> None:
    found = only(text)
    assert isinstance(found, dict)
    assert found["y"] == expected


def test_documents() -> None:
    assert [values(node) for node in read(Source("f", "a: &x 1\n---\nb: 2\n"))] == [
        {"a": 1},
        {"b": 2},
    ]
    assert read(Source("f", "")) == ()
    assert read(Source("f", "# nothing\n")) == ()


def test_tags_stay() -> None:
    (node,) = read(Source("f", "a: !reset null\nb: !override [x]\n"))
    assert isinstance(node, Mapping)
    assert [value.tag for _, value in node] == ["!reset", "!override"]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: [b", "1:6", "no YAML"),
        ("services:\n\ta: b\n", "2:1", "no YAML"),
        ("a: 1\nb: 2\na: 3\n", "3:1", "'a' is there twice"),
        ("'1': 1\n1: 2\n", "2:1", "no text"),
        ("a: {b: 1, b: 2}\n", "1:11", "twice"),
        ("x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x\n", "4:3", "twice"),
        ("1: x\n", "1:1", "'1' is no text"),
        ("a:\n  true: x\n", "2:3", "'true' is no text"),
        ("~: x\n", "1:1", "no text"),
        ("2024-01-01: x\n", "1:1", "no text"),
        ("[a]: x\n", "1:1", "a list cannot be a key"),
        ("{a: b}: x\n", "1:1", "a mapping cannot be a key"),
        ("a: *b\n", "1:4", "no anchor 'b'"),
        ("a: &x 1\n---\nb: *x\n", "3:4", "no anchor 'x'"),
        ("a: &x\n  b: *x\n", "2:6", "contains itself"),
        ("a: {<<: 3}\n", "1:9", "only mappings"),
        ("a: {<<: [{b: 1}, 3]}\n", "1:9", "only mappings"),
        ("a: {<<: }\n", "1:9", "only mappings"),
        ("a: !!int foo\n", "1:4", "no int"),
        ('a: "\x01"\n', "1:5", "no YAML"),
        ("é: [ß, }\n", "1:8", "no YAML"),
    ],
)
def test_faults(text: str, place: str, words: str) -> None:
    found = fault(text)
    assert words in found.summary
    assert str(found.span) == f"f.yaml:{place}"
    assert found.source == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "64 levels"),
        ("{a: " * 100_000, "64 levels"),
        ("\n".join(f"{' ' * level}a:" for level in range(200)), "64 levels"),
        ("a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 80)), "levels"),
        (
            "a0: &a0 [x]\n"
            + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)),
            "200000 values",
        ),
        (
            "a0: &a0 {x: 1}\n"
            + "".join(
                f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}], y{i}: 1}}\n"
                for i in range(1, 700)
            ),
            "merged entries",
        ),
        ("---\na: b\n" * 200, "100 documents"),
        ("#" * (16 * 1024 * 1024 + 1), "larger than"),
    ],
    ids=["flow", "mappings", "block", "chain", "laughs", "merges", "documents", "size"],
)
def test_limits(text: str, words: str) -> None:
    assert words in fault(text).summary


def test_too_many_scalars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MAX_NODES", 10)
    assert "10 values" in fault("[" + "x, " * 20 + "]").summary


@pytest.mark.parametrize("value", ["9" * 100_000, "0x" + "f" * 100_000, "x" * 1_000_000])
def test_long_scalars_are_texts(value: Value) -> None:
    assert only(f"a: {value}\n") == {"a": value}


def test_without_the_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert only("a: &x [1, yes]\nb: *x\n") == {"a": [1, "yes"], "b": [1, "yes"]}
    assert str(fault("a: [b").span) == "f.yaml:1:6"
    assert str(fault("a: \x01").span) == "f.yaml:1:4"
    assert "64 levels" in fault("[" * 1000).summary


pieces = st.sampled_from(
    ["a", ":", " ", "\n", "- ", "[", "]", "{", "}", ",", "&x ", "*x", "<<", "!", "!!int ", "'", '"',
     "|", ">", "#", "---", "1", "~", "?", "\t", "é", "\\", "%"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(pieces, max_size=30).map("".join)))
def test_nothing_but_our_errors_gets_out(text: str) -> None:
    # Anything else that gets out fails the test.
    with suppress(BakexError):
        for node in read(Source("f", text)):
            values(node)
            assert node.span.line >= 1
