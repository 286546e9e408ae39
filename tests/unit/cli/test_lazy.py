from __future__ import annotations

import pytest

from bakex.cli.backend import Installed, Invocation
from bakex.cli.lazy import run
from bakex.errors import UsageError


def test_the_code_that_a_command_returns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run({"version": "Show it."}, ["version"], Invocation(Installed())) == 0
    assert "python" in capsys.readouterr().out


def test_only_commands_of_the_table_exist() -> None:
    with pytest.raises(UsageError, match="no such command 'bake'"):
        run({"version": "Show it."}, ["bake"], Invocation(Installed()))


def test_debug_before_the_command_is_for_all_of_them() -> None:
    invocation = Invocation(Installed())
    run({"version": "Show it."}, ["--debug", "version"], invocation)
    assert invocation.debug
