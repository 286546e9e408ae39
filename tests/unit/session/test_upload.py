from __future__ import annotations

import gzip
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from bakex._pb import bk_pb2 as pb
from bakex.errors import SessionError
from bakex.session.attachable import CallError, Status
from bakex.session.upload import Upload
from bakex.testing.calls import exchange

if TYPE_CHECKING:
    from pathlib import Path


async def pull(upload: Upload, path: str) -> list[bytes]:
    (handler,) = upload.services().values()
    answers = await exchange(handler, [], ("urlpath", path))
    return [pb.BytesMessage.FromString(answer).data for answer in answers]


async def test_a_file_comes_in_pieces_and_again(tmp_path: Path) -> None:
    content = os.urandom((2 << 20) + 5)
    (tmp_path / "f").write_bytes(content)
    upload = Upload({"id": tmp_path / "f"})
    for _ in range(2):
        pieces = await pull(upload, "/id")
        assert [len(piece) for piece in pieces] == [1 << 20, 1 << 20, 5]
        assert b"".join(pieces) == content


@pytest.mark.parametrize("style", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
async def test_an_archive_that_hides_its_first_entry_is_packed(tmp_path: Path, style: int) -> None:
    with tarfile.open(tmp_path / "f", "w", format=style) as archive:
        archive.addfile(tarfile.TarInfo("a" * 200))
    raw = (tmp_path / "f").read_bytes()
    sent = b"".join(await pull(Upload({"id": tmp_path / "f"}), "id"))
    assert sent[:3] == b"\x1f\x8b\x08"
    assert gzip.decompress(sent) == raw


async def test_a_plain_archive_goes_as_it_is(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "f", "w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    sent = b"".join(await pull(Upload({"id": tmp_path / "f"}), "id"))
    assert sent == (tmp_path / "f").read_bytes()


async def test_an_unknown_id() -> None:
    with pytest.raises(CallError, match="no upload 'x'") as caught:
        await pull(Upload({}), "/x")
    assert caught.value.status is Status.NOT_FOUND


async def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="no such file") as caught:
        await pull(Upload({"id": tmp_path / "f"}), "/id")
    assert isinstance(caught.value.__cause__, SessionError)
