"""The options that say how results are published."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.cli.main import entry
from bakex.cli.publishing import Publishing
from bakex.errors import PublicationError, UsageError
from bakex.model.digest import Digest
from bakex.model.publication import (
    Expectation,
    Publication,
    PublishPolicy,
    Report,
    State,
    TargetReport,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.events import Event
    from tests.unit.cli.conftest import FakeBackend


def test_the_default_is_all_or_nothing() -> None:
    assert Publishing().policy() == PublishPolicy()
    assert PublishPolicy() == PublishPolicy(each=False, rollback=True)


def test_each_target_by_itself_is_not_taken_back_unless_asked_for() -> None:
    assert Publishing(publish="each").policy() == PublishPolicy(each=True, rollback=False)
    assert Publishing(publish="each", rollback=True).policy().rollback
    assert not Publishing(rollback=False).policy().rollback
    with pytest.raises(UsageError, match="invalid --publish 'some'"):
        Publishing(publish="some").policy()


def test_the_options_reach_the_bake(backend: FakeBackend) -> None:
    digest = Digest.of(b"x")
    code = entry(
        [
            *("bake", "--publish=each", "--expect-digest", f"app={digest}"),
            *("--expect-digest", "ghcr.io/*=none", "--immutable-tags", "v*"),
        ],
        backend=backend,
    )
    assert code == 0
    assert backend.asked("bake")["policy"] == PublishPolicy(
        each=True,
        rollback=False,
        expect=(
            Expectation(pattern="docker.io/library/app:latest", digest=digest),
            Expectation(pattern="ghcr.io/*"),
        ),
        immutable=("v*",),
    )


@pytest.mark.parametrize("text", ["app", "app=", "app=sha256:1", "A B=none", "=none"])
def test_malformed_expectations_are_a_matter_of_usage(backend: FakeBackend, text: str) -> None:
    assert entry(["bake", "--expect-digest", text], backend=backend) == 2


def test_the_metadata_file_tells_what_moved_when_not_everything_did(backend: FakeBackend) -> None:
    place = Publication(target="app", kind="registry", place="r/app:1", state=State.LEFT)
    error = PublicationError("publication failed")
    error.report = Report(targets={"app": TargetReport(name="app", publications=(place,))})

    async def fail(_emit: Callable[[Event], None]) -> None:
        raise error

    backend.body = fail
    code = entry(["bake", "--metadata-file", "m.json", "--progress", "quiet"], backend=backend)
    assert code == 5
    document = json.loads((backend.cwd / "m.json").read_bytes())
    assert document["app"]["bakex.publications"] == [
        {"type": "registry", "place": "r/app:1", "state": "left"}
    ]
