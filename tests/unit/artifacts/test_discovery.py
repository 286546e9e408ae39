"""Trees of referrers, also those that a registry made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.artifacts import discovery
from bakex.artifacts.discovery import Referrer, discover
from bakex.errors import ContentError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def digest(name: str) -> Digest:
    return Digest.of(name.encode())


def entry(name: str) -> Descriptor:
    kind = f"type/{name[0]}"
    return Descriptor(media_type=OCI_MANIFEST, digest=digest(name), size=1, artifact_type=kind)


class Lists:
    """Says about each subject what it was told to."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._lists = {digest(subject): list(names) for subject, names in lists.items()}

    async def referrers(self, subject: Digest, artifact_type: str = "") -> tuple[Descriptor, ...]:
        entries = [entry(name) for name in self._lists.get(subject, ())]
        return tuple(e for e in entries if artifact_type in {"", e.artifact_type})


def names(found: Sequence[Referrer]) -> list[object]:
    known = {digest(name): name for name in ("s1", "s2", "x1", "a", "b")}
    return [(known[item.descriptor.digest], names(item.referrers)) for item in found]


async def test_a_tree() -> None:
    lists = Lists({"image": ["s1", "x1"], "s1": ["x1", "s2"], "s2": ["x1"]})
    x1: tuple[str, list[object]] = ("x1", [])
    tree = [("s1", [x1, ("s2", [x1])]), x1]
    assert names(await discover(lists, digest("image"))) == tree
    # The type is asked for below the image only.
    assert names(await discover(lists, digest("image"), "type/s")) == tree[:1]
    assert await discover(lists, digest("other")) == ()


async def test_circles_end() -> None:
    lists = Lists({"a": ["b", "a"], "b": ["a", "b"]})
    assert names(await discover(lists, digest("a"))) == [("b", [])]


async def test_lists_without_an_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Lists({f"x{n}": [f"x{n + 1}"] for n in range(100)})
    with pytest.raises(ContentError, match="too much refers to"):
        await discover(chain, digest("x0"))
    monkeypatch.setattr(discovery, "MAX_FOUND", 10)
    wide = Lists({"image": [f"x{n}" for n in range(11)]})
    with pytest.raises(ContentError, match="too much refers to"):
        await discover(wide, digest("image"))
