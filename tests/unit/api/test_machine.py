from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.api.machine import Platforms, features, handlers, versions
from bakex.config import load
from bakex.platforms.ability import Ability, Way
from bakex.platforms.binfmt import Handler

if TYPE_CHECKING:
    from pathlib import Path

ARM = """\
enabled
interpreter {interpreter}
flags: POF
offset 0
magic 7f454c4601010100000000000000000002002800
mask ffffffffffffff00fffffffffffffffffeffffff
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    table = tmp_path / "proc" / "sys" / "fs" / "binfmt_misc"
    table.mkdir(parents=True)
    (table / "register").touch()
    (table / "status").write_text("enabled\n")
    (table / "jar").write_text("enabled\ninterpreter /jar\nflags: \nextension .jar\n")
    (table / "qemu-arm").write_text(ARM.format(interpreter=tmp_path / "arm-binfmt-P"))
    (tmp_path / "proc" / "cpuinfo").write_text(
        "processor\t: 0\nflags\t\t: fpu sse2 pni\n\nprocessor\t: 1\nflags\t\t: other\n"
    )
    return tmp_path / "proc"


def test_what_the_kernel_says(proc: Path) -> None:
    assert [handler.name for handler in handlers(proc)] == ["qemu-arm"]
    assert features(proc) == {"fpu", "sse2", "pni"}
    (proc / "cpuinfo").write_text("Features\t: half thumb\n")
    assert features(proc) == {"half", "thumb"}


def test_a_system_without_them(tmp_path: Path) -> None:
    assert handlers(tmp_path) == []
    assert features(tmp_path) == frozenset()


def test_platforms_of_a_machine(proc: Path) -> None:
    found = Platforms(load({}), proc=proc)
    ways = {str(ability.platform): ability.way for ability in found.abilities()}
    assert ways["linux/arm/v6"] in {Way.EMULATED, Way.COMPATIBLE, Way.NATIVE}
    assert found.catalogue is found.catalogue
    (proc / "sys" / "fs" / "binfmt_misc" / "qemu-arm").unlink()
    assert all(ability.handler is None for ability in found.abilities())


def ability(interpreter: Path) -> Ability:
    handler = Handler(
        name="q",
        enabled=True,
        interpreter=str(interpreter),
        flags="F",
        offset=0,
        magic=b"x",
        mask=b"",
    )
    (platform, *_) = Platforms(load({})).catalogue.profiles
    return Ability(platform=platform, way=Way.EMULATED, handler=handler)


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_versions(tmp_path: Path) -> None:
    program(tmp_path / "qemu-arm-static", 'echo "qemu-arm version 7.2.22 (Debian)"; echo more')
    alias = tmp_path / "arm-binfmt-P"
    alias.symlink_to("qemu-arm-static")
    assert versions([ability(alias)]) == {str(alias): "7.2.22"}


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("other", "echo version 1"),
        ("qemu-a", "exit 1"),
        ("qemu-b", "echo nothing"),
        ("qemu-c", "echo version"),
        ("qemu-d", "printf 'version \\377'"),
    ],
)
def test_programs_that_tell_no_version(tmp_path: Path, name: str, script: str) -> None:
    assert versions([ability(program(tmp_path / name, script))]) == {}


def test_an_interpreter_that_is_elsewhere(tmp_path: Path) -> None:
    assert versions([ability(tmp_path / "nothing")]) == {}


async def test_the_interpreters_of_a_node(
    tmp_path: Path, proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "qemu-arm").write_text("#!/bin/sh\necho qemu-arm version 9.1.0 of somebody\n")
    (tmp_path / "qemu-arm").chmod(0o755)
    (tmp_path / "arm-binfmt-P").symlink_to("qemu-arm")
    known = Platforms(load({"HOME": str(tmp_path)}), proc=proc)

    class Asked:
        is_here = True

        async def handlers(self) -> list[Handler]:
            return handlers(proc)

    def emulators(_: Platforms, *, builder: str, node: str) -> Asked:
        assert (builder, node) == ("b", "n")
        return asked

    asked = Asked()
    monkeypatch.setattr(Platforms, "emulators", emulators)
    (found,) = await known.handlers_of("b", "n")
    assert (found.handler.name, found.version) == ("qemu-arm", "9.1.0")
    asked.is_here = False  # the path is that of another machine
    (found,) = await known.handlers_of("b", "n")
    assert found.version == ""
    monkeypatch.undo()
    assert await known.handlers_of("tcp://127.0.0.1:1", "n") == []
