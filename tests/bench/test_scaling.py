"""Measures how the cost of a target grows with the number of targets: ``make bench``.

What one target costs must not depend on how many there are. The cost of start-up, measured with
the smallest file that there is, does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.bench.conftest import cpu_s, programs
from tests.bench.inputs import write
from tests.bench.test_ratios import TABLES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.bench

RUNS = 3


@dataclass(frozen=True, kw_only=True)
class Case:
    """One table of budget.toml."""

    name: str
    kind: str
    sizes: list[int]
    budget: float


CASES = [Case(name=name, **fields) for name, fields in TABLES["scaling"].items()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_scaling(case: Case, rows: list[tuple[str, ...]], folder: Path) -> None:
    argv = [programs()["bakex"], "bake", "--print"]

    def fastest_s(size: int) -> float:
        cwd = write(folder, case.kind, size)
        return min(cpu_s(argv, cwd) for _ in range(RUNS))

    start_s = fastest_s(4)
    each = {size: (fastest_s(size) - start_s) / size for size in case.sizes}
    smallest, largest = each[case.sizes[0]], each[case.sizes[-1]]
    ratio = largest / smallest
    verdict = "OVER" if ratio > case.budget else "ok"
    costs = ", ".join(f"{size}: {cost * 1e6:.0f}" for size, cost in each.items())
    rows.append(
        (
            f"bakex bake --print, {case.name}: one of {case.sizes[-1]} targets",
            f"{largest * 1e6:.0f} us",
            f"{smallest * 1e6:.0f} us one of {case.sizes[0]} ({costs})",
            f"{ratio:.2f}",
            f"{case.budget:.2f}",
            verdict,
        )
    )
    assert ratio <= case.budget
