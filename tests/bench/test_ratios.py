"""Measures what budget.toml names and compares it with its budget: ``make bench``.

Only ratios within one run mean anything on a machine that others use, too. Subject and baseline
take turns, so that both see the same weather, and the fastest run of each counts. CPU time is
measured, not the time on the wall: it waits for nobody.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.bench

HERE = Path(__file__).parent
WARM_UP = 2  # runs that write the bytecode and fill the page cache
HEADER = ("case", "subject", "baseline", "ratio", "budget", "")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One table of budget.toml."""

    name: str
    title: str
    subject: list[str]
    baseline: list[str]
    cwd: str
    runs: int
    budget: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The fastest runs of a case, in seconds of CPU time."""

    case: Case
    subject_s: float
    baseline_s: float

    @property
    def ratio(self) -> float:
        return self.subject_s / self.baseline_s

    @property
    def row(self) -> tuple[str, ...]:
        return (
            self.case.title,
            f"{self.subject_s * 1000:.0f} ms",
            f"{self.baseline_s * 1000:.0f} ms",
            f"{self.ratio:.2f}",
            f"{self.case.budget:.2f}",
            "OVER" if self.ratio > self.case.budget else "ok",
        )


CASES = [
    Case(name=name, **fields)
    for name, fields in tomllib.loads((HERE / "budget.toml").read_text()).items()
]


def cpu_s(argv: Sequence[str], cwd: Path) -> float:
    """Run a command that must succeed and return the CPU time that it took."""
    names = {
        "python": sys.executable,
        "bakex": str(Path(sys.executable).parent / "bakex"),
        "here": str(HERE),
    }
    # Without bytecode every start would pay for the compiler, which no installation does.
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen(
        [argument.format(**names) for argument in argv],
        cwd=cwd,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert child.stderr is not None
    with child.stderr:
        complaint = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, complaint.decode()
    return usage.ru_utime + usage.ru_stime


def measure(case: Case) -> Measured:
    cwd = HERE / case.cwd
    for _ in range(WARM_UP):
        cpu_s(case.subject, cwd)
        cpu_s(case.baseline, cwd)
    pairs = [(cpu_s(case.subject, cwd), cpu_s(case.baseline, cwd)) for _ in range(case.runs)]
    return Measured(
        case=case, subject_s=min(s for s, _ in pairs), baseline_s=min(b for _, b in pairs)
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


@pytest.fixture(scope="module")
def results() -> Iterator[list[Measured]]:
    found: list[Measured] = []
    yield found
    sys.stdout.write(f"\n\n{table([HEADER, *(measured.row for measured in found)])}\n")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ratio(case: Case, results: list[Measured]) -> None:
    measured = measure(case)
    results.append(measured)
    assert measured.ratio <= case.budget
