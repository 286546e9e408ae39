"""Daemons behind a real sshd on loopback, with and without their own programs on that side."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DialError
from bakex.model.result import SaveTree
from bakex.testing.buildkitd import FakeBuildkitd
from bakex.testing.fakes import EventRecorder
from tests.engine.daemons.conftest import cell_of
from tests.loopback import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Require
    from tests.engine.daemons.conftest import Connect, Dockerd

# What `buildctl --addr unix://PATH dial-stdio` does.
BUILDCTL = """\
import os, socket, sys, threading
assert sys.argv[1] == "--addr" and sys.argv[3:] == ["dial-stdio"], sys.argv
there = socket.socket(socket.AF_UNIX)
there.connect(sys.argv[2].removeprefix("unix://"))
def back():
    while data := there.recv(65536):
        while data:
            data = data[os.write(1, data):]
    os._exit(0)
threading.Thread(target=back, daemon=True).start()
while data := os.read(0, 65536):
    there.sendall(data)
there.shutdown(socket.SHUT_WR)
threading.Event().wait()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host that ssh reaches.

    Attributes:
        port: Its port on 127.0.0.1; the user is the one who runs the tests.
        bin: Its programs, besides the system's usual ones.
        environ: For bakex: its ssh reads a configuration and keys of this test.
        log: What sshd has noted.
        known: The user's known_hosts.
    """

    port: int
    bin: Path
    environ: dict[str, str]
    log: Path
    known: Path

    def address(self, scheme: str, path: str | Path = "") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def sessions(self) -> int:
        """Return how many connections there were."""
        return self.log.read_text().count("Accepted publickey")


def run(*argv: str | Path) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def host(tmp_path: Path, require: Require) -> Iterator[Host]:
    folder = tmp_path / "ssh"
    programs, user = folder / "far", folder / "near"
    programs.mkdir(parents=True)
    user.mkdir()
    for key in (folder / "host", user / "key"):
        run(require("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key)
    port = free_port()
    key_line = (folder / "host.pub").read_text()
    (user / "known").write_text(f"[127.0.0.1]:{port} {key_line}")
    (user / "config").write_text(
        f"Host *\n  UserKnownHostsFile {user}/known\n  GlobalKnownHostsFile none\n"
        f"  IdentityFile {user}/key\n  IdentitiesOnly yes\n  HashKnownHosts no\n"
    )
    ssh = user / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec {require("ssh")} -F {user}/config "$@"\n')
    ssh.chmod(0o755)
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {user}/key.pub\nStrictModes no\nPermitRootLogin yes\n"
        f"PasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel VERBOSE\n"
        f"SetEnv PATH={programs}:/usr/bin:/bin\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)  # sshd is built with this directory
    log = folder / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [require("sshd"), "-D", "-e", "-f", folder / "sshd_config"], stdout=out, stderr=out
        )
    deadline = time.monotonic() + 10
    while "Server listening" not in log.read_text():
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield Host(
        port=port,
        bin=programs,
        environ={"PATH": f"{user}:{os.environ['PATH']}"},
        log=log,
        known=user / "known",
    )
    server.terminate()
    server.wait(timeout=10)


async def build(connect: Connect, address: str, host: Host, context: Path) -> int:
    """Build something there with a session, and return how many programs ran for it."""
    node = await connect(address, host.environ)
    (context / "Dockerfile").write_text(f"FROM scratch\nCOPY file /\nENV X={os.urandom(8).hex()}\n")
    (context / "file").write_bytes(os.urandom(3 << 20))
    request = SaveTree(directory=context / "out")
    await node.engine.build(cell_of(node, context), [request], {}, EventRecorder())
    assert (context / "out/file").read_bytes() == (context / "file").read_bytes()
    return host.sessions()


async def test_docker_by_its_own_program(
    connect: Connect, host: Host, dockerd: Dockerd, require: Require, tmp_path: Path
) -> None:
    (host.bin / "docker").symlink_to(require("docker"))
    address = host.address("docker+ssh", dockerd.socket)
    assert await build(connect, address, host, tmp_path) == 1
    assert "dial-stdio" not in host.log.read_text()  # at this level it notes no commands


async def test_docker_by_its_socket(
    connect: Connect, host: Host, dockerd: Dockerd, tmp_path: Path
) -> None:
    address = host.address("docker+ssh", dockerd.socket)
    assert await build(connect, address, host, tmp_path) == 1


async def test_docker_host_and_contexts_may_be_ssh(
    connect: Connect, host: Host, dockerd: Dockerd
) -> None:
    address = host.address("ssh", dockerd.socket)
    node = await connect("", {**host.environ, "DOCKER_HOST": address})
    assert node.info.endpoint.origin == "DOCKER_HOST"


@pytest.mark.parametrize("program", [True, False])
async def test_buildkitd(connect: Connect, host: Host, tmp_path: Path, program: bool) -> None:
    if program:
        buildctl = host.bin / "buildctl"
        buildctl.write_text(f"#!{sys.executable}\n{BUILDCTL}")
        buildctl.chmod(0o755)
    async with FakeBuildkitd(tmp_path / "b.sock"):
        node = await connect(host.address("ssh", tmp_path / "b.sock"), host.environ)
        assert node.info.version == "v0.0.0-fake"
        await node.aclose()


async def test_nothing_is_left_behind(
    connect: Connect, host: Host, dockerd: Dockerd, tmp_path: Path
) -> None:
    node = await connect(host.address("docker+ssh", dockerd.socket), host.environ)
    before = _ssh_processes(host)
    await node.aclose()
    assert before
    assert not _ssh_processes(host)


def _ssh_processes(host: Host) -> list[str]:
    return [
        line for line in run("ps", "-eww", "-o", "args").splitlines() if f"-p {host.port} " in line
    ]


async def refused(connect: Connect, host: Host, address: str) -> DialError:
    with pytest.raises(DialError) as caught:
        await connect(address, host.environ)
    assert caught.value.hint
    return caught.value


async def test_an_unknown_host_key(connect: Connect, host: Host) -> None:
    host.known.write_text("")
    error = await refused(connect, host, host.address("docker+ssh"))
    assert "host key is not known" in error.summary
    assert "accept it" in error.hint


async def test_a_changed_host_key(
    connect: Connect, host: Host, require: Require, tmp_path: Path
) -> None:
    run(require("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other")
    other = (tmp_path / "other.pub").read_text()
    host.known.write_text(f"[127.0.0.1]:{host.port} {other}")
    error = await refused(connect, host, host.address("docker+ssh"))
    assert "host key has changed" in error.summary
    assert "ssh-keygen -R" in error.hint


async def test_a_key_that_is_not_accepted(connect: Connect, host: Host) -> None:
    (host.known.parent / "key.pub").write_text("")
    error = await refused(connect, host, host.address("docker+ssh"))
    assert "does not accept any of the keys" in error.summary
    assert "ssh-add" in error.hint


async def test_hosts_that_cannot_be_reached(connect: Connect, host: Host) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
        error = await refused(connect, host, f"docker+ssh://127.0.0.1:{closed}")
    assert "connection was refused" in error.summary
    error = await refused(connect, host, "docker+ssh://node.invalid")
    assert "host name is not known" in error.summary


async def test_no_daemon_on_the_other_side(
    connect: Connect, host: Host, require: Require, tmp_path: Path
) -> None:
    error = await refused(connect, host, host.address("docker+ssh", tmp_path / "none"))
    assert "socket cannot be opened" in error.summary
    (host.bin / "docker").symlink_to(require("docker"))
    error = await refused(connect, host, host.address("docker+ssh", tmp_path / "none"))
    assert "socket cannot be opened" in error.summary
    assert "no such file or directory" in error.detail


async def test_no_ssh_here(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(DialError, match="the program ssh cannot be run") as caught:
        await connect("docker+ssh://far", {"PATH": str(tmp_path)})
    assert "install ssh" in caught.value.hint
