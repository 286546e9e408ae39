"""Outputs that only wait to become visible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex._util.atomic import Staged
from bakex.errors import OutputError
from bakex.model.publication import Publication
from bakex.outputs.finished import Done, Streamed, Waiting

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.outputs.conftest import Desk

PLACE = Publication(target="app", kind="tar", place="x")


async def test_what_is_done_only_reports() -> None:
    assert await Done(publications=(PLACE,)).publish() == (PLACE,)


async def test_what_waits_gets_its_name_once(out: Path) -> None:
    staged = Staged(out / "f")
    waiting = Waiting(publication=PLACE, staged=staged)
    for _ in range(2):
        assert await waiting.publish() == (PLACE,)
    assert [p.name for p in out.iterdir()] == ["f"]  # noqa: ASYNC240 - small


async def test_a_name_that_is_taken_is_an_error(out: Path) -> None:
    (out / "f").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        await Waiting(publication=PLACE, staged=Staged(out / "f")).publish()


async def test_a_stream_is_written_once(desk: Desk, out: Path) -> None:
    (out / "f").write_bytes(b"data")
    streamed = Streamed(publication=PLACE, file=out / "f", desk=desk)
    for _ in range(2):
        assert await streamed.publish() == (PLACE,)
    assert desk.stdout == [b"data"]
