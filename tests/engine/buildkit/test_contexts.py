"""Build contexts on a real daemon: sent once, and the same to the last bit as docker's client."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.errors import SessionError
from bakex.events import TransferMoved
from bakex.model.node import Wire
from bakex.model.result import SaveTar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakex.events import Event
    from bakex.model.node import Endpoint
    from tests.engine.buildkit.conftest import Bench, MakeBench

MiB = 1 << 20


def sent(events: Iterable[Event]) -> int:
    """Return the bytes of contexts that went to the daemon, once for each step."""
    ends = {
        event.step: event.current
        for event in events
        if isinstance(event, TransferMoved) and event.id.startswith("transferring context")
    }
    return sum(ends.values())


async def test_two_targets_with_one_context_send_it_once(bench: Bench) -> None:
    (bench.cwd / "large").write_bytes(os.urandom(50 * MiB))
    bench.write("FROM scratch\nCOPY . /one/\n", "one.Dockerfile")
    bench.write("FROM scratch\nCOPY . /two/\n", "two.Dockerfile")
    async with asyncio.TaskGroup() as group:
        for name in ("one", "two"):
            group.create_task(bench.build(dockerfile=f"{name}.Dockerfile", tags=(name,)))
    assert 50 * MiB < sent(bench.events.events) < 55 * MiB
    bench.events.events.clear()
    await bench.build(dockerfile="one.Dockerfile")
    # The names and times of two entries go, and no content.
    assert sent(bench.events.events) < 4096


async def test_a_changed_file_is_all_that_goes(bench: Bench) -> None:
    (bench.cwd / "large").write_bytes(os.urandom(8 * MiB))
    (bench.cwd / "small").write_bytes(b"1" * 1000)
    bench.write("FROM scratch\nCOPY . /\n")
    await bench.build()
    (bench.cwd / "small").write_bytes(b"2" * 2000)
    bench.events.events.clear()
    await bench.build()
    assert 2000 <= sent(bench.events.events) < 8192


# ---------------------------------------------------------------- the same as docker's client


def adversarial(root: Path) -> None:
    """Fill a directory with all that a file system may have."""
    files = {
        "ignored/first": b"shared content",
        "ignored/kept/deep": b"kept by an exception",
        "docs/a.md": b"# a",
        "docs/README.md": b"# readme",
        "setuid": b"s",
        "old": b"old",
        "negative": b"negative",
        "empty": b"",
        "größe/日本 語.txt": "ü".encode(),
        "a-b": b"", "a/b": b"", "a.b": b"",  # "/" sorts before "." and "-"
        "mode000": b"no permissions at all",
    }  # fmt: skip
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / "linked").hardlink_to(root / "ignored/first")
    (root / "z-linked").hardlink_to(root / "ignored/first")
    os.link(os.fsencode(root / "old"), os.fsencode(root) + b"/latin-\xe9")
    (root / "latin").mkdir()
    Path(os.fsdecode(os.fsencode(root) + b"/latin/\xff\xfe")).write_bytes(b"not UTF-8")
    (root / "setuid").chmod(0o4755)
    (root / "mode000").chmod(0)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o1777)
    (root / "setgid").mkdir()
    (root / "setgid").chmod(0o2755)
    os.mkfifo(root / "fifo", 0o640)
    with closing(socket.socket(socket.AF_UNIX)) as server:
        # The path of a socket is short; that of a test's directory may not be.
        here = os.open(root, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
    (root / "broken").symlink_to("nowhere")
    (root / "absolute").symlink_to("/docs/README.md")
    (root / "outside").symlink_to("../../../../etc/passwd")
    (root / "loop-a").symlink_to("loop-b")
    (root / "loop-b").symlink_to("loop-a")
    (root / "self").symlink_to(".")
    os.utime(root / "old", (0, 0))
    os.utime(root / "negative", ns=(-1_500_000_001, -1_500_000_001))
    os.utime(root / "docs", (86400, 86400))
    if os.geteuid() == 0:
        os.mknod(root / "device", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        os.setxattr(root / "docs/a.md", "user.note", b"\0value")
    (root / ".dockerignore").write_text(
        "# a comment\nignored/*\n!ignored/kept\n**/*.md\n!**/README.md\n.dockerignore\n"
    )


DOCKERFILES = {
    "everything": "FROM scratch\nCOPY . /\n",
    "some": "FROM scratch\nCOPY docs linked z-linked setuid sticky a* /x/\nCOPY ignored/kept /k/\n",
    "links": "FROM scratch\nCOPY absolute old latin /l/\n",
}


class Reference:
    """Docker's client on the same daemon."""

    def __init__(self, program: Path, endpoint: Endpoint, home: Path) -> None:
        if endpoint.wire is not Wire.DOCKER:
            pytest.skip("the reference is given no builder here, only a dockerd")
        self._program = program
        self._env = {"HOME": str(home), "DOCKER_HOST": endpoint.address}

    async def build(self, cwd: Path, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            self._program, "build", "--progress", "plain", *arguments, ".",
            cwd=cwd, env=self._env, stderr=subprocess.PIPE,
        )  # fmt: skip
        _, output = await process.communicate()
        assert process.returncode == 0, output
        return output.decode()


