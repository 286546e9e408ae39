"""How commands are measured, and how the measurements are shown."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Row = tuple[str, ...]

# Where docker looks for its plugins, besides PATH.
PLUGINS = (
    Path.home() / ".docker" / "cli-plugins",
    Path("/usr/local/lib/docker/cli-plugins"),
    Path("/usr/local/libexec/docker/cli-plugins"),
    Path("/usr/lib/docker/cli-plugins"),
    Path("/usr/libexec/docker/cli-plugins"),
)
# Looked up before the tests get an environment without the settings of whoever runs them.
BUILDX = os.environ.get("BAKEX_BENCH_BUILDX") or shutil.which(
    "docker-buildx", path=os.pathsep.join([os.environ.get("PATH", ""), *map(str, PLUGINS)])
)


def programs() -> dict[str, str]:
    """Return the programs that commands name; buildx is missing where it is not installed."""
    found = {"python": sys.executable, "bakex": str(Path(sys.executable).parent / "bakex")}
    return {**found, "buildx": BUILDX} if BUILDX else found


def cpu_s(argv: Sequence[str], cwd: Path) -> float:
    """Run a command that must succeed and return the CPU time that it took, in seconds."""
    # Without bytecode every start would pay for the compiler, which no installation does.
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen(
        argv, cwd=cwd, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert child.stderr is not None
    with child.stderr:
        complaint = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, complaint.decode()
    return usage.ru_utime + usage.ru_stime


@pytest.fixture(scope="session")
def rows() -> Iterator[list[Row]]:
    """Take the rows of the table that is shown at the end."""
    found: list[Row] = []
    yield found
    header = ("case", "measured", "against", "ratio", "budget", "")
    widths = [max(len(row[i]) for row in (header, *found)) for i in range(len(header))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *found)
    )
    sys.stdout.write("\n\n" + "\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where bake files are written."""
    return tmp_path_factory.mktemp("inputs")
