from __future__ import annotations

import asyncio
import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DialError
from bakex.nodes.launcher import SystemLauncher

if TYPE_CHECKING:
    from pathlib import Path

PATH = {"PATH": os.environ["PATH"]}


async def test_a_program_with_a_socket_for_input_and_output() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        argv = ["sh", "-c", "cat; echo bad >&2; exit 3"]
        process = await SystemLauncher(PATH).start(argv, stdio=theirs.fileno())
        theirs.close()
        running = process.returncode
        ours.sendall(b"text")
        ours.shutdown(socket.SHUT_WR)
        assert await process.wait() == 3
        assert ours.recv(100) == b"text"
    assert (running, process.returncode) == (None, 3)
    assert process.errors == "bad\n"
    process.kill()  # no error


async def test_only_the_end_of_the_complaints_is_kept() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        argv = ["sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x >&2; echo end >&2"]
        process = await SystemLauncher(PATH).start(argv, stdio=theirs.fileno())
        await process.wait()
    assert len(process.errors) == 16 << 10
    assert process.errors.endswith("xend\n")


async def test_killing_takes_the_children_along() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        process = await SystemLauncher(PATH).start(
            ["sh", "-c", "sleep 987 & echo started; wait"], stdio=theirs.fileno()
        )
        theirs.close()
        assert ours.recv(100) == b"started\n"
        process.kill()
        assert await process.wait() == -9
        assert ours.recv(100) == b""  # nobody holds the other end any more


async def test_a_program_has_a_group_of_its_own() -> None:
    code, output, _ = await SystemLauncher(PATH).run(
        ["sh", "-c", "ps -o pgid= -p $$; echo $$"], timeout_s=10
    )
    assert code == 0
    group, pid = output.split()
    assert group == pid


async def test_running_a_program() -> None:
    launcher = SystemLauncher({**PATH, "WORD": "hello"})
    argv = ["sh", "-c", 'echo "$WORD"; echo no >&2; exit 4']
    assert await launcher.run(argv, timeout_s=10) == (4, b"hello\n", "no\n")


async def test_a_program_that_takes_too_long() -> None:
    start = time.monotonic()
    with pytest.raises(DialError, match="sleep takes too long"):
        await SystemLauncher(PATH).run(["sleep", "60"], timeout_s=0.1)
    assert time.monotonic() - start < 10


async def test_cancelling_kills_it(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    argv = ["sh", "-c", f"echo $$ > {ready}; exec sleep 987"]
    async with asyncio.TaskGroup() as group:
        running = group.create_task(SystemLauncher(PATH).run(argv, timeout_s=60))
        pid = int(await asyncio.to_thread(ready.read_text))
        running.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_program_that_is_not_there() -> None:
    with pytest.raises(DialError, match="the program nonesuch cannot be run") as caught:
        await SystemLauncher({"PATH": "/none"}).run(["nonesuch"], timeout_s=1)
    assert "install nonesuch" in caught.value.hint
    with pytest.raises(DialError, match="nonesuch"):
        await SystemLauncher({"PATH": "/none"}).start(["nonesuch"], stdio=0)
