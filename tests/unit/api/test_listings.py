"""Lists on disk: the newest stay, and what is damaged is none."""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING

import pytest

from bakex.api.listings import Listings
from bakex.engines.buildkit.listing import Listing
from bakex.engines.buildkit.survey import Seen, Stamp
from bakex.session.filesync.wanted import Wanted

if TYPE_CHECKING:
    from pathlib import Path


def listing(content: str = "c") -> Listing:
    entries = {"a": Seen("k", content, Stamp(1, 2, 3, 4)), "dir": Seen("d")}
    return Listing(targets=frozenset({"app"}), requests={Wanted(follow=("a",)): entries})


def test_it_comes_back(tmp_path: Path) -> None:
    lists = Listings(tmp_path / "lists")
    name = lists.write(listing())
    assert lists.read(name) == listing()
    assert lists.write(listing()) == name
    assert lists.read("other.z") is None


@pytest.mark.parametrize(
    "packed",
    [b"", b"x", zlib.compress(b"{"), zlib.compress(b"[]"), zlib.compress(b'{"requests": [1]}')],
)
def test_what_is_damaged_is_none(tmp_path: Path, packed: bytes) -> None:
    (tmp_path / "a.z").write_bytes(packed)
    assert Listings(tmp_path).read("a.z") is None


def test_only_the_newest_stay(tmp_path: Path) -> None:
    lists = Listings(tmp_path)
    names = []
    for number in range(66):
        names.append(lists.write(listing(str(number))))
        os.utime(tmp_path / names[-1], (number, number))
    lists.write(listing("last"))
    assert [lists.read(name) is None for name in names[:5]] == [True, True, True, False, False]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Listings(tmp_path / "file").write(listing()) == ""
