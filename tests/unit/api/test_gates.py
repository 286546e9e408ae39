"""A gate that fails keeps back what it is a gate of, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import (
    BlockedError,
    PublicationError,
    RegistryError,
    RunFailedError,
    StepFailedError,
)
from bakex.events import CellFinished, TargetBlocked
from bakex.model.publication import Report
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from bakex.model.plan import Cell
    from tests.unit.api.conftest import Shop

pytestmark = pytest.mark.slow

GATE = """
target "app" {
  publish { requires = ["app-test"] }
}
target "app-test" {
  contexts = { app = "target:app" }
  output = ["type=cacheonly"]
}
"""
TAGS = ["app:1", "app:latest", "db:1", "db:latest"]
EACH = pytest.mark.parametrize("each", [False, True], ids=["all", "each"])


@pytest.fixture
def gated(shop: Shop) -> Shop:
    shop.text += GATE
    return shop


async def fail(shop: Shop, *targets: str, each: bool = False) -> BlockedError:
    with pytest.raises(BlockedError) as caught:
        await shop.bake(*targets, each=each)
    return caught.value


@EACH
async def test_a_gate_that_passes_changes_nothing(gated: Shop, each: bool) -> None:
    report = await gated.bake(each=each)
    assert list(gated.tags()) == TAGS
    assert list(report.targets) == ["app", "db"]
    assert report["app"].blocked == ()
    assert sorted(gated.solved) == [
        f"{target}@{platform}"
        for target in ("app-test", "app", "db")
        for platform in ("linux/amd64", "linux/arm64")
    ]


@EACH
async def test_a_gate_that_fails_keeps_its_target_back(gated: Shop, each: bool) -> None:
    await gated.bake(each=each)
    before = gated.tags()
    gated.content("new")
    gated.fail("app-test@linux/arm64")
    error = await fail(gated, each=each)
    assert error.exit_code == 6
    assert error.summary == "1 of 2 targets not published"
    assert error.detail.splitlines() == [
        "app: blocked by app-test (linux/arm64)",
        "What does not depend on the gates was published.",
    ]
    assert [d.code for d in error.diagnostics()] == [StepFailedError.code, BlockedError.code]
    after = gated.tags()
    assert {name for name in TAGS if after[name] != before[name]} == {"db:1", "db:latest"}
    # The test on the other platform was not cancelled.
    assert "app-test@linux/amd64" in gated.solved
    (event,) = [e for e in gated.events.events if isinstance(e, TargetBlocked)]
    assert (event.target, [str(cell) for cell in event.by]) == ("app", ["app-test@linux/arm64"])
    assert isinstance(error.report, Report)
    assert error.report["app"].publications == ()
    assert [p.state for p in error.report["db"].publications] == ["published", "published"]
    assert error.report["app"].metadata["bakex.blocked"] == [
        {"target": "app-test", "platform": "linux/arm64"}
    ]
    assert gated.records == []


async def test_a_build_that_fails_publishes_nothing_whatever_gates_say(gated: Shop) -> None:
    gated.fail("app-test@linux/arm64", "db@linux/amd64")
    with pytest.raises(RunFailedError) as caught:
        await gated.bake()
    assert caught.value.exit_code == 1
    assert gated.tags() == {}


async def test_what_is_linked_to_a_gate_is_left_out(gated: Shop) -> None:
    gated.text += """
target "report" {
  contexts = { test = "target:app-test" }
  platforms = ["linux/amd64", "linux/arm64"]
  tags = ["${HOST}/report:1"]
  output = ["type=registry"]
}
"""
    gated.fail("app-test@linux/amd64")
    error = await fail(gated, "app", "db", "report")
    assert list(gated.tags()) == ["db:1", "db:latest"]
    assert "report@linux/amd64" not in gated.solved
    skipped = [e.cell for e in gated.events.events if isinstance(e, CellFinished) and e.skipped]
    assert [str(cell) for cell in skipped] == ["report@linux/amd64"]
    assert error.detail.splitlines()[:2] == [
        "app: blocked by app-test (linux/amd64)",
        "report: blocked by app-test (linux/amd64)",
    ]


async def test_a_gate_that_was_asked_for_is_built_once(gated: Shop) -> None:
    await gated.bake("app", "app-test")
    assert sorted(gated.solved) == sorted(set(gated.solved))
    gated.fail("app-test@linux/amd64", "app-test@linux/arm64")
    error = await fail(gated, "app", "app-test", "db")
    assert error.summary == "2 of 3 targets not published"
    assert isinstance(error.report, Report)
    assert {name: len(item.blocked) for name, item in error.report.targets.items()} == {
        "app": 2,
        "app-test": 2,
        "db": 0,
    }
    assert "buildx.build.ref" not in error.report["app-test"].metadata
    assert error.detail.splitlines()[1] == "app-test: failed (linux/amd64, linux/arm64)"


async def test_each_waits_for_its_gates_and_for_nothing_else(gated: Shop) -> None:
    seen: dict[str, list[str]] = {}

    def look(cell: Cell) -> None:
        seen[str(cell.id)] = sorted(gated.tags())

    for engine in gated.engines:
        engine.meanwhile = look
    await gated.bake("app", each=True)
    assert seen == {cell: [] for cell in seen}
    assert list(gated.tags()) == ["app:1", "app:latest"]


async def test_a_publication_that_fails_in_the_cell_of_a_gate_is_no_failure_of_the_gate(
    gated: Shop, registry: FakeRegistry
) -> None:
    registry.fail(Fault(match="PUT /v2/app/manifests/latest", status=500, times=99))
    with pytest.raises(RunFailedError) as caught:
        await gated.bake("app", each=True)
    assert isinstance(caught.value.exceptions[0], RegistryError)


async def test_a_publication_that_fails_tells_what_is_blocked_too(
    gated: Shop, registry: FakeRegistry
) -> None:
    gated.fail("app-test@linux/arm64")
    registry.fail(Fault(match="PUT /v2/db/manifests/latest", status=500, times=99))
    with pytest.raises(PublicationError) as caught:
        await gated.bake()
    assert caught.value.detail.endswith("app: blocked by app-test (linux/arm64)")
    assert isinstance(caught.value.report, Report)
    assert caught.value.report["app"].blocked


async def test_files_wait_for_gates_as_well(gated: Shop) -> None:
    place = gated.home / "app.tar"
    gated.text = gated.text.replace('"type=registry"', f'"type=oci,dest={place}"', 1)
    gated.fail("app-test@linux/arm64")
    await fail(gated, "app")
    assert not place.exists()
    gated.fail()
    await gated.bake("app")
    assert place.is_file()
