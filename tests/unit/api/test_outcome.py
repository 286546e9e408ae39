"""The record of a run, on every way out."""

from __future__ import annotations

import asyncio
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from bakex.api import define
from bakex.api.outcome import KEPT, Recorder, begin, definition_digest, read
from bakex.config import load
from bakex.errors import ConfigError, OutputError, RunFailedError
from bakex.events import CellFinished, CellRetried, CellStarted, PlanReady, RaceEnded
from bakex.model.node import NodeName, Speed
from bakex.model.outcome import CellState, Outcome
from bakex.model.plan import Cell, CellId, Plan
from bakex.model.platform import Platform
from bakex.model.result import CellResult
from bakex.model.running import RunPolicy
from bakex.model.target import Target
from bakex.testing.fakes import EventRecorder

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.bake.resolve import Resolution
    from tests.unit.api.conftest import Shop

GROUP = """
group "all" { targets = ["a", "b", "c", "d", "e"] }
target "one" {
  name = n
  matrix = { n = ["a", "b", "c", "d", "e"] }
  platforms = ["linux/amd64"]
  tags = ["${HOST}/${n}:1"]
  output = ["type=registry"]
}
"""


def recorder(shop: Shop, resolution: Resolution, result: Path | None = None) -> Recorder:
    head = begin(shop.settings, resolution, options={"targets": ["all"]}, created=shop.clock.now())
    return Recorder(head, clock=shop.clock, state=shop.settings.state, result=result)


def states(outcome: Outcome) -> dict[str, str]:
    return {str(cell.id.target): str(cell.state) for cell in outcome.cells}


async def test_one_of_five_fails_and_the_others_are_on_record(shop: Shop) -> None:
    shop.text += GROUP
    shop.fail("a@linux/amd64")
    file = shop.home / "result.json"
    kept = recorder(shop, shop.define("all"), file)
    with pytest.raises(RunFailedError), kept:
        await shop.bake("all", course={"running": RunPolicy(keep_going=True), "recorder": kept})
    assert shop.tags() == {}
    assert kept.path is not None
    assert kept.path.read_bytes() == file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    outcome = read(file)
    assert outcome == kept.outcome
    assert outcome.state == "failed"
    assert states(outcome) == {"a": "failed", "b": "done", "c": "done", "d": "done", "e": "done"}
    failed, *done = outcome.cells
    assert failed.error == "a@linux/amd64 failed"
    assert [attempt.reason for attempt in failed.attempts] == ["a@linux/amd64 failed"]
    assert all(cell.complete and len(cell.pushed) == 1 for cell in done)
    assert len({cell.pushed[0].root.digest for cell in done}) == 4
    assert done[0].pushed[0].repositories == (f"{shop.registry.host}/b",)
    assert (done[0].node, done[0].speed) == ("one", "native")
    assert kept.is_worth_resuming


async def test_a_run_that_went_well(shop: Shop) -> None:
    with recorder(shop, shop.define("app")) as kept:
        await shop.bake("app", course={"recorder": kept})
    assert kept.outcome.state == "succeeded"
    assert [entry["place"] for entry in kept.outcome.publications] == [
        f"{shop.registry.host}/app:1",
        f"{shop.registry.host}/app:latest",
    ]
    assert not kept.is_worth_resuming


async def test_a_run_that_is_cancelled(shop: Shop) -> None:
    file = shop.home / "result.json"
    kept = recorder(shop, shop.define("app"), file)
    seen: list[str] = []
    main = asyncio.current_task()
    assert main is not None

    def meanwhile(_cell: object) -> None:
        seen.append(read(file).state)
        main.cancel()

    for engine in shop.engines:
        engine.meanwhile = meanwhile
    with pytest.raises(asyncio.CancelledError), kept:
        await shop.bake("app", course={"recorder": kept})
    main.uncancel()
    assert seen[0] == "running"
    assert read(file).state == "cancelled"
    assert set(states(read(file)).values()) == {"cancelled"}


