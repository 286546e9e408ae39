"""SSH in build steps: with OpenSSH's own programs on both sides, against a real daemon."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from bakex.errors import SessionError, StepFailedError
from bakex.model.result import SaveTree
from bakex.model.ssh import Ssh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Require
    from tests.engine.buildkit.conftest import Bench, MakeBench


def run(*argv: str | Path, stdin: str = "", **environ: str) -> str:
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, check=False, env=environ
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Keys:
    """A user's agent, and the keys that are in it or were never."""

    def __init__(self, folder: Path, require: Require) -> None:
        self.folder = folder
        self.socket = folder / "agent"
        self.require = require

    def make(self, name: str, kind: str = "ed25519") -> Path:
        path = self.folder / name
        bits = () if kind == "ed25519" else ("-b", "2048" if kind == "rsa" else "521")
        run(self.require("ssh-keygen"), "-q", "-t", kind, *bits, "-N", "", "-C", name, "-f", path)
        return path

    def add(self, path: Path) -> None:
        """Put a key into the agent, and remove its file: it now lives only there."""
        run(self.require("ssh-add"), "-q", path, SSH_AUTH_SOCK=str(self.socket))
        path.unlink()

    def listed(self) -> str:
        return run(self.require("ssh-add"), "-l", SSH_AUTH_SOCK=str(self.socket))

    def verify(self, public: Path, signature: Path, data: str) -> None:
        """Check a signature, and that it was made with that key."""
        signers = self.folder / "signers"
        signers.write_text(f"me {public.read_text()}")
        run(
            self.require("ssh-keygen"), "-Y", "verify", "-f", signers, "-I", "me",
            "-n", "file", "-s", signature, stdin=data,
        )  # fmt: skip


@pytest.fixture
def keys(tmp_path: Path, require: Require) -> Iterator[Keys]:
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    found = Keys(folder, require)
    agent = subprocess.Popen(
        [require("ssh-agent"), "-D", "-a", found.socket], stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 10
    while not found.socket.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield found
    agent.terminate()
    agent.wait(timeout=10)


@pytest.fixture
def bench(make_bench: MakeBench, keys: Keys, require: Require) -> Bench:
    """A bench whose context has OpenSSH's programs and what they are linked with."""
    made = make_bench(SSH_AUTH_SOCK=str(keys.socket))
    for program in ("ssh-add", "ssh-keygen"):
        binary = require(program)
        for line in run("ldd", binary).splitlines():
            for word in line.split():
                if word.startswith("/"):
                    place = made.cwd / "root" / word.removeprefix("/")
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(word, place)
                    place.chmod(0o755)
        place = made.cwd / "root/bin" / program
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(binary.read_bytes())
        place.chmod(0o755)
    etc = made.cwd / "root/etc"
    etc.mkdir()
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    return made


ADD = "COPY root /"


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
async def test_a_step_signs_with_a_key_that_only_the_agent_has(
    bench: Bench, keys: Keys, kind: str, tmp_path: Path
) -> None:
    key = keys.make("mine", kind)
    (bench.cwd / "root/mine.pub").write_text(key.with_suffix(".pub").read_text())
    keys.add(key)
    bench.shell(
        ADD,
        "RUN --mount=type=ssh ssh-add -l && echo -n text > /data &&"
        " ssh-keygen -q -Y sign -n file -f /mine.pub /data",
        "FROM scratch",
        "COPY --from=base /data.sig /",
    )
    await bench.build(SaveTree(directory=tmp_path / "out"), ssh=(Ssh(),))
    assert bench.output.splitlines()[0] == keys.listed().strip()
    keys.verify(keys.folder / "mine.pub", tmp_path / "out/data.sig", "text")


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
async def test_a_step_signs_with_a_key_file_that_it_never_sees(
    bench: Bench, keys: Keys, kind: str, tmp_path: Path
) -> None:
    key = keys.make("deploy", kind)
    (bench.cwd / "root/deploy.pub").write_text(key.with_suffix(".pub").read_text())
    bench.shell(
        ADD,
        "RUN --mount=type=ssh,id=git ssh-add -l && echo -n text > /data &&"
        " ssh-keygen -q -Y sign -n file -f /deploy.pub /data",
        "FROM scratch",
        "COPY --from=base /data.sig /",
    )
    await bench.build(SaveTree(directory=tmp_path / "out"), ssh=(Ssh(id="git", paths=(str(key),)),))
    assert "deploy" in bench.output
    keys.verify(keys.folder / "deploy.pub", tmp_path / "out/data.sig", "text")


async def test_a_step_cannot_change_the_agent(bench: Bench, keys: Keys) -> None:
    keys.add(keys.make("mine"))
    before = keys.listed()
    bench.shell(
        ADD,
        "RUN ssh-keygen -q -t ed25519 -N '' -f /intruder",
        "RUN --mount=type=ssh ! ssh-add -D; ! ssh-add /intruder; ! ssh-add -d /intruder;"
        " ssh-add -l > /dev/null",
    )
    await bench.build(ssh=(Ssh(),))
    assert keys.listed() == before


async def test_an_agent_that_the_target_does_not_forward(bench: Bench) -> None:
    bench.shell("RUN --mount=type=ssh,required true")
    with pytest.raises(SessionError, match="asks for the SSH agent 'default'") as caught:
        await bench.build()
    assert caught.value.hint == 'add "default" to the target\'s ssh list'
    bench.shell("RUN --mount=type=ssh test ! -e $SSH_AUTH_SOCK")
    await bench.build()


async def test_an_agent_without_keys(bench: Bench) -> None:
    bench.shell(ADD, "RUN --mount=type=ssh ssh-add -l")
    with pytest.raises(StepFailedError, match="'ssh-add -l' ended with exit code 1") as caught:
        await bench.build(ssh=(Ssh(),))
    assert "The agent has no identities." in caught.value.detail
