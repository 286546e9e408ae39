from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jsonschema
import pytest

from bakex.errors import ConfigError
from bakex.model.platform import Platform
from bakex.platforms import shape
from bakex.platforms.document import Document
from bakex.platforms.profile import Device, Profile


@dataclass(frozen=True, kw_only=True)
class Inner:
    size: int = field(metadata=shape.number("Size.", 1, 2))


@dataclass(frozen=True, kw_only=True)
class Thing:
    name: str = field(metadata=shape.text("Name.", pattern="[a-z]+"))
    kind: str = field(default="a", metadata=shape.choice("Kind.", "a", "b"))
    some_words: tuple[str, ...] = field(default=(), metadata=shape.texts("Words."))
    go: tuple[tuple[str, str], ...] = field(default=(), metadata=shape.pairs("Pairs."))
    count: int = field(default=0, metadata=shape.number("Count."))
    magic: bytes = field(default=b"", metadata=shape.octets("Bytes."))
    where: Platform | None = field(default=None, metadata=shape.platform("Platform."))
    runs: tuple[Platform, ...] = field(default=(), metadata=shape.platforms("Platforms."))
    inner: Inner | None = field(default=None, metadata=shape.record("Inner.", Inner))
    parts: tuple[Inner, ...] = field(default=(), metadata=shape.records("Parts.", Inner))
    by_name: tuple[tuple[str, Inner], ...] = field(
        default=(), metadata=shape.named("By name.", Inner, pattern="[a-z]+")
    )
    undeclared: int = 3


WHOLE: dict[str, Any] = {
    "name": "x",
    "kind": "b",
    "some-words": ["p", "q"],
    "go": {"A": "1", "B": "2"},
    "count": 7,
    "magic": "7f45",
    "where": "linux/arm/v7",
    "runs": ["linux/arm64"],
    "inner": {"size": 1},
    "parts": [{"size": 2}],
    "by-name": {"z": {"size": 1}, "a": {"size": 2}},
}


def read(value: object) -> Thing:
    return shape.read(Thing, document(value), value)


def document(value: object) -> Document:
    return Document(name="f", value=value, place=lambda _: None)


def test_reading_and_writing_undo_each_other() -> None:
    thing = read(WHOLE)
    assert thing == Thing(
        name="x",
        kind="b",
        some_words=("p", "q"),
        go=(("A", "1"), ("B", "2")),
        count=7,
        magic=b"\x7fE",
        where=Platform("linux", "arm", "v7"),
        runs=(Platform("linux", "arm64"),),
        inner=Inner(size=1),
        parts=(Inner(size=2),),
        by_name=(("z", Inner(size=1)), ("a", Inner(size=2))),
    )
    assert shape.write(thing) == WHOLE
    assert shape.write(read({"name": "x"})) == {"name": "x"}


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"nam": "x"}, "nam: unknown key", "did you mean 'name'?"),
    ({"undeclared": 1}, "undeclared: unknown key", "keys are name, kind, some-words, go"),
    ({"name": 3}, "name: expected a text", "put it in quotes"),
    ({"name": "X"}, "name: 'X' does not fit", "expected [a-z]+"),
    ({"some-words": [""]}, "some-words.0: '' does not fit", "expected some text"),
    ({"some-words": "p"}, "some-words: expected a list", "write [...]"),
    ({"some-words": ["p", "p"]}, "some-words.1: this is in the list twice", "remove one"),
    ({"kind": "c"}, "kind: 'c' does not fit", "expected a|b"),
    ({"go": ["A"]}, "go: expected keys with values", "write key: value"),
    ({"go": {"A": 1}}, "go.A: expected a text", "put it in quotes"),
    ({"count": "7"}, "count: expected a whole number of at most 32 bits", ""),
    ({"count": True}, "count: expected a whole number of at most 32 bits", ""),
    ({"count": -1}, "count: expected a whole number of at most 32 bits", ""),
    ({"count": 1 << 32}, "count: expected a whole number of at most 32 bits", ""),
    ({"inner": {"size": 3}}, "inner.size: expected a whole number of 1, 2", ""),
    ({"inner": {}}, "inner.size: this key is missing", "write size: ..."),
    ({"parts": []}, "parts: expected at least one element", ""),
    ({"parts": [{"size": 1}, 3]}, "parts.1: expected keys with values", "write key: value"),
    ({"by-name": {}}, "by-name: expected at least one name", ""),
    ({"by-name": {"Z": {"size": 1}}}, "by-name.Z: this is no name", "expected [a-z]+"),
    ({"by-name": {"z": {}}}, "by-name.z.size: this key is missing", "write size: ..."),
    ({"magic": "7F"}, "magic: expected hexadecimal digits in pairs", 'write "7f45"'),
    ({"magic": 7}, "magic: expected hexadecimal digits in pairs", 'write "7f45"'),
    ({"where": 1}, "where: expected a platform", "write os/arch or os/arch/variant"),
    ({"where": "x"}, "where: invalid platform 'x'", "write os/arch or os/arch/variant"),
    ({"where": "linux/armhf"}, "where: 'linux/armhf' is not its normal form", "write linux/arm/v7"),
]


@pytest.mark.parametrize(("change", "summary", "hint"), WRONG, ids=[w[1] for w in WRONG])
def test_what_is_wrong_is_said(change: dict[str, Any], summary: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(WHOLE | change)
    assert caught.value.summary == summary
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_a_record_has_keys(value: object) -> None:
    with pytest.raises(ConfigError, match="expected keys with values"):
        read(value)


def test_the_schema_takes_and_refuses_the_same() -> None:
    schema = shape.schema_of(Thing)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(WHOLE, schema)
    # What only bakex can tell is the normal form of a platform.
    for change, summary, _ in WRONG:
        if "normal form" not in summary:
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(WHOLE | change, schema)


@pytest.mark.parametrize("of", [Profile, Device])
def test_every_key_is_explained(of: type[Any]) -> None:
    def walk(schema: Any) -> None:
        for inner in schema.get("properties", {}).values():
            assert inner["description"].endswith(".")
            walk(inner)
            walk(inner.get("items", {}))

    walk(shape.schema_of(of))
