"""What counts of a layer, whatever its compression."""

from __future__ import annotations

import gzip
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from bakex.errors import ContentError
from bakex.model.digest import Digest
from bakex.oci.memory import MemoryStore
from bakex.platforms.program import Script
from bakex.testing.binaries import Elf, macho, pe
from bakex.testing.images import put_blob
from bakex.verification.layer import Entry, picked, tidied
from tests.unit.oci.packing import zstd
from tests.unit.verification.conftest import LAYER, packed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


async def entries(
    files: Mapping[str, bytes | str | None], compress: Callable[[bytes], bytes] = bytes
) -> dict[str, Entry]:
    store = MemoryStore()
    tar = packed(files)
    blob = await put_blob(store, compress(tar), LAYER)
    async with aclosing(picked(store, blob, Digest.of(tar))) as source:
        return {f"{e.kind} {e.path}": e async for e in source}


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstd.compress])
async def test_programs_and_scripts(compress: Callable[[bytes], bytes]) -> None:
    program = Elf(machine=62, interpreter="/lib/ld", padding=3 << 20).build()
    found = await entries(
        {
            "./bin/": None,
            "./bin/a": program,
            "bin/w.exe": pe(0x8664),
            "bin/m": macho(7),
            "bin/s": b"#!/bin/sh\n",
            "bin/long": b"#!/bin/sh\n" + bytes(1 << 20),
            "bin/text": b"hello world",
            "bin/tiny": b"x",
            "lib/b.so": "\x7fELF no longer",
            "data": "data",
        },
        compress,
    )
    assert found["directory bin"] == Entry("bin", "directory")
    content = found["file bin/a"].content
    assert isinstance(content, tuple)
    assert (content[0].machine, content[0].interpreter) == (62, "/lib/ld")
    for name in ("w.exe", "m"):
        assert found[f"file bin/{name}"].content is not None
    for name in ("s", "long"):
        assert found[f"file bin/{name}"].content == Script(interpreter="/bin/sh")
    for name in ("text", "tiny"):
        assert found[f"file bin/{name}"] == Entry(f"bin/{name}", "file", runs=True)
    assert not found["file data"].counts
    assert found["file bin/tiny"].counts


async def test_links_whiteouts_and_lists_of_folders() -> None:
    found = await entries(
        {
            "lib": "-> /usr/lib",
            "b": "= ./bin/../a",
            "d/.wh..wh..opq": "",
            "d/.wh.gone": "",
            ".wh.top": "",
            "d/.wh..wh.plnk": "",
            "etc/ld.so.conf": "/a",
            "etc/ld.so.conf.d/x.conf": "/b",
            "etc/ld.so.conf.d/x.txt": "/c",
            "etc/ld-musl-x86_64.path": "/d",
            "etc/ld.so.config": "/e",
        }
    )
    assert found["link lib"].link == "/usr/lib"
    assert found["hard link b"].link == "a"
    assert {name for name in found if name.split()[0] in {"opaque", "whiteout"}} == {
        "opaque d", "whiteout d/gone", "whiteout top",
    }  # fmt: skip
    assert [e.text for e in found.values() if e.text] == ["/a", "/b", "/d"]


async def test_what_is_not_what_the_config_says() -> None:
    store = MemoryStore()
    blob = await put_blob(store, packed({"a": b"x"}), LAYER)
    with pytest.raises(ContentError):
        async with aclosing(picked(store, blob, Digest.of(b""))) as source:
            assert [e async for e in source]


def test_paths_are_tidied() -> None:
    assert [tidied(path) for path in ("a//b/./c/../d/", "../../x", ".", "//y")] == [
        "a/b/d", "x", "", "y",
    ]  # fmt: skip
