"""Measures what budget.toml names and compares it with its budget: ``make bench [ONLY=name]``.

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

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
WARM_UP = 2  # runs that write the bytecode and fill the page cache


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
    def is_over(self) -> bool:
        return self.ratio > self.case.budget


def cases(text: str) -> list[Case]:
    """Read budget.toml."""
    return [Case(name=name, **fields) for name, fields in tomllib.loads(text).items()]


def measure(case: Case) -> Measured:
    """Run a case."""
    subject, baseline = _filled(case.subject), _filled(case.baseline)
    for _ in range(WARM_UP):
        cpu_s(subject, case.cwd)
        cpu_s(baseline, case.cwd)
    pairs = [(cpu_s(subject, case.cwd), cpu_s(baseline, case.cwd)) for _ in range(case.runs)]
    return Measured(
        case=case, subject_s=min(s for s, _ in pairs), baseline_s=min(b for _, b in pairs)
    )


def _filled(argv: list[str]) -> list[str]:
    names = {"python": sys.executable, "bakex": str(BIN / "bakex"), "here": str(HERE)}
    return [argument.format(**names) for argument in argv]


def cpu_s(argv: list[str], cwd: str) -> float:
    """Run a command that must succeed and return the CPU time that it took."""
    # Without bytecode every start would pay for the compiler, which no installation does.
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen(
        argv, cwd=HERE / cwd, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert child.stderr is not None
    with child.stderr:
        complaint = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{argv} failed with {child.returncode}:\n{complaint.decode()}")
    return usage.ru_utime + usage.ru_stime


def table(results: list[Measured]) -> str:
    """Return the results for people."""
    rows = [("case", "subject", "baseline", "ratio", "budget", "")]
    rows += [
        (
            r.case.title,
            f"{r.subject_s * 1000:.0f} ms",
            f"{r.baseline_s * 1000:.0f} ms",
            f"{r.ratio:.2f}",
            f"{r.case.budget:.2f}",
            "OVER" if r.is_over else "ok",
        )
        for r in results
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def main(only: list[str]) -> int:
    """Measure the cases that are named, or all, and return the exit code."""
    known = cases((HERE / "budget.toml").read_text())
    unknown = set(only) - {case.name for case in known}
    if unknown:
        raise SystemExit(f"no such case: {', '.join(sorted(unknown))}")
    results = [measure(case) for case in known if not only or case.name in only]
    sys.stdout.write(table(results) + "\n")
    return int(any(result.is_over for result in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
