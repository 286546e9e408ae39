from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from bakex._version import __version__
from bakex.cli.main import entry

if TYPE_CHECKING:
    import pytest


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["version"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"bakex {__version__}"
    assert lines[1].startswith(f"python {platform.python_version()}")
    assert len(lines) == 3
