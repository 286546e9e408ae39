"""The options that say how a plan is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.cli.main import entry
from bakex.cli.running import Running
from bakex.errors import UsageError
from bakex.model.running import RunPolicy

if TYPE_CHECKING:
    from tests.unit.cli.conftest import FakeBackend


def test_the_defaults_are_those_of_a_run() -> None:
    assert Running().policy() == RunPolicy()


def test_everything() -> None:
    options = Running(jobs=3, keep_going=True, timeout="1h30m", stall_timeout="90s", speculate=True)
    assert options.policy() == RunPolicy(
        jobs=3, keep_going=True, timeout_s=5400, stall_s=90, speculate=True
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Running(jobs=-1), "invalid --jobs -1"),
        (Running(timeout="soon"), "--timeout: invalid duration 'soon'"),
        (Running(stall_timeout="5"), "--stall-timeout: invalid duration '5'"),
    ],
)
def test_values_that_mean_nothing(options: Running, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        options.policy()


def test_a_bake_is_told(backend: FakeBackend) -> None:
    arguments = ["bake", "-k", "--jobs", "2", "--progress", "quiet", "app"]
    assert entry(arguments, backend=backend) == 0
    assert backend.asked("bake")["running"] == RunPolicy(jobs=2, keep_going=True)
