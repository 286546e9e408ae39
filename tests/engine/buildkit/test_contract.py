"""Real daemons keep the contract that the fake one of `bakex.testing` is held to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.testing.engine_checks import DOCKERFILE, GREETING, check_engine

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.buildkit.conftest import Bench


async def test_the_contract_of_engines(bench: Bench, tmp_path: Path) -> None:
    (bench.cwd / "greeting").write_bytes(GREETING)
    bench.write(DOCKERFILE)
    (tmp_path / "out").mkdir()
    await check_engine(bench.engine, lambda stage: bench.cell(target=stage), tmp_path / "out")
