"""Lists of what builds have seen."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from bakex.engines.buildkit.listing import Listing
from bakex.engines.buildkit.reads import Read
from bakex.session.filesync.wanted import Wanted

if TYPE_CHECKING:
    from pathlib import Path

ALL, SOME = Wanted(), Wanted(follow=("a",))
LATER = 10**12


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    return tmp_path


def made(context: Path, *, entries: int = 2, since_ns: int = 0) -> Listing | None:
    since_ns = since_ns or time.time_ns() + LATER
    reads = {
        ALL: Read(since_ns=since_ns, entries=entries),
        SOME: Read(since_ns=since_ns, entries=1),
    }
    return Listing.made(frozenset({"app"}), context, reads, None)


def test_it_comes_back_as_it_was(context: Path) -> None:
    listing = made(context)
    assert listing is not None
    assert Listing.from_json(json.loads(json.dumps(listing.to_json()))) == listing
    again = Listing.made(
        frozenset({"app"}),
        context,
        {ALL: Read(since_ns=time.time_ns() + LATER, entries=2)},
        listing,
    )
    assert again is not None
    assert again.requests[ALL] == listing.requests[ALL]


def test_differences(context: Path) -> None:
    listing = made(context)
    assert listing is not None
    assert listing.differences(context) == []
    (context / "b").write_text("B")
    assert listing.differences(context) == ["b"]
    (context / "a").unlink()
    (context / "c").touch()
    assert listing.differences(context) == ["a", "b", "c"]
    assert listing.differences(context / "missing") == []


def test_what_builds_have_not_seen_is_no_list(context: Path) -> None:
    assert made(context, entries=3) is None
    assert made(context, since_ns=(context / "a").stat().st_ctime_ns) is None
    assert made(context / "missing") is None
    broken = {Wanted(include=("[",)): Read(since_ns=time.time_ns() + LATER, entries=0)}
    assert Listing.made(frozenset(), context, broken, None) is None


def test_names_that_are_no_text(context: Path) -> None:
    try:
        (context / os.fsdecode(b"\xff")).touch()
    except OSError:
        pytest.skip("this file system takes no such names")
    listing = made(context, entries=3)
    assert listing is not None
    assert Listing.from_json(json.loads(json.dumps(listing.to_json()))) == listing
