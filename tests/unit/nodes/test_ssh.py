"""The ssh dialer with an ssh that runs the other side's commands here."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DialError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.nodes.launcher import SystemLauncher
from bakex.nodes.ssh import SshDialer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# Runs the last argument. Forwarding a socket to another is a symbolic link here.
SSH = """\
#!/bin/sh
echo "$@" >> "$LOG"
for last; do :; done
test -e "$LOG.fail" && { cat "$LOG.fail" >&2; exit 255; }
while test $# -gt 0; do
  test "$1" = -L && exec ln -s "${2#*:}" "${2%%:*}"
  shift
done
exec sh -c "$last"
"""


class Reader(asyncio.Protocol):
    def __init__(self) -> None:
        self.received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.lost = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.received.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


@dataclass(frozen=True, slots=True)
class Far:
    """The other side.

    Attributes:
        bin: Programs there.
        log: What ssh was called with.
    """

    bin: Path
    log: Path

    def dialer(self, path: str | Path, *, wire: Wire = Wire.DOCKER) -> SshDialer:
        endpoint = Endpoint(name=NodeName("far"), address=f"ssh://me@far:22{path}", wire=wire)
        environ = {"PATH": str(self.bin), "LOG": str(self.log)}
        return SshDialer(endpoint, SystemLauncher(environ), timeout_s=5)

    def install(self, name: str, script: str) -> None:
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def far(tmp_path: Path) -> Far:
    found = Far(tmp_path / "bin", tmp_path / "log")
    found.bin.mkdir()
    for program in ("sh", "cat", "ln", "echo", "sleep", "test"):
        (found.bin / program).symlink_to(shutil.which(program) or program)
    found.install("ssh", SSH)
    return found


@pytest.fixture
async def socket(tmp_path: Path) -> AsyncIterator[Path]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"the daemon")
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "s"):
        yield tmp_path / "s"


async def first(dialer: SshDialer) -> bytes:
    reader = Reader()
    transport = await dialer.connect(lambda: reader)
    async with asyncio.timeout(10):
        received = await reader.received
    transport.close()
    return received


async def failure(dialer: SshDialer) -> DialError:
    with pytest.raises(DialError) as caught:
        await dialer.connect(Reader)
    await dialer.aclose()
    return caught.value


@pytest.mark.parametrize(
    ("wire", "program", "command"),
    [
        (Wire.DOCKER, "docker", "--host unix:///s system dial-stdio"),
        (Wire.BUILDKIT, "buildctl", "--addr unix:///s dial-stdio"),
    ],
)
async def test_streams_through_a_program_share_a_connection(
    far: Far, wire: Wire, program: str, command: str
) -> None:
    far.install(program, f'#!/bin/sh\ntest "$*" = "{command}" && echo yes; cat\n')
    dialer = far.dialer("/s", wire=wire)
    assert await first(dialer) == await first(dialer) == b"yes\n"
    master, *streams = far.calls()
    assert " -M " in master
    assert "-l me -p 22 " in master
    assert "BatchMode=yes" in master
    assert len(streams) == 2
    assert all(" -M " not in stream for stream in streams)
    assert await dialer.explain(NOW) is None
    assert dialer.warnings(NOW) == ()
    assert dialer.endpoint.name == "far"
    await dialer.aclose()
    await dialer.aclose()


async def test_without_a_path_the_program_knows_it(far: Far) -> None:
    far.install("docker", '#!/bin/sh\necho "$@"; cat\n')
    dialer = far.dialer("")
    assert await first(dialer) == b"system dial-stdio\n"
    await dialer.aclose()


async def test_the_socket_where_there_is_no_program(far: Far, socket: Path) -> None:
    dialer = far.dialer(socket)
    assert await first(dialer) == await first(dialer) == b"the daemon"
    assert [" -O forward " in call for call in far.calls()] == [False, True]
    await dialer.aclose()


async def test_a_socket_that_nobody_listens_on(far: Far, tmp_path: Path) -> None:
    dialer = far.dialer(tmp_path / "none")
    error = await failure(dialer)
    assert "ssh could not reach the daemon" in error.summary


async def test_a_forwarded_stream_that_is_refused(far: Far, tmp_path: Path) -> None:
    # ssh takes the connection and closes it once the other side has refused.
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_unix_server(refuse, tmp_path / "s"):
        dialer = far.dialer(tmp_path / "s")
        reader = Reader()
        await dialer.connect(lambda: reader)
        await reader.lost.wait()
        error = await dialer.explain(NOW)
    assert error is not None
    await dialer.aclose()


async def test_what_the_program_there_complains_about(far: Far) -> None:
    far.install("docker", "#!/bin/sh\necho Cannot connect to the Docker daemon >&2; exit 1\n")
    dialer = far.dialer("")
    reader = Reader()
    await dialer.connect(lambda: reader)
    await reader.lost.wait()
    error = await dialer.explain(NOW)
    assert error is not None
    assert "docker does not run there" in error.summary
    await dialer.aclose()


async def test_what_ssh_complains_about(far: Far) -> None:
    far.log.with_suffix(".fail").write_text("me@far: Permission denied (publickey).\n")
    error = await failure(far.dialer(""))
    assert "does not accept any of the keys" in error.summary
    assert error.detail == "me@far: Permission denied (publickey)."


async def test_a_connection_that_was_lost_is_opened_again(far: Far) -> None:
    far.install("docker", "#!/bin/sh\necho yes; cat\n")
    dialer = far.dialer("")
    assert await first(dialer) == b"yes\n"
    assert dialer._link is not None
    dialer._link.master.kill()
    await dialer._link.master.wait()
    assert await first(dialer) == b"yes\n"
    assert sum(" -M " in call for call in far.calls()) == 2
    await dialer.aclose()


async def test_a_host_that_does_not_answer(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    far.install("ssh", "#!/bin/sh\nexec sleep 987\n")
    endpoint = Endpoint(name=NodeName("far"), address="ssh://far", wire=Wire.DOCKER)
    launcher = SystemLauncher({"PATH": str(far.bin)})
    error = await failure(SshDialer(endpoint, launcher, timeout_s=0.2))
    assert "nothing answers" in error.summary
    assert "ssh far true" in error.hint


async def test_a_host_without_a_shell(far: Far) -> None:
    far.install("ssh", "#!/bin/sh\ncat /dev/null\n")
    endpoint = Endpoint(name=NodeName("far"), address="ssh://far", wire=Wire.DOCKER)
    error = await failure(SshDialer(endpoint, SystemLauncher({"PATH": str(far.bin)})))
    assert error.detail == "the host does not run commands"


async def test_cancelling_leaves_nothing(far: Far, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    far.install("ssh", f"#!/bin/sh\necho $$ > {ready}\nexec sleep 987\n")
    dialer = far.dialer("")
    async with asyncio.TaskGroup() as group:
        connecting = group.create_task(dialer.connect(Reader))
        pid = int(await asyncio.to_thread(ready.read_text))
        connecting.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