@pytest.fixture
def reference(reference_buildx: Path, endpoint: Endpoint, tmp_path: Path) -> Reference:
    return Reference(reference_buildx, endpoint, tmp_path / "home")


@pytest.mark.parametrize("name", DOCKERFILES)
async def test_an_adversarial_tree_gives_the_references_files(
    make_bench: MakeBench, reference: Reference, tmp_path: Path, name: str
) -> None:
    bench = make_bench()
    adversarial(bench.cwd)
    bench.write(DOCKERFILES[name], "D")
    ours, theirs = tmp_path / "ours.tar", tmp_path / "theirs.tar"
    await bench.build(SaveTar(file=ours), dockerfile="D", no_cache=True)
    # The daemon keeps what it was sent; under another name it is sent the whole again.
    other = bench.cwd.rename(tmp_path / "other")
    await reference.build(other, "--no-cache", "-f", "D", "-o", f"type=tar,dest={theirs}")
    assert listing(ours) == listing(theirs)


def listing(archive: Path) -> list[tuple[object, ...]]:
    """Return all that an archive says of each entry, in its order."""
    found: list[tuple[object, ...]] = []
    with tarfile.open(archive, encoding="utf-8", errors="surrogateescape") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            copied = member.mtime if not member.isdir() else 0  # of directories that COPY makes
            found.append(
                (member.name, member.type, oct(member.mode), member.uid, member.gid, member.size,
                 copied, member.linkname, member.devmajor, member.devminor,
                 {k: v for k, v in member.pax_headers.items() if k.startswith("SCHILY")},
                 content.read() if content else b"")
            )  # fmt: skip
    return found


async def test_what_one_client_has_sent_is_a_cache_hit_for_the_other(
    make_bench: MakeBench, reference: Reference
) -> None:
    """The daemon's digests of the contents are the same, whoever sends them."""
    bench = make_bench("ours")
    adversarial(bench.cwd)
    (bench.cwd / "unique").write_bytes(os.urandom(16))
    bench.write("FROM scratch\nCOPY . /\n")
    await bench.build()
    assert "CACHED" in await reference.build(bench.cwd, "--output", "type=cacheonly")
    again = make_bench("theirs")
    adversarial(again.cwd)
    (again.cwd / "unique").write_bytes(os.urandom(16))
    again.write("FROM scratch\nCOPY . /\n")
    await reference.build(again.cwd, "--output", "type=cacheonly")
    await again.build()
    assert any("COPY . /" in step for step in again.cached)


# ---------------------------------------------------------------- trouble while it is read


async def test_a_file_that_cannot_be_read(plain: Bench) -> None:
    plain.write("FROM scratch\nCOPY --from=process mem /\n")
    # A regular file that nobody can read from its start, root included.
    with pytest.raises(SessionError, match="cannot read 'mem': input/output error") as caught:
        await plain.build(contexts={"process": "/proc/self"})
    assert ".dockerignore" in caught.value.hint
