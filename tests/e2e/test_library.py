"""The Python interface, as README shows it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import LoopbackRegistry, TestEngine

README = Path(__file__).parents[2] / "README.md"


def test_the_python_code_of_the_readme(
    engine: TestEngine, registry: LoopbackRegistry, tmp_path: Path
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "docker-bake.hcl").write_text(
        f'target "app" {{\n  tags = ["{registry.host}/library/app:1"]\n'
        '  platforms = ["linux/amd64", "linux/arm64"]\n}\n'
    )
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=engine.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    digest = done.stdout.strip()
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
    assert any(digest.removeprefix("sha256:") in str(path) for path in registry.root.rglob("*"))
