"""The rest of a run is built, and nothing twice."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.outcome import Recorder, begin
from bakex.api.resume import check_definition
from bakex.errors import ChangedDefinitionError, RunFailedError
from bakex.events import PlanReady, WarningRaised
from bakex.model.outcome import CellOutcome, CellState, Outcome
from bakex.model.running import RunPolicy
from tests.unit.api.test_outcome import GROUP, states

if TYPE_CHECKING:
    from tests.unit.api.conftest import Shop

LINKED = """
target "lib" {
  platforms = ["linux/amd64", "linux/arm64"]
  tags = ["${HOST}/lib:1"]
  output = ["type=registry"]
}
target "user" {
  contexts = { lib = "target:lib" }
  platforms = ["linux/amd64", "linux/arm64"]
  tags = ["${HOST}/user:1"]
  output = ["type=registry"]
}
"""


async def bake(shop: Shop, *targets: str, **course: Any) -> Outcome:
    """Bake, which may fail, and return the record."""
    head = begin(shop.settings, shop.define(*targets), options={}, created=shop.clock.now())
    kept = Recorder(head, clock=shop.clock, state=shop.settings.state)
    policy = {"each": course.pop("each", False)}
    running = RunPolicy(keep_going=True)
    try:
        with kept:
            await shop.bake(
                *targets, course={"running": running, "recorder": kept, **course}, **policy
            )
    except RunFailedError:
        pass
    return kept.outcome


@pytest.mark.parametrize("each", [False, True], ids=["all", "each"])
async def test_one_of_five_is_left(shop: Shop, each: bool) -> None:
    shop.text += GROUP
    shop.fail("a@linux/amd64")
    first = await bake(shop, "all")
    assert len(shop.solved) == 5
    assert shop.tags() == {}
    shop.fail()
    second = await bake(shop, "all", recorded=first.cells, each=each)
    assert shop.solved == ["a@linux/amd64"]
    assert list(shop.tags()) == ["a:1", "b:1", "c:1", "d:1", "e:1"]
    assert set(states(second).values()) == {"done"}
    assert second.cells[1:] == first.cells[1:]
    (plan,) = [event.plan for event in shop.events.events if isinstance(event, PlanReady)]
    assert len(plan.cells) == 5


async def test_what_fails_again_is_left_again(shop: Shop) -> None:
    shop.text += GROUP
    shop.fail("a@linux/amd64")
    first = await bake(shop, "all")
    second = await bake(shop, "all", recorded=first.cells)
    assert shop.solved == ["a@linux/amd64"]
    assert second.state == "failed"
    assert second.cells[1:] == first.cells[1:]
    shop.fail()
    await bake(shop, "all", recorded=second.cells)
    assert shop.solved == ["a@linux/amd64"]
    assert len(shop.tags()) == 5


async def test_a_digest_that_was_deleted_is_built_again_and_said(shop: Shop) -> None:
    shop.text += GROUP
    shop.fail("a@linux/amd64")
    first = await bake(shop, "all")
    shop.fail()
    gone = first.cells[2].pushed[0].root.digest
    shop.registry.content.delete_manifest("c", str(gone))
    await bake(shop, "all", recorded=first.cells)
    assert sorted(shop.solved) == ["a@linux/amd64", "c@linux/amd64"]
    said = [e.diagnostic for e in shop.events.events if isinstance(e, WarningRaised)]
    assert [item.code for item in said] == ["BX3102"]
    assert said[0].summary == f"c@linux/amd64 is built again: {gone} is not complete any more"
    assert len(shop.tags()) == 5


async def test_a_layer_that_was_deleted(shop: Shop) -> None:
    first = await bake(shop, "app")
    content = shop.registry.content
    for cell in first.cells:
        _, _, raw = content.manifest("app", str(cell.pushed[0].root.digest))
        content.remove_blob("app", json.loads(raw)["config"]["digest"])
    shop.content("new")
    second = await bake(shop, "app", recorded=first.cells)
    assert len(shop.solved) == 2
    assert second.state == "succeeded"


async def test_what_is_linked_to_is_built_again_with_its_user(shop: Shop) -> None:
    shop.text += LINKED
    shop.fail("user@linux/arm64")
    first = await bake(shop, "lib", "user")
    assert [cell.complete for cell in first.cells] == [True, True, True, False]
    shop.fail()
    await bake(shop, "lib", "user", recorded=first.cells)
    assert sorted(shop.solved) == ["lib@linux/arm64", "user@linux/arm64"]
    assert list(shop.tags()) == ["lib:1", "user:1"]


async def test_nothing_is_left(shop: Shop) -> None:
    first = await bake(shop, "app", "db")
    before = shop.tags()
    second = await bake(shop, "app", "db", recorded=first.cells)
    assert shop.solved == []
    assert second.state == "succeeded"
    assert shop.tags() == before


async def test_what_went_elsewhere_is_built_again(shop: Shop) -> None:
    first = await bake(shop, "app")
    elsewhere = [
        replace(cell, pushed=tuple(replace(p, repositories=("r.example/x",)) for p in cell.pushed))
        for cell in first.cells
    ]
    await bake(shop, "app", recorded=elsewhere)
    assert len(shop.solved) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"state": CellState.FAILED},
        {"complete": False},
        {"speed": "quick"},
        {"pushed": ()},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_what_is_no_result(shop: Shop, changes: dict[str, Any]) -> None:
    first = await bake(shop, "app")
    cells: list[CellOutcome] = [replace(cell, **changes) for cell in first.cells]
    await bake(shop, "app", recorded=cells)
    assert len(shop.solved) == 2


async def test_outputs_of_this_machine_are_made_again(shop: Shop) -> None:
    shop.text += f"""
target "file" {{
  platforms = ["linux/amd64"]
  output = ["type=oci,dest={shop.home}/file.tar"]
}}
"""
    first = await bake(shop, "file")
    assert not first.cells[0].complete
    await bake(shop, "file", recorded=first.cells)
    assert shop.solved == ["file@linux/amd64"]


async def test_a_change_of_where_and_how_it_is_built_is_none_of_the_definition(shop: Shop) -> None:
    shop.text += GROUP
    shop.fail("a@linux/amd64")
    first = await bake(shop, "all")
    care = 'node = { zone = "a" }\n  timeout = "30m"\n  retries = 2\n'
    shop.text = shop.text.replace("  name = n\n", f"  name = n\n  {care}")
    check_definition(first, shop.define("all"), "r.json")


async def test_another_definition_is_refused(shop: Shop) -> None:
    outcome = await bake(shop, "app")
    check_definition(outcome, shop.define("app"), "r.json")
    shop.text = shop.text.replace('"${HOST}/app:1"', '"${HOST}/app:2"')
    with pytest.raises(ChangedDefinitionError, match=r"r\.json is about another definition") as e:
        check_definition(outcome, shop.define("app"), "r.json")
    assert (e.value.code, e.value.exit_code) == ("BX2006", 3)
