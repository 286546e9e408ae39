"""Measures what budget.toml names as ratios and compares it with the budgets: ``make bench``.

Only ratios within one run mean anything on a machine that others use, too. Subject and baseline
take turns, so that both see the same weather, and the fastest run of each counts. CPU time is
measured, not the time on the wall: it waits for nobody.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bench.conftest import cpu_s, programs
from tests.bench.inputs import write

pytestmark = pytest.mark.bench

HERE = Path(__file__).parent
WARM_UP = 2  # runs that write the bytecode and fill the page cache
TABLES = tomllib.loads((HERE / "budget.toml").read_text())


@dataclass(frozen=True, kw_only=True)
class Case:
    """One table of budget.toml."""

    name: str
    title: str
    subject: list[str]
    baselines: list[dict[str, Any]]
    input: str
    runs: int


CASES = [Case(name=name, **fields) for name, fields in TABLES["ratio"].items()]


def chosen(case: Case, known: dict[str, str]) -> tuple[list[str], float]:
    """Return the command of the first baseline that is there, and the budget for it."""
    for baseline in case.baselines:
        command: list[str] = baseline["command"]
        if command[0].strip("{}") in known:
            return command, float(baseline["budget"])
    raise AssertionError(f"nothing to measure {case.name} against")


def place(case: Case, folder: Path) -> Path:
    kind, dash, size = case.input.rpartition("-")
    return write(folder, kind, int(size)) if dash else HERE / case.input


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ratio(case: Case, rows: list[tuple[str, ...]], folder: Path) -> None:
    known = programs()
    baseline, budget = chosen(case, known)
    commands = [[part.format(**known) for part in argv] for argv in (case.subject, baseline)]
    cwd = place(case, folder)
    for command in commands * WARM_UP:
        cpu_s(command, cwd)
    pairs = [tuple(cpu_s(command, cwd) for command in commands) for _ in range(case.runs)]
    subject_s, baseline_s = min(s for s, _ in pairs), min(b for _, b in pairs)
    ratio = subject_s / baseline_s
    shown = f"{baseline_s * 1000:.0f} ms {' '.join(baseline).replace('{', '').replace('}', '')}"
    verdict = "OVER" if ratio > budget else "ok"
    rows.append(
        (case.title, f"{subject_s * 1000:.0f} ms", shown, f"{ratio:.2f}", f"{budget:.2f}", verdict)
    )
    assert ratio <= budget
