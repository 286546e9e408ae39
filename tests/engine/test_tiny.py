"""The smallest programs, assembled from their source and run."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from bakex.api.platforms import catalogue
from bakex.config import load
from bakex.model.platform import Platform
from bakex.platforms.tiny import CODES, TEXT, program
from tests.conftest import OUTSIDE, lacking

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = catalogue(load({}))
LINKED = {"386": ["-m", "elf_i386"]}


def needs(name: str) -> str:
    found = shutil.which(name, path=OUTSIDE.get("PATH"))
    if found is None:
        lacking(f"{name} is not installed")
    assert found is not None
    return found


@pytest.mark.parametrize("architecture", sorted(CODES.keys() - {"loong64"}))
def test_the_bytes_are_what_the_source_says(tmp_path: Path, architecture: str) -> None:
    names = KNOWN.profiles[Platform.parse(f"linux/{architecture}")].names
    triple = "x86_64-linux-gnu" if architecture in {"amd64", "386"} else names.gnu
    code = CODES[architecture]
    separator = "\n" if architecture == "arm64" else ";"
    source = code.source.replace("; ", f"{separator} ")
    (tmp_path / "a.s").write_text(f'.globl _start\n_start:\n{source}\n.ascii "ok\\n"\n')

    def run(tool: str, *arguments: str) -> None:
        subprocess.run(
            [needs(f"{triple}-{tool}"), *arguments], cwd=tmp_path, env=OUTSIDE, check=True
        )

    run("as", *code.options, "-o", "a.o", "a.s")
    run("ld", *LINKED.get(architecture, []), "-Ttext=0x10000", "-o", "a.out", "a.o")
    run("objcopy", "-O", "binary", "-j", ".text", "a.out", "a.bin")
    made = (tmp_path / "a.bin").read_bytes()
    assert made[: made.index(TEXT)].hex() == code.octets.hex()


@pytest.mark.parametrize("architecture", sorted(CODES))
@pytest.mark.parametrize("arguments", [[], ["slowly"]], ids=["at once", "counting"])
def test_they_run_under_qemu(tmp_path: Path, architecture: str, arguments: list[str]) -> None:
    profile = KNOWN.profiles[Platform.parse(f"linux/{architecture}")]
    assert profile.emulation is not None
    qemu = needs(f"{profile.emulation.program}-static")
    made = program(profile.platform, profile.binary)
    assert made is not None
    path = tmp_path / "tiny"
    path.write_bytes(made)
    path.chmod(0o755)
    options = ["-cpu", profile.emulation.cpu] if profile.emulation.cpu else []
    done = subprocess.run(
        [qemu, *options, path, *arguments], env=OUTSIDE, capture_output=True, check=True
    )
    assert done.stdout == TEXT
