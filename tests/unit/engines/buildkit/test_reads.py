"""What builds have read, collected over requests, builds and engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.engines.buildkit.reads import Offered, Read, Reads
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.session.filesync.wanted import Wanted

if TYPE_CHECKING:
    from pathlib import Path

APP, DB = (CellId(name, Platform.parse("linux/amd64")) for name in ("app", "db"))
ALL, SOME = Wanted(), Wanted(follow=("a",))


def test_of_one_engine(tmp_path: Path) -> None:
    reads = Reads()
    link = tmp_path / "link"
    link.symlink_to(".")
    reads.offer(APP, {"context": tmp_path, "dockerfile": {"Dockerfile": b""}})
    reads.offer(DB, {"context": link})
    reads.read("context", link, ALL, 3, 20)
    reads.read("context", tmp_path, ALL, 3, 10)
    reads.read("context", tmp_path, SOME, 1, 30)
    reads.read("dockerfile", {"Dockerfile": b""}, ALL, 1, 5)
    context = Offered("context", tmp_path)
    assert reads.offers == {APP: {context}, DB: {context}}
    assert reads.requests == {
        context: {ALL: Read(since_ns=10, entries=3), SOME: Read(since_ns=30, entries=1)}
    }


def test_of_several_engines(tmp_path: Path) -> None:
    one, other = Reads(), Reads()
    for reads, entries in ((one, 3), (other, 4)):
        reads.offer(APP, {"context": tmp_path})
        reads.read("context", tmp_path, ALL, entries, entries)
    other.offer(APP, {"more": tmp_path})
    joined = Reads.joined([one, other])
    context, more = Offered("context", tmp_path), Offered("more", tmp_path)
    assert joined.offers == {APP: {context, more}}
    assert joined.requests == {context: {ALL: Read(since_ns=3, entries=-1)}}
    assert one.requests[context][ALL].entries == 3