def test_a_result_that_cannot_be_written_is_told_at_once(shop: Shop) -> None:
    kept = recorder(shop, shop.define("app"), shop.home / "missing" / "result.json")
    with pytest.raises(OutputError, match=r"cannot write the result to .*missing"), kept:
        pytest.fail("the run began")


def test_a_result_that_could_not_be_written_at_last(shop: Shop) -> None:
    folder = shop.home / "there"
    folder.mkdir()

    def vanish(error: type[Exception] | None = None) -> None:
        shutil.rmtree(folder)
        if error is not None:
            raise error

    kept = recorder(shop, shop.define("app"), folder / "result.json")
    with pytest.raises(OutputError, match="cannot write the result"), kept:
        vanish()
    folder.mkdir()
    kept = recorder(shop, shop.define("app"), folder / "result.json")
    # What made the run fail is worth more.
    with pytest.raises(KeyError), kept:
        vanish(KeyError)


def test_a_state_directory_that_cannot_be_written(shop: Shop) -> None:
    shop.settings.state.parent.mkdir(parents=True)
    shop.settings.state.write_text("no directory")
    with recorder(shop, shop.define("app")) as kept:
        pass
    assert kept.path is None


def test_the_last_records_are_kept(shop: Shop) -> None:
    paths = []
    for _ in range(KEPT + 3):
        with recorder(shop, shop.define("app")) as kept:
            paths.append(kept.path)
        shop.clock.advance(1)
    assert sorted((shop.settings.state / "runs").iterdir()) == paths[3:]
    assert stat.S_IMODE((shop.settings.state / "runs").stat().st_mode) == 0o700


CELL = Cell(
    id=CellId("app", Platform.parse("linux/arm64")),
    target=Target(name="app"),
    node=NodeName("one"),
    speed=Speed.NATIVE,
    alternatives=((NodeName("two"), Speed.EMULATED),),
)


def test_attempts_and_what_is_skipped(shop: Shop) -> None:
    other = CellId("user", CELL.platform)
    plan = Plan(
        cells=(
            CELL,
            Cell(id=other, target=Target(name="user"), node=CELL.node, speed=Speed.NATIVE),
        ),
        requested=("app", "user"),
    )
    told = EventRecorder()
    kept = recorder(shop, shop.define("app"))
    events, now = kept.following(told), shop.clock.now
    events.emit(PlanReady(at=now(), plan=plan))
    events.emit(CellStarted(at=now(), cell=CELL.id, node=CELL.node))
    events.emit(CellRetried(at=now(), cell=CELL.id, node=CELL.node, attempt=1, reason="reset"))
    shop.clock.advance(2)
    events.emit(CellStarted(at=now(), cell=CELL.id, node=NodeName("two"), attempt=2))
    assert kept.outcome.cells[0].state is CellState.RUNNING
    shop.clock.advance(3)
    events.emit(CellFinished(at=now(), cell=CELL.id, error="a step failed"))
    events.emit(CellFinished(at=now(), cell=other, skipped=True))
    assert len(told.events) == 6
    first, second = kept.outcome.cells
    assert [(one.node, one.reason) for one in first.attempts] == [
        ("one", "reset"),
        ("two", "a step failed"),
    ]
    assert (first.node, first.speed, first.seconds) == ("two", "emulated", 3)
    assert (first.state, first.error) == (CellState.FAILED, "a step failed")
    assert (second.state, second.attempts) == (CellState.SKIPPED, ())


def test_a_cell_that_is_given_up_has_the_reason_of_its_last_attempt(shop: Shop) -> None:
    kept = recorder(shop, shop.define("app"))
    now = shop.clock.now
    kept.take(PlanReady(at=now(), plan=Plan(cells=(CELL,), requested=("app",))))
    kept.take(CellStarted(at=now(), cell=CELL.id, node=CELL.node))
    kept.take(CellRetried(at=now(), cell=CELL.id, node=CELL.node, attempt=1, reason="reset"))
    kept.take(CellFinished(at=now(), cell=CELL.id, error="no node is left"))
    (cell,) = kept.outcome.cells
    assert (cell.error, [one.reason for one in cell.attempts]) == ("no node is left", ["reset"])


