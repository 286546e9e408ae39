"""Root file systems as tar files."""

from __future__ import annotations

import asyncio
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from bakex.errors import ContentError, OutputError, UnsupportedOutputError
from bakex.model.outputs import Output
from bakex.model.result import SaveTar

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.model.target import Target
    from tests.unit.outputs.conftest import Bench

BOTH = ("linux/arm64", "linux/arm/v7")


def tar(dest: Path | str, **attrs: str) -> Output:
    return Output(
        type="tar", dest=str(dest), attrs={k.replace("_", "-"): v for k, v in attrs.items()}
    )


def parts(bench: Bench, target: Target, output: Output) -> list[Path]:
    return [r.file for r in bench.requests(target, output) if isinstance(r, SaveTar)]


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return {entry.name: entry for entry in opened.getmembers()}


def write(file: Path, *entries: tarfile.TarInfo, content: bytes = b"") -> None:
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            entry.size = len(content) if entry.isreg() else 0
            archive.addfile(entry, io.BytesIO(content) if entry.isreg() else None)


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.mode = kind, link, 0o640
    return found


async def test_one_platform_is_the_nodes_own_file(bench: Bench, out: Path) -> None:
    (out / "a.tar").write_bytes(b"old")
    finished = await bench.finish(bench.target(), tar(out / "a.tar"))
    assert (out / "a.tar").read_bytes() == b"old"
    [publication] = await finished.publish()
    assert (publication.kind, publication.place) == ("tar", str(out / "a.tar"))
    assert publication.root is finished.root is None
    assert list(members((out / "a.tar").read_bytes())) == ["hello"]


async def test_standard_output(bench: Bench) -> None:
    await (await bench.finish(bench.target(), tar("-"))).publish()
    assert list(members(bench.desk.stdout[0])) == ["hello"]


async def test_several_platforms_have_a_directory_each(bench: Bench, out: Path) -> None:
    target, output = bench.target(platforms=BOTH), tar(out / "a.tar")
    first, second = parts(bench, target, output)
    long = "d/" + "ü" * 120
    write(
        first,
        entry("d", tarfile.DIRTYPE),
        entry(long),
        entry("hard", tarfile.LNKTYPE, long),
        entry("soft", tarfile.SYMTYPE, "/d"),
        content=b"data",
    )
    write(second, entry("./x"), content=b"other")
    await (await bench.assemble(target, output, [None, None])).publish()
    found = members((out / "a.tar").read_bytes())
    assert list(found) == [
        "linux_arm64",
        "linux_arm64/d",
        f"linux_arm64/{long}",
        "linux_arm64/hard",
        "linux_arm64/soft",
        "linux_arm_v7",
        "linux_arm_v7/./x",
    ]
    assert found["linux_arm64/hard"].linkname == f"linux_arm64/{long}"
    assert found["linux_arm64/soft"].linkname == "/d"
    assert found[f"linux_arm64/{long}"].mode == 0o640
    with tarfile.open(out / "a.tar") as opened:
        file = opened.extractfile(f"linux_arm64/{long}")
        assert file is not None
        assert file.read() == b"data"


async def test_one_platform_can_have_a_directory_too(bench: Bench, out: Path) -> None:
    output = tar(out / "a.tar", platform_split="true")
    await (await bench.finish(bench.target(), output)).publish()
    assert list(members((out / "a.tar").read_bytes())) == ["linux_amd64", "linux_amd64/hello"]


async def test_without_directories_only_directories_may_be_shared(bench: Bench, out: Path) -> None:
    target, output = bench.target(platforms=BOTH), tar(out / "a.tar", platform_split="false")
    first, second = parts(bench, target, output)
    write(first, entry("d", tarfile.DIRTYPE), entry("d/a"), entry("d/a"))
    write(second, entry("d/", tarfile.DIRTYPE), entry("d/b"))
    await (await bench.assemble(target, output, [None, None])).publish()
    assert list(members((out / "a.tar").read_bytes())) == ["d", "d/a", "d/b"]
    first, second = parts(bench, target, output)
    write(first, entry("d", tarfile.DIRTYPE))
    write(second, entry("d"))
    with pytest.raises(ContentError, match="two platforms have the path 'd'"):
        await bench.assemble(target, output, [None, None])


async def test_what_is_no_tar_file_is_an_error(bench: Bench, out: Path) -> None:
    target, output = bench.target(platforms=BOTH), tar(out / "a.tar")
    for file in parts(bench, target, output):
        file.write_bytes(b"nonsense" * 100)
    with pytest.raises(ContentError, match="something else than a tar file"):
        await bench.assemble(target, output, [None, None])


async def test_a_missing_part_is_an_error(bench: Bench, out: Path) -> None:
    target, output = bench.target(platforms=BOTH), tar(out / "a.tar")
    with pytest.raises(OutputError, match="cannot write"):
        await bench.assemble(target, output, [None, None])


async def test_cancelling_stops_the_joining(bench: Bench, out: Path) -> None:
    target, output = bench.target(platforms=BOTH), tar(out / "a.tar")
    for file in parts(bench, target, output):
        write(file, *(entry(f"f{n}") for n in range(16)), content=bytes(1 << 20))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.assemble(target, output, [None, None]))
        await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()
    assert list(out.iterdir()) == []  # noqa: ASYNC240 - small


@pytest.mark.parametrize(("dest", "message"), [("", "needs a destination"), ("{out}", "is a dir")])
def test_impossible_destinations_are_refused_before_the_build(
    bench: Bench, out: Path, dest: str, message: str
) -> None:
    with pytest.raises(UnsupportedOutputError, match=message):
        bench.requests(bench.target(), tar(dest.format(out=out)))
