"""What a bake imports with a real daemon: nothing for registries where none is used."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TestEngine

BAKE = """\
target "default" {
  dockerfile-inline = "FROM scratch\\nCOPY file /\\n"
  output = ["type=OUTPUT"]
}
"""


@pytest.mark.parametrize("output", ["cacheonly", "local,dest=out"])
def test_a_bake_without_a_registry(engine: TestEngine, tmp_path: Path, output: str) -> None:
    (tmp_path / "docker-bake.hcl").write_text(BAKE.replace("OUTPUT", output))
    (tmp_path / "file").write_bytes(os.urandom(16))
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bakex", "bake", "--progress", "quiet",
         "--allow", "fs=*"],
        cwd=tmp_path, env=engine.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "bakex.api.connect" in loaded
    assert loaded & {"httpx", "httpcore", "rich", "yaml", "docker", "requests", "oras"} == set()
