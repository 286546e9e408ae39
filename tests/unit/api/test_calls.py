from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bakex.api.calls import ask, calls, to_build
from bakex.api.connect import Connected
from bakex.bake.resolve import Resolution
from bakex.errors import UnsupportedAttributeError
from bakex.model.call import Answer, Call
from bakex.model.platform import Platform
from bakex.model.target import Target
from bakex.testing.fakes import EventRecorder, FakeEngine, fake_node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.events import EventSink
    from bakex.model.plan import Cell, CellId

LOCAL = Platform.parse("linux/amd64")


class AskedEngine(FakeEngine):
    """Answers with who was asked what."""

    async def call(
        self, cell: Cell, call: Call, others: Mapping[CellId, Cell], events: EventSink
    ) -> Answer:
        assert cell.target.call is None
        linked = sorted(others[base].id.target for _, base in cell.links)
        return Answer(fields={"result.txt": f"{cell.id} {call.name} {linked}"})


def connected(kind: type[FakeEngine]) -> Connected:
    info = fake_node("here")
    return Connected(info=info, engine=kind(info))


def resolution(**targets: dict[str, object]) -> Resolution:
    made = {name: Target(name=name, **fields) for name, fields in targets.items()}  # type: ignore[arg-type]
    return Resolution(targets=made, requested=tuple(made), groups={})


FOUR = resolution(
    app={"contexts": {"b": "target:base"}, "platforms": ("linux/s390x",)},
    base={"call": "outline"},
    lint={"call": "check,format=json", "contexts": {"b": "target:base"}},
    plain={"call": "build"},
)


def test_which_targets_are_asked() -> None:
    assert calls(FOUR.targets) == {
        "base": Call(name="outline"),
        "lint": Call(name="lint", format="json"),
    }


def test_what_remains_to_be_built() -> None:
    rest = to_build(FOUR)
    assert rest.requested == ("app", "plain")
    assert {name: target.call for name, target in rest.targets.items()} == {
        "app": None, "base": None, "plain": None,
    }  # fmt: skip
    untouched = resolution(app={})
    assert to_build(untouched) is untouched
    assert to_build(resolution(app={"call": "check"})).targets == {}


async def test_one_node_answers_for_all_platforms() -> None:
    answers = await ask(connected(AskedEngine), FOUR.targets, LOCAL, EventRecorder())
    assert {name: answer.fields["result.txt"] for name, answer in answers.items()} == {
        "base": "base@linux/amd64 outline []",
        "lint": "lint@linux/amd64 lint ['base']",
    }


async def test_nothing_to_ask() -> None:
    found = await ask(connected(FakeEngine), resolution(a={}).targets, LOCAL, EventRecorder())
    assert found == {}


async def test_an_engine_that_cannot_ask() -> None:
    with pytest.raises(UnsupportedAttributeError, match="here cannot call frontends"):
        await ask(connected(FakeEngine), FOUR.targets, LOCAL, EventRecorder())


def test_gates_of_what_is_built_are_built() -> None:
    found = resolution(app={"publish_requires": ("test",)}, lint={"call": "check"}, test={})
    found = replace(found, requested=("app", "lint"))
    assert list(to_build(found).targets) == ["app", "test"]
