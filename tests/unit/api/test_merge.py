"""Shards are merged if they are the parts of one whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bakex.api.merge import joined, merge, wanted
from bakex.api.outcome import Recorder, begin
from bakex.api.shards import shard
from bakex.errors import (
    ArchitectureError,
    BakexError,
    ChangedDefinitionError,
    ConflictingResultsError,
    IncompleteResultError,
    RevisionMismatchError,
)
from bakex.model.publication import PublishPolicy
from bakex.model.verification import Mode
from bakex.testing.binaries import Elf
from tests.unit.api.test_shards import AMD64, ARM64, TOOLS

if TYPE_CHECKING:
    from bakex.model.outcome import Outcome
    from bakex.model.platform import Platform
    from bakex.model.publication import Report
    from tests.unit.api.conftest import Shop


async def part(shop: Shop, platform: Platform, *targets: str) -> Outcome:
    """Bake a shard and return its record."""
    whole = shop.define(*targets)
    head = begin(shop.settings, whole, options={}, created=shop.clock.now(), shard=[platform])
    with Recorder(head, clock=shop.clock, state=shop.settings.state) as kept:
        course = {"recorder": kept, "parts": True}
        await shop.bake(resolution=shard(whole, [platform]), course=course)
    return kept.outcome


async def parts(shop: Shop, *targets: str) -> dict[str, Outcome]:
    return {
        "amd64.json": await part(shop, AMD64, *targets),
        "arm64.json": await part(shop, ARM64, *targets),
    }


async def publish(
    shop: Shop, records: dict[str, Outcome], *targets: str, verify: Mode | None = None
) -> Report:
    return await merge(
        shop.settings,
        shop.define(*targets),
        records,
        policy=PublishPolicy(verify=verify),
        events=shop.events,
    )


async def test_two_shards_are_published_like_one_bake(shop: Shop) -> None:
    records = await parts(shop)
    assert shop.tags() == {}
    report = await publish(shop, records)
    merged = shop.tags()
    assert list(merged) == ["app:1", "app:latest", "db:1", "db:latest"]
    moves = [
        seen.target.removeprefix("/v2/").replace("/manifests/", ":")
        for seen in shop.registry.log
        if seen.method == "PUT" and "/manifests/" in seen.target and "sha256:" not in seen.target
    ]
    assert sorted(moves) == list(merged)  # each once
    assert {str(p) for p in report["app"].publications[0].platforms} == {
        "linux/amd64",
        "linux/arm64",
    }
    assert [entry["node"] for entry in report["db"].metadata["bakex.platforms"]] == ["one", "two"]  # type: ignore[attr-defined]
    await shop.bake()
    assert shop.tags() == merged
    again = await publish(shop, records)
    assert all(item.unchanged for item in again["app"].publications)


async def test_what_cannot_run_is_not_published_unless_that_is_wanted(shop: Shop) -> None:
    for engine in shop.engines:
        engine.content = Elf(machine=62).build()
    shop.text += 'target "app" { verify = "full" }\n'
    records = await parts(shop, "app")
    with pytest.raises(ArchitectureError, match="/app: expected aarch64, found x86-64"):
        await publish(shop, records, "app")
    assert shop.tags() == {}
    await publish(shop, records, "app", verify=Mode.OFF)
    assert list(shop.tags()) == ["app:1", "app:latest"]


async def test_what_is_built_in_both_is_published_once(shop: Shop) -> None:
    shop.text += TOOLS
    shop.engines[1].info = replace(
        shop.engines[1].info,
        platforms={**shop.engines[0].info.platforms, **shop.engines[1].info.platforms},
    )
    records = await parts(shop, "tools", "made")
    await publish(shop, records, "tools", "made")
    assert list(shop.tags()) == ["made:1", "tools:1"]


async def refused(
    shop: Shop, records: dict[str, Outcome], error: type[BakexError], *targets: str
) -> BakexError:
    with pytest.raises(error) as caught:
        await publish(shop, records, *targets)
    assert shop.tags() == {}
    return caught.value


async def test_a_platform_is_missing(shop: Shop) -> None:
    records = await parts(shop)
    del records["arm64.json"]
    error = await refused(shop, records, IncompleteResultError)
    assert (error.code, error.exit_code) == ("BX5602", 9)
    assert error.summary == "linux/arm64 is in no record"
    assert error.detail == "Not built: app@linux/arm64, db@linux/arm64."
    assert "--shard platform=linux/arm64" in error.hint


async def test_another_commit(shop: Shop) -> None:
    records = await parts(shop)
    records["arm64.json"] = replace(records["arm64.json"], revision="abc")
    error = await refused(shop, records, RevisionMismatchError)
    assert (error.code, error.exit_code) == ("BX5601", 8)
    assert error.detail == "amd64.json: none\narm64.json: abc"


async def test_a_bake_file_that_was_changed_between_the_shards(shop: Shop) -> None:
    first = await part(shop, AMD64)
    shop.text = shop.text.replace('"${HOST}/app:1"', '"${HOST}/app:2"')
    second = await part(shop, ARM64)
    records = {"amd64.json": first, "arm64.json": second}
    error = await refused(shop, records, ChangedDefinitionError)
    assert (error.code, error.exit_code) == ("BX2006", 3)
    assert error.summary == "amd64.json and arm64.json are about different definitions"


async def test_a_bake_file_that_was_changed_since(shop: Shop) -> None:
    records = await parts(shop)
    shop.text = shop.text.replace('"${HOST}/app:1"', '"${HOST}/app:2"')
    error = await refused(shop, records, ChangedDefinitionError)
    assert error.summary.startswith("amd64.json is about another definition")


async def test_a_shard_that_failed(shop: Shop) -> None:
    records = await parts(shop)
    records["arm64.json"] = replace(records["arm64.json"], state="failed")
    error = await refused(shop, records, IncompleteResultError)
    assert "arm64.json is of a run that has not succeeded: it is failed" in error.summary
    assert "bakex resume arm64.json --result arm64.json" in error.hint


async def test_two_results_for_one_platform(shop: Shop) -> None:
    records = await parts(shop)
    shop.content("other")
    records["again.json"] = await part(shop, ARM64)
    error = await refused(shop, records, ConflictingResultsError)
    assert (error.code, error.exit_code) == ("BX5603", 8)
    assert error.summary == "arm64.json and again.json have different results for app@linux/arm64"
    del records["again.json"]
    await publish(shop, {**records, "copy.json": records["arm64.json"]})
    assert len(shop.tags()) == 4


async def test_a_result_that_has_gone(shop: Shop) -> None:
    records = await parts(shop)
    (cell, _) = records["arm64.json"].cells
    shop.registry.content.delete_manifest(cell.id.target, str(cell.pushed[0].root.digest))
    error = await refused(shop, records, IncompleteResultError)
    assert error.detail == str(cell.id)


async def test_the_order_is_that_of_the_bake_file(shop: Shop) -> None:
    records = await parts(shop)
    turned = dict(reversed(records.items()))
    resolution = shop.define()
    assert tuple(joined(turned, resolution)) == wanted(resolution)
    assert [str(cell) for cell in wanted(resolution)] == [
        "app@linux/amd64",
        "app@linux/arm64",
        "db@linux/amd64",
        "db@linux/arm64",
    ]
