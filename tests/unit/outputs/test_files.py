"""Files on their way to a destination."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from bakex.errors import OutputError
from bakex.model.outputs import Output
from bakex.model.publication import Publication
from bakex.outputs.files import deliver, stage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.outputs.conftest import Desk

PLACE = Publication(target="app", kind="tar", place="x")


async def test_a_file_moves_beside_its_destination(desk: Desk, out: Path) -> None:
    file = desk.workspace / "f"
    file.write_bytes(b"data")
    file.chmod(0o600)
    finished = await deliver(file, Output(type="tar", dest=str(out / "d" / "f")), desk, PLACE)
    assert not file.exists()
    await finished.publish()
    assert (out / "d" / "f").read_bytes() == b"data"
    assert stat.S_IMODE((out / "d" / "f").stat().st_mode) == 0o644


async def test_between_file_systems_it_is_copied(
    desk: Desk, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def across(source: Path, target: Path) -> None:
        if desk.workspace in source.parents and desk.workspace not in target.parents:
            raise OSError(18, "Invalid cross-device link")
        replace(source, target)

    monkeypatch.setattr(os, "replace", across)
    file = desk.workspace / "f"
    file.write_bytes(bytes(3 << 20))
    finished = await deliver(file, Output(type="tar", dest=str(out / "f")), desk, PLACE)
    assert not file.exists()
    await finished.publish()
    assert (out / "f").stat().st_size == 3 << 20


async def test_standard_output_stays_in_the_workspace(desk: Desk) -> None:
    file = desk.workspace / "f"
    file.write_bytes(b"data")
    finished = await deliver(file, Output(type="tar", dest="-"), desk, PLACE)
    await finished.publish()
    assert desk.stdout == [b"data"]


def test_what_cannot_be_staged_is_an_error(out: Path) -> None:
    (out / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        stage(out / "file" / "x")
