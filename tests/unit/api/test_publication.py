"""Nothing moves until everything is right; then everything does, or it is as it was before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.api.publication import complete, records, unfinished
from bakex.errors import (
    ConfigError,
    ContentNotFoundError,
    DeniedError,
    OutputError,
    PublicationError,
    RunFailedError,
    StepFailedError,
    TagConflictError,
    UnsupportedOutputError,
    UsageError,
)
from bakex.events import Published
from bakex.model.publication import Report
from bakex.testing.fakes import EventRecorder
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from bakex.model.plan import Cell
    from bakex.outputs.record import Record
    from tests.unit.api.conftest import Shop

pytestmark = pytest.mark.slow

TAGS = ["app:1", "app:latest", "db:1", "db:latest"]


def announced(shop: Shop) -> dict[str, str]:
    return {
        event.publication.place.partition("/")[2]: str(event.publication.state)
        for event in shop.events.events
        if isinstance(event, Published)
    }


async def test_all_tags_of_all_targets_are_one_list(shop: Shop, registry: FakeRegistry) -> None:
    report = await shop.bake()
    assert list(shop.tags()) == TAGS
    put = [line for line in registry.requests("PUT") if "sha256" not in line]
    assert [line.rpartition("/v2/")[2] for line in put] == [
        "app/manifests/1",
        "db/manifests/1",
        "app/manifests/latest",
        "db/manifests/latest",
    ]
    last_digest = max(i for i, line in enumerate(registry.requests()) if "manifests/sha256" in line)
    assert registry.requests().index(put[0]) > registry.requests().index(
        next(line for line in reversed(registry.requests("PUT")) if "sha256" in line)
    )
    assert last_digest > 0
    assert announced(shop) == dict.fromkeys(TAGS, "published")
    assert shop.records == []
    assert report["app"].metadata["image.name"] == (
        f"{registry.host}/app:1,{registry.host}/app:latest"
    )


async def test_a_second_run_moves_and_uploads_nothing(shop: Shop, registry: FakeRegistry) -> None:
    await shop.bake()
    registry.log.clear()
    report = await shop.bake()
    assert len(shop.solved) == 4
    assert registry.requests("PUT") == registry.requests("PATCH") == []
    assert announced(shop) == dict.fromkeys(TAGS, "unchanged")
    assert all(p.unchanged for target in report.targets.values() for p in target.publications)


async def test_a_failed_cell_leaves_every_tag_where_it_was(
    shop: Shop, registry: FakeRegistry
) -> None:
    await shop.bake()
    before = shop.tags()
    shop.content("new")
    shop.fail("db@linux/arm64")
    registry.log.clear()
    with pytest.raises(RunFailedError, match="1 of 4 cells failed") as caught:
        await shop.bake()
    assert caught.value.exit_code == 1
    assert [line for line in registry.requests("PUT") if "sha256" not in line and "v2" in line] == [
        line for line in registry.requests("PUT") if "/blobs/" in line
    ]
    assert shop.tags() == before
    assert announced(shop) == {}


async def test_a_tag_that_cannot_move_takes_the_others_back(
    shop: Shop, registry: FakeRegistry
) -> None:
    await shop.bake()
    before = shop.tags()
    shop.content("new")
    registry.fail(Fault(match="PUT /v2/app/manifests/latest", status=500, times=99))
    with pytest.raises(PublicationError, match="no tag has moved") as caught:
        await shop.bake()
    assert caught.value.exit_code == 5
    assert shop.tags() == before
    assert announced(shop) == {}
    assert shop.records == []
    report = caught.value.report
    assert isinstance(report, Report)
    assert "image.name" not in report["app"].metadata
    assert {str(p.state) for p in report["app"].publications} == {"restored", "untouched"}


async def test_without_permission_nothing_is_built(shop: Shop, registry: FakeRegistry) -> None:
    registry.fail(Fault(match="POST /v2/db/", status=403))
    with pytest.raises(DeniedError, match="/db"):
        await shop.bake()
    assert shop.solved == []


async def test_expectations_are_checked_before_anything_is_built(
    shop: Shop, registry: FakeRegistry
) -> None:
    report = await shop.bake()
    root = report["app"].root
    assert root is not None
    latest = f"{registry.host}/app:latest"
    shop.content("new")
    with pytest.raises(TagConflictError):
        await shop.bake(expect=(f"{latest}=none",))
    assert shop.solved == []
    with pytest.raises(UsageError):
        await shop.bake(expect=("ghcr.io/other:1=none",))
    assert shop.solved == []
    await shop.bake(expect=(f"{latest}={root.digest}",))
    assert shop.tags()["app:latest"] != str(root.digest)


async def test_immutable_tags(shop: Shop, registry: FakeRegistry) -> None:
    shop.text = shop.text.replace('"type=registry"]', '"type=registry"]\n  labels = {v = "1"}', 1)
    await shop.bake(immutable=("1",))
    before = shop.tags()
    await shop.bake(immutable=("1",))
    assert set(announced(shop).values()) == {"unchanged"}
    shop.text = shop.text.replace('v = "1"', 'v = "2"')
    with pytest.raises(TagConflictError, match="app:1 is immutable"):
        await shop.bake(immutable=("1",))
    assert shop.solved == []
    shop.text = shop.text.replace('v = "2"', 'v = "1"')
    shop.content("changed where nobody can see it before it is built")
    with pytest.raises(TagConflictError, match=r"is immutable"):
        await shop.bake(immutable=("1",))
    assert len(shop.solved) == 4
    assert shop.tags() == before


async def test_changed_inputs_of_an_immutable_tag_are_seen_before_the_build(shop: Shop) -> None:
    (shop.home / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    await shop.bake(immutable=("1",))
    before = shop.tags()
    (shop.home / "ignored.log").write_text("x")
    await shop.bake(immutable=("1",))
    assert set(announced(shop).values()) == {"unchanged"}
    (shop.home / "Dockerfile").write_text("FROM scratch\nCOPY a b /\n")
    with pytest.raises(TagConflictError, match="app:1 is immutable") as caught:
        await shop.bake(immutable=("1",))
    assert "has changed since it was published from here" in caught.value.detail
    assert shop.solved == []
    # Another machine has no memory of it: there the difference is found by building.
    for file in (shop.settings.state / "published").iterdir():
        file.write_text("damaged")
    await shop.bake(immutable=("1",))
    shop.content("new")
    for file in (shop.settings.state / "published").iterdir():
        file.unlink()
    with pytest.raises(TagConflictError, match="is immutable"):
        await shop.bake(immutable=("1",))
    assert len(shop.solved) == 4
    assert shop.tags() == before


async def test_a_tag_that_moves_during_the_build_is_not_overwritten(
    shop: Shop, registry: FakeRegistry
) -> None:
    shop.content("theirs")
    theirs = await shop.bake("app")
    root = theirs["app"].root
    assert root is not None
    shop.content("first")
    await shop.bake()
    before = shop.tags()

    def publish(cell: Cell) -> None:
        if cell.id.target == "app":
            _, kind, raw = registry.content.manifest("app", str(root.digest))
            registry.content.put_manifest("app", "latest", kind, raw)

    shop.content("ours")
    shop.engines[0].meanwhile = publish
    with pytest.raises(TagConflictError, match="somebody else moved") as caught:
        await shop.bake()
    assert "app:latest" in caught.value.summary
    assert shop.tags() == before | {"app:latest": str(root.digest)}
    shop.content("ours, after all")
    await shop.bake(expect=("*=any",))
    assert str(root.digest) not in shop.tags().values()


async def test_each_target_can_be_published_by_itself(shop: Shop, registry: FakeRegistry) -> None:
    report = await shop.bake(each=True)
    assert list(shop.tags()) == TAGS
    before = shop.tags()

    def check(cell: Cell) -> None:
        """Let "db" be built only when "app" is published, and fail then."""
        if cell.id.target == "db":
            raise StepFailedError("db failed")

    shop.content("new")
    shop.engines[0].meanwhile = check
    await shop.bake("app", each=True, rollback=False)
    with pytest.raises(RunFailedError):
        await shop.bake("db", each=True)
    assert shop.tags()["db:latest"] == before["db:latest"]
    assert shop.tags()["app:latest"] != before["app:latest"]
    shop.engines[0].meanwhile = None
    report = await shop.bake(each=True)
    assert [str(p.state) for p in report["app"].publications] == ["unchanged"] * 2
    assert [str(p.state) for p in report["db"].publications] == ["published"] * 2


async def test_a_target_is_published_while_another_one_is_still_built(
    shop: Shop, registry: FakeRegistry
) -> None:
    shop.text = shop.text.replace('target "db" {', 'target "db" {\n  contexts = {a = "target:app"}')
    seen: list[list[str]] = []
    for engine in shop.engines:
        engine.meanwhile = lambda cell: seen.append([cell.id.target, *shop.tags()])
    await shop.bake(each=True)
    assert [s[1:] for s in seen if s[0] == "app"] == [[], []]
    assert ["app:1", "app:latest"] in [s[1:] for s in seen if s[0] == "db"]


async def test_a_target_without_tags_is_built_but_not_pushed(
    shop: Shop, registry: FakeRegistry
) -> None:
    shop.text += 'target "base" { output = ["type=registry"] }\n'
    report = await shop.bake("app", "base")
    warnings = [e.diagnostic for e in shop.events.events if hasattr(e, "diagnostic")]
    assert [(w.code, w.summary) for w in warnings] == [
        ("BX3101", "no tags for base: it is built but not pushed")
    ]
    assert report["base"].publications == ()
    assert "base@linux/amd64" in shop.solved
    assert registry.content.repositories() == ["app"]


async def test_several_registries_are_one_publication(shop: Shop, registry: FakeRegistry) -> None:
    with FakeRegistry() as mirror:
        shop.text = shop.text.replace(
            '"${HOST}/app:latest"', f'"${{HOST}}/app:latest", "{mirror.host}/copy/app:1"'
        )
        report = await shop.bake()
        assert report["app"].root is not None
        assert mirror.content.manifest("copy/app", "1")[0] == str(report["app"].root.digest)
        shop.content("new")
        before = shop.tags()
        mirror.fail(Fault(match="PUT .*/manifests/1", status=403, times=9))
        with pytest.raises(PublicationError):
            await shop.bake()
        assert shop.tags() == before


async def interrupted(shop: Shop, registry: FakeRegistry) -> Record:
    """Leave a publication half done: one tag has moved, and a record is there."""
    registry.fail(Fault(match="PUT /v2/db/manifests/1", status=403, times=1))
    with pytest.raises(PublicationError, match="1 tags hold the new content") as caught:
        await shop.bake(rollback=False)
    [(path, record)] = unfinished(shop.settings)
    assert caught.value.hint == f"finish it with: bakex publish {path}"
    return record


async def test_an_interrupted_publication_is_finished_from_its_record(
    shop: Shop, registry: FakeRegistry
) -> None:
    await shop.bake()
    before = shop.tags()
    shop.content("new")
    await interrupted(shop, registry)
    assert shop.tags()["app:1"] != before["app:1"]
    [(path, _)] = unfinished(shop.settings)
    events = EventRecorder()
    done = await complete(shop.settings, path, events=events)
    assert [str(p.state) for p in done] == ["unchanged", "published", "published", "published"]
    assert len(events.of(Published)) == 4
    assert not set(shop.tags().values()) & set(before.values())
    assert unfinished(shop.settings) == []
    with pytest.raises(ConfigError, match="cannot read"):
        await complete(shop.settings, path, events=EventRecorder())


async def test_baking_again_finishes_it_too(shop: Shop, registry: FakeRegistry) -> None:
    await interrupted(shop, registry)
    await shop.bake()
    assert list(shop.tags()) == TAGS
    assert shop.records == []


async def test_a_record_is_not_followed_over_somebody_elses_work(
    shop: Shop, registry: FakeRegistry
) -> None:
    await interrupted(shop, registry)
    [(path, _)] = unfinished(shop.settings)
    shop.content("theirs")
    await shop.bake("db", rollback=False)
    with pytest.raises(TagConflictError, match="somebody else moved"):
        await complete(shop.settings, path, events=EventRecorder())


async def test_a_record_whose_content_is_gone_is_of_no_use(
    shop: Shop, registry: FakeRegistry
) -> None:
    record = await interrupted(shop, registry)
    [(path, _)] = unfinished(shop.settings)
    gone = next(move for move, _ in record.tags if move.reference.path == "db")
    registry.content.delete_manifest("db", str(gone.platforms["linux/arm64"].digest))
    with pytest.raises(ContentNotFoundError, match="cannot be published any more"):
        await complete(shop.settings, path, events=EventRecorder())


async def test_records_need_a_place(shop: Shop) -> None:
    place = records(shop.settings)
    place.parent.mkdir(parents=True)
    place.touch()
    with pytest.raises(OutputError, match="cannot write to"):
        await shop.bake()
    assert shop.solved == []


@pytest.mark.parametrize("dest", ["out.tar", "-"])
async def test_two_outputs_are_not_written_over_each_other(shop: Shop, dest: str) -> None:
    shop.text = shop.text.replace('"type=registry"', f'"type=oci,dest={dest}"')
    with pytest.raises(UnsupportedOutputError, match="gets the output of target 'app' already"):
        await shop.bake()
    assert shop.solved == []


async def test_a_layout_takes_all_targets(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.home)
    shop.text = shop.text.replace('"type=registry"', '"type=oci,tar=false,dest=layout"')
    await shop.bake()
    index = json.loads((shop.home / "layout" / "index.json").read_bytes())
    assert len(index["manifests"]) == 4


async def test_a_push_needs_a_name_somewhere(shop: Shop) -> None:
    shop.text += 'target "base" { output = ["type=registry"] }\n'
    with pytest.raises(UnsupportedOutputError, match="a push needs a name"):
        await shop.bake("base")
    assert shop.solved == []


async def test_a_test_target_that_is_baked_along_stops_everything(shop: Shop) -> None:
    shop.text += """
target "app-test" {
  contexts = { app = "target:app" }
  platforms = ["linux/amd64", "linux/arm64"]
  output = ["type=cacheonly"]
}
"""
    shop.fail("app-test@linux/arm64")
    with pytest.raises(RunFailedError, match="1 of 4 cells failed"):
        await shop.bake("app", "app-test")
    assert shop.tags() == {}
    shop.fail()
    await shop.bake("app", "app-test")
    assert list(shop.tags()) == ["app:1", "app:latest"]
