"""Tags move together or not at all, in one order, and only from where they were."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from bakex.errors import PublicationError, TagConflictError
from bakex.model.digest import Digest
from bakex.model.publication import Expectation, PublishPolicy, State, TagMove
from bakex.model.reference import Reference
from bakex.outputs.tagging import Tagging, rank
from bakex.testing.images import put_image
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.interfaces import RemoteRepository
    from bakex.model.descriptor import Descriptor
    from tests.unit.outputs.conftest import Desk

REFUSED = json.dumps({"errors": [{"code": "DENIED", "message": "no"}]}).encode()


class Stage:
    """Some tags of a registry, and two images for them."""

    def __init__(self, registry: FakeRegistry, desk: Desk) -> None:
        self.registry = registry
        self.desk = desk

    def reference(self, name: str) -> Reference:
        return Reference.parse(f"{self.registry.host}/{name}")

    async def image(self, repository: str, text: str) -> Descriptor:
        store = self.desk.registry.repository(self.reference(repository))
        return await put_image(store, layers=[{"file": text.encode()}])

    async def old(self, *names: str) -> dict[str, str]:
        """Let tags stand for the old image; returns what they stand for."""
        for name in names:
            reference = self.reference(name)
            store = self.desk.registry.repository(reference)
            await store.tag(await self.image(reference.path, "old"), reference.tag)
        return self.now(*names)

    def now(self, *names: str) -> dict[str, str]:
        found = {}
        for name in names:
            repository, _, tag = name.partition(":")
            if tag in self.registry.content.tags(repository):
                found[name] = self.registry.content.manifest(repository, tag)[0]
        return found

    async def moves(self, *names: str, text: str = "new") -> list[TagMove]:
        return [
            TagMove(
                target="app",
                reference=self.reference(name),
                root=await self.image(self.reference(name).path, text),
            )
            for name in names
        ]

    def tagging(
        self,
        moves: Sequence[TagMove],
        *,
        seen: Mapping[Reference, Digest | None] | None = None,
        **policy: Any,
    ) -> Tagging:
        made = PublishPolicy(**policy)
        return Tagging(moves, self.desk.registry, policy=made, seen=seen or {})


@pytest.fixture
def stage(registry: FakeRegistry, desk: Desk) -> Stage:
    return Stage(registry, desk)


def states(tagging: Tagging) -> dict[str, str]:
    return {p.place.partition("/")[2]: str(p.state) for p in tagging.publications}


NAMES = ("a1:1.0.0", "b1:1", "a1:latest", "b1:latest")


async def test_one_list_for_all_repositories(registry: FakeRegistry, stage: Stage) -> None:
    await stage.old("a1:1.0.0", "a1:latest")
    moves = await stage.moves("b1:latest", "a1:latest", "a1:1.0.0", "b1:1", "a1:2.0.0")
    registry.log.clear()
    tagging = stage.tagging(moves)
    await tagging.prepare()
    assert registry.requests("PUT") == []
    assert [str(move.reference.tag) for move, _ in tagging.pending] == [
        "2.0.0",
        "1",
        "1.0.0",
        "latest",
        "latest",
    ]
    await tagging.move()
    put = [line.rpartition("/")[2] for line in registry.requests("PUT")]
    assert put == ["2.0.0", "1", "1.0.0", "latest", "latest"]
    # A new "latest" goes before one that moves.
    assert registry.requests("PUT")[-1] == "PUT /v2/a1/manifests/latest"
    assert [p.state for p in tagging.publications] == [State.PUBLISHED] * 5
    assert next(p.place.partition("/")[2] for p in tagging.publications) == "b1:latest"


async def test_what_is_right_is_left_alone(registry: FakeRegistry, stage: Stage) -> None:
    moves = await stage.moves(*NAMES)
    first = stage.tagging(moves)
    await first.prepare()
    await first.move()
    registry.log.clear()
    # An immutable tag that is right already is no reason to fail.
    again = stage.tagging(moves, immutable=("*",))
    await again.prepare()
    assert again.pending == ()
    await again.move()
    assert set(states(again).values()) == {"unchanged"}
    assert registry.requests("PUT") == []
    assert not again.is_partial


@pytest.mark.parametrize("status", [500, 403, 404])
async def test_when_one_fails_all_are_put_back(
    registry: FakeRegistry, stage: Stage, status: int
) -> None:
    before = await stage.old("a1:1.0.0", "a1:latest", "b1:latest")
    tagging = stage.tagging(await stage.moves(*NAMES))
    await tagging.prepare()
    registry.fail(Fault(match="PUT /v2/b1/manifests/latest", status=status, body=REFUSED, times=99))
    with pytest.raises(PublicationError, match="publication failed, no tag has moved") as caught:
        await tagging.move()
    assert stage.now(*NAMES) == before
    assert states(tagging) == {
        "a1:1.0.0": "restored",
        "b1:1": "removed",
        "a1:latest": "restored",
        "b1:latest": "untouched",
    }
    assert f"restored: {registry.host}/a1:latest" in caught.value.detail
    assert not tagging.is_partial


async def test_a_registry_that_removes_no_tags_keeps_the_new_ones(
    registry: FakeRegistry, stage: Stage
) -> None:
    before = await stage.old("a1:latest")
    tagging = stage.tagging(await stage.moves("a1:1", "a1:latest"))
    await tagging.prepare()
    registry.fail(Fault(match="PUT .*/latest", status=403, times=99))
    registry.fail(Fault(match="DELETE", status=400, times=99))
    with pytest.raises(PublicationError, match="1 tags hold the new content"):
        await tagging.move()
    assert states(tagging) == {"a1:1": "left", "a1:latest": "untouched"}
    assert stage.now("a1:latest") == before
    assert tagging.is_partial


async def test_without_rollback_what_has_moved_stays(registry: FakeRegistry, stage: Stage) -> None:
    before = await stage.old("a1:latest")
    tagging = stage.tagging(await stage.moves("a1:1", "a1:latest"), rollback=False)
    await tagging.prepare()
    registry.fail(Fault(match="PUT .*/latest", status=403, times=99))
    with pytest.raises(PublicationError, match="1 tags hold the new content"):
        await tagging.move()
    assert states(tagging) == {"a1:1": "published", "a1:latest": "untouched"}
    assert stage.now("a1:latest") == before
    assert tagging.is_partial


@pytest.mark.parametrize("rollback", [True, False])
async def test_a_tag_that_moved_although_the_answer_was_bad_counts(
    registry: FakeRegistry, stage: Stage, *, rollback: bool
) -> None:
    tagging = stage.tagging(await stage.moves("a1:1"), rollback=rollback)
    await tagging.prepare()
    # The registry takes it, and then cannot be asked about it.
    registry.fail(Fault(match="HEAD", skip=1, status=400))
    with pytest.raises(PublicationError):
        await tagging.move()
    assert states(tagging) == {"a1:1": "removed" if rollback else "published"}
    assert bool(stage.now("a1:1")) is not rollback


async def test_what_cannot_be_found_out_is_called_left(
    registry: FakeRegistry, stage: Stage
) -> None:
    tagging = stage.tagging(await stage.moves("a1:1"))
    await tagging.prepare()
    registry.fail(Fault(match="HEAD", skip=1, status=400, times=99))
    with pytest.raises(PublicationError):
        await tagging.move()
    assert states(tagging) == {"a1:1": "left"}


async def test_a_tag_that_somebody_else_moves_at_the_last_moment_is_theirs(
    registry: FakeRegistry, stage: Stage
) -> None:
    await stage.old("a1:1", "a1:latest")
    tagging = stage.tagging(await stage.moves("a1:1", "a1:latest"))
    await tagging.prepare()
    [other] = await stage.moves("a1:latest", text="other")
    await stage.desk.registry.repository(other.reference).tag(other.root, "latest")
    with pytest.raises(PublicationError, match="somebody else moved"):
        await tagging.move()
    assert states(tagging) == {"a1:1": "restored", "a1:latest": "foreign"}
    assert stage.now("a1:latest") == {"a1:latest": str(other.root.digest)}


async def test_a_tag_that_somebody_else_moves_after_us_is_not_put_back(
    registry: FakeRegistry, stage: Stage
) -> None:
    await stage.old("a1:1", "a1:latest")
    [other] = await stage.moves("a1:1", text="other")
    tagging = stage.tagging(await stage.moves("a1:1", "a1:latest"))
    await tagging.prepare()

    class Meddling:
        """A registry in which somebody moves a tag after we have."""

        def __init__(self, store: object) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        async def tag(self, root: Descriptor, name: str) -> None:
            store = stage.desk.registry.repository(other.reference)
            if name == "latest":
                await store.tag(other.root, "1")
                raise PublicationError("no")
            await store.tag(root, name)

    for tag in tagging._tags.values():
        tag.store = cast("RemoteRepository", Meddling(tag.store))
    with pytest.raises(PublicationError):
        await tagging.move()
    assert states(tagging) == {"a1:1": "foreign", "a1:latest": "untouched"}
    assert stage.now("a1:1") == {"a1:1": str(other.root.digest)}


async def test_the_same_content_from_somebody_else_is_fine(stage: Stage) -> None:
    tagging = stage.tagging(moves := await stage.moves("a1:1"))
    await tagging.prepare()
    await stage.desk.registry.repository(moves[0].reference).tag(moves[0].root, "1")
    await tagging.move()
    assert states(tagging) == {"a1:1": "unchanged"}


async def test_cancelling_puts_back_what_has_moved(registry: FakeRegistry, stage: Stage) -> None:
    before = await stage.old("a1:1", "a1:latest")
    tagging = stage.tagging(await stage.moves("a1:1", "a1:latest", "b1:latest"))
    await tagging.prepare()

    async def stop() -> None:
        while not registry.requests("PUT /v2/a1/manifests/1"):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)
        moving.cancel()

    registry.log.clear()
    async with asyncio.TaskGroup() as group:
        moving = group.create_task(tagging.move())
        await stop()
    assert moving.cancelled()
    assert stage.now("a1:1", "a1:latest", "b1:latest") == before
    assert states(tagging)["a1:1"] == "restored"


async def test_two_images_cannot_have_one_tag(stage: Stage) -> None:
    moves = await stage.moves("a1:1")
    with pytest.raises(TagConflictError, match="two different images are to be tagged"):
        stage.tagging([*moves, *(await stage.moves("a1:1", text="other"))])
    both = stage.tagging([*moves, *moves])
    await both.prepare()
    await both.move()
    assert len(both.publications) == 2


async def test_an_immutable_tag_that_exists_does_not_move(
    registry: FakeRegistry, stage: Stage
) -> None:
    await stage.old("a1:1.0.0")
    registry.log.clear()
    tagging = stage.tagging(await stage.moves("b1:1.0.0", "a1:1.0.0"), immutable=("*.*.*",))
    with pytest.raises(TagConflictError, match=r"a1:1\.0\.0 is immutable, and stands for sha256"):
        await tagging.prepare()
    assert registry.requests("PUT /v2/a1/manifests/1.0.0") == []


async def test_tags_move_only_from_what_they_were(stage: Stage) -> None:
    before = Digest.parse((await stage.old("a1:1"))["a1:1"])
    moves = await stage.moves("a1:1", "b1:1")
    one, other = moves[0].reference, moves[1].reference
    await stage.tagging(moves, seen={one: before, other: None}).prepare()
    for seen in ({one: None}, {one: moves[0].root.digest}):
        with pytest.raises(TagConflictError, match="somebody else moved"):
            await stage.tagging(moves, seen=seen).prepare()
    whatever = Expectation(pattern=str(one), anything=True)
    await stage.tagging(moves, seen={one: None}, expect=(whatever,)).prepare()
    wrong = Expectation(pattern="*", digest=before)
    with pytest.raises(TagConflictError, match="not what --expect-digest says") as caught:
        await stage.tagging(moves, expect=(wrong,)).prepare()
    assert "stands for nothing" in caught.value.detail


async def test_all_conflicts_are_told(stage: Stage) -> None:
    await stage.old("a1:1", "b1:1")
    with pytest.raises(TagConflictError) as caught:
        await stage.tagging(await stage.moves("a1:1", "b1:1"), immutable=("1",)).prepare()
    assert "Also: the tag" in caught.value.detail


async def test_a_registry_that_refuses_to_overwrite_is_put_back_too(
    registry: FakeRegistry, stage: Stage
) -> None:
    before = await stage.old("a1:1", "b1:latest")
    tagging = stage.tagging(await stage.moves("a1:1", "b1:latest"))
    await tagging.prepare()
    body = json.dumps({"errors": [{"code": "TAG_INVALID", "message": "immutable"}]}).encode()
    registry.fail(Fault(match="PUT .*/latest", status=400, body=body))
    with pytest.raises(PublicationError, match="the registry refused to change it"):
        await tagging.move()
    assert stage.now("a1:1", "b1:latest") == before


def test_floating_tags_come_last() -> None:
    tags = ["latest", "1", "1.2.3", "edge", "v1.2", "sha-0a1b2c3", "20260101", "2.0.0-rc1"]
    assert sorted(tags, key=lambda tag: rank(tag, exists=False)) == [
        "1.2.3",
        "sha-0a1b2c3",
        "20260101",
        "2.0.0-rc1",
        "1",
        "edge",
        "v1.2",
        "latest",
    ]
    assert rank("edge", exists=False) < rank("1.2.3", exists=True) < rank("latest", exists=False)