@pytest.mark.parametrize(("first", "speed"), [(True, "native"), (False, "emulated")])
def test_of_two_attempts_at_once_the_one_that_counts_comes_last(
    shop: Shop, first: bool, speed: str
) -> None:
    kept = recorder(shop, shop.define("app"))
    now, other = shop.clock.now, NodeName("two")
    began = now()
    kept.take(PlanReady(at=now(), plan=Plan(cells=(CELL,), requested=("app",))))
    kept.take(CellStarted(at=now(), cell=CELL.id, node=CELL.node))
    shop.clock.advance(30)
    second = CellStarted(at=now(), cell=CELL.id, node=other, attempt=2, beside=CELL.node)
    kept.take(second)
    shop.clock.advance(10)
    node, left = (other, CELL.node) if first else (CELL.node, other)
    kept.take(
        RaceEnded(
            at=now(), cell=CELL.id, attempt=2 if first else 1, node=node, left=left,
            reason="was slower", since=began if first else second.at,
        )
    )  # fmt: skip
    kept.take(CellFinished(at=now(), cell=CELL.id, result=CellResult(cell=CELL.id, exports=())))
    (cell,) = kept.outcome.cells
    tried = [(one.node, one.reason) for one in cell.attempts]
    assert tried == [(node, "was slower"), (left, "")]
    assert (cell.state, cell.node, cell.speed) == (CellState.DONE, left, speed)
    assert cell.seconds == (40 if first else 10)


def test_records_are_not_written_at_every_event(shop: Shop) -> None:
    with recorder(shop, shop.define("app")) as kept:
        kept.take(PlanReady(at=shop.clock.now(), plan=Plan(cells=(CELL,), requested=("app",))))
        assert kept.path is not None
        before = kept.path.read_bytes()
        kept.take(CellStarted(at=shop.clock.now(), cell=CELL.id, node=CELL.node))
        assert kept.path.read_bytes() == before
        shop.clock.advance(1)
        kept.take(CellFinished(at=shop.clock.now(), cell=CELL.id, error="no"))
        assert read(kept.path) == kept.outcome


ONE = 'platforms = ["linux/arm64"]'
ONE_BLOCK = 'platform "linux/arm64" {\nargs = { A = "1" }\n}'


def test_the_digest_of_a_definition(tmp_path: Path) -> None:
    def digest(text: str, *targets: str, place: Path = tmp_path, **environ: str) -> str:
        place.mkdir(exist_ok=True)
        (place / "docker-bake.hcl").write_text(text)
        settings = load({"HOME": "/nowhere", **environ}, cwd=place)
        return str(definition_digest(define(settings, targets=targets)))

    text = 'variable "V" { default = "1" }\ntarget "default" {\nargs = { V = V }\n}\ntarget "x" {}'
    same = digest(text)
    assert digest(text, place=tmp_path / "elsewhere") == same
    assert digest(text, OTHER="1") == same
    assert digest(text.replace("args", 'description = "words"\nargs')) == same
    # Where it is built, for how long at most and how often changes nothing of what is built.
    block = f"{ONE}\n{ONE_BLOCK}\n"
    for care in ('node = { zone = "a" }', 'timeout = "30m"', "retries = 2"):
        assert digest(text.replace("args", f"{care}\nargs")) == same, care
        apart = f'platform "linux/arm64" {{ {care} }}'
        assert digest(text.replace("args", f"{ONE}\n{apart}\nargs")) == digest(
            text.replace("args", f"{ONE}\nargs")
        )
        more = block.replace(ONE_BLOCK, f"{ONE_BLOCK[:-1]}\n{care}\n}}")
        assert digest(text.replace("args", f"{more}args")) == digest(
            text.replace("args", f"{block}args")
        )
    others = [
        digest(text, V="2"),
        digest(text, "default", "x"),
        digest(text, "x"),
        digest(text.replace("args", 'secret = ["id=a,env=B"]\nargs')),
        digest(text.replace("args", f"{ONE}\nargs")),
        digest(text.replace("args", f"{ONE}\n{ONE_BLOCK}\nargs")),
    ]
    assert len({same, *others}) == len(others) + 1


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*none"):
        read(tmp_path / "none")
