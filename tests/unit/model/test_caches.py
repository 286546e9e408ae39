from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import DefinitionError
from bakex.model.caches import CacheEntry

_WORD = st.text(alphabet='ab1/:,"= ', min_size=1)


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("user/ref", [("registry", {"ref": "user/ref"})]),
        ("a,b", [("registry", {"ref": "a"}), ("registry", {"ref": "b"})]),
        ("TYPE=gha,Scope=S", [("gha", {"scope": "S"})]),
        ("type=local,src=p,src=q", [("local", {"src": "q"})]),
        ("type=inline", [("inline", {})]),
    ],
)
def test_parse(text: str, entries: list[tuple[str, dict[str, str]]]) -> None:
    assert CacheEntry.parse(text) == tuple(CacheEntry(type=t, attrs=a) for t, a in entries)


@pytest.mark.parametrize("text", ["ref=x", "type=gha,x", "type=", '"'])
def test_what_is_no_cache(text: str) -> None:
    with pytest.raises(DefinitionError):
        CacheEntry.parse(text)


def test_an_object_keeps_its_keys() -> None:
    entry = CacheEntry.of({"type": "gha", "Scope": "S"})
    assert entry == CacheEntry(type="gha", attrs={"Scope": "S"})


@pytest.mark.parametrize("fields", [{}, {"ref": "x"}])
def test_an_object_needs_a_type(fields: dict[str, object]) -> None:
    with pytest.raises(DefinitionError, match="without a type"):
        CacheEntry.of(fields)


def test_document_sorts_the_type_among_the_keys() -> None:
    entry = CacheEntry(type="registry", attrs={"ref": "x", "mode": "max", "zone": "z"})
    assert list(entry.document().items()) == [
        ("mode", "max"), ("ref", "x"), ("type", "registry"), ("zone", "z")
    ]  # fmt: skip


@given(st.dictionaries(st.sampled_from(["ref", "mode", "src", "dest"]), _WORD), _WORD)
def test_format_and_parse_are_inverse(attrs: dict[str, str], kind: str) -> None:
    entry = CacheEntry(type=kind, attrs=attrs)
    assert CacheEntry.parse(entry.format()) == (entry,)


def test_equal_content_is_one_key() -> None:
    left = CacheEntry(type="registry", attrs={"ref": "x", "mode": "max"})
    right = CacheEntry(type="registry", attrs={"mode": "max", "ref": "x"})
    assert left.key == right.key
