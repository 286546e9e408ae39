"""Cleaning repositories, on a registry that does what it is told and on ones that do not."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.garbage import Known, RepositoryGarbage
from bakex.api.images import Images
from bakex.api.publication import noted, records
from bakex.config import load
from bakex.errors import ContentError, ContentNotFoundError, RegistryError, UsageError
from bakex.model.digest import Digest
from bakex.model.garbage import Wishes
from bakex.model.publication import TagMove
from bakex.model.reference import Reference
from bakex.oci.validate import validate
from bakex.outputs.ledger import Ledger
from bakex.outputs.record import Record
from bakex.registry.client import RegistryClient
from bakex.testing.clock import ManualClock
from bakex.testing.images import (
    put_artifact,
    put_attested,
    put_image,
    put_index,
    put_platforms,
)
from bakex.testing.keychain import StaticKeychain
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable
    from pathlib import Path

    from bakex.model.descriptor import Descriptor
    from bakex.model.garbage import Garbage
    from bakex.registry.repository import Repository

TWO = ("linux/amd64", "linux/arm64")
LATE = datetime(2025, 12, 1, tzinfo=UTC)  # before the manual clock's time


def without_api(registry: FakeRegistry) -> None:
    registry.fail(
        Fault(match="GET .*/referrers/", status=404, times=9999),
        Fault(match="PUT .*/manifests/", headers={"OCI-Subject": None}, times=9999),
    )


class Place:
    """A repository, and what somebody wants of it."""

    def __init__(self, registry: FakeRegistry, folder: Path) -> None:
        self.registry = registry
        self.settings = load({"HOME": str(folder)}, cwd=folder)
        self.clock = ManualClock()
        self.wishes = Wishes(held_since=self.clock.now() - timedelta(hours=1))
        self.known = Known()
        self.client = self._connection()
        self.clients = [self.client]

    def _connection(self) -> RegistryClient:
        return RegistryClient(
            keychain=StaticKeychain(), settings=self.settings, clock=self.clock, certificates=()
        )

    @property
    def name(self) -> str:
        return f"{self.registry.host}/app"

    @property
    def store(self) -> Repository:
        return self.client.repository(Reference.parse(self.name))

    def fresh(self) -> Repository:
        """Return the repository as a client sees it that knows nothing of what was pushed."""
        client = self._connection()
        self.clients.append(client)
        return client.repository(Reference.parse(self.name))

    def collection(
        self, store: Repository | None = None, clock: ManualClock | None = None
    ) -> RepositoryGarbage:
        return RepositoryGarbage(
            store or self.fresh(), self.name, self.wishes, self.known, clock or self.clock
        )

    def note(self, *digests: Digest, at: datetime = LATE) -> None:
        self.known = replace(self.known, noted=dict.fromkeys(digests, at))

    async def verify(self) -> int:
        """Make sure that every tag leads to something whole, referrers included."""
        store = self.fresh()
        names = [n for n in self.registry.content.tags("app") if not n.startswith("sha256-")]
        for name in names:
            root = await store.resolve(name)
            await validate(store, root, contents=True)
            for entry in await store.referrers(root.digest):
                await validate(store, entry, contents=True)
        return len(names)

    def manifests(self) -> set[str]:
        folder = self.registry.content.root / "repositories" / "app" / "_manifests" / "sha256"
        return {f"sha256:{file.name}" for file in folder.iterdir()}


@pytest.fixture
async def place(registry: FakeRegistry, tmp_path: Path) -> AsyncGenerator[Place, None]:
    found = Place(registry, tmp_path)
    yield found
    for client in found.clients:
        await client.aclose()


def digests(garbage: Garbage) -> set[Digest]:
    return {item.descriptor.digest for item in garbage.doomed}


def texts(items: Iterable[Digest]) -> set[str]:
    return {str(digest) for digest in items}


async def signed(store: Repository, *tags: str, content: bytes = b"x") -> list[Descriptor]:
    """Push an image for two platforms, sign it, sign one of its parts, and sign a signature."""
    root = await put_platforms(store, *TWO, layers=[{"base": b"base"}, {"a": content}])
    for tag in tags:
        await store.tag(root, tag)
    about = await put_artifact(store, root, "x/signature")
    image = await store.resolve(str(root.digest))
    part = await put_image(store, TWO[0], layers=[{"base": b"base"}, {"a": content}])
    return [
        root,
        about,
        await put_artifact(store, about, "x/countersignature"),
        await put_artifact(store, part, "x/sbom", data=str(image.digest).encode()),
    ]


@pytest.mark.parametrize("api", [True, False])
async def test_a_tag_goes_with_all_that_only_it_leads_to(place: Place, *, api: bool) -> None:
    if not api:
        without_api(place.registry)
    old, *about_old = await signed(place.store, "pr-1", content=b"old")
    new, *about_new = await signed(place.store, "1.0", "latest", content=b"new")
    place.wishes = replace(place.wishes, delete_tags=("pr-*",))
    job = place.collection()
    before = place.manifests()
    planned = await job.plan()
    assert place.manifests() == before
    assert {old.digest, *(d.digest for d in about_old)} <= digests(planned)
    assert not {new.digest, *(d.digest for d in about_new)} & digests(planned)
    assert planned.kept["tags"] == 2
    done = await job.apply()
    assert done.applied
    assert digests(done) == digests(planned)
    assert place.manifests() == before - texts(digests(done))
    assert await place.verify() == 2
    tags = place.registry.content.tags("app")
    assert not [tag for tag in tags if any(d.digest.hex in tag for d in [old, *about_old])]
    again = await place.collection().plan()
    assert not again.doomed
    assert "No tag matches 'pr-*'." in again.notes


async def test_an_index_goes_before_its_parts_and_a_referrer_before_its_subject(
    place: Place,
) -> None:
    root, *about = await signed(place.store, "old")
    place.wishes = replace(place.wishes, delete_tags=("old",))
    planned = await place.collection().plan()
    order = [item.descriptor.digest for item in planned.doomed]
    assert order.index(about[1].digest) < order.index(about[0].digest) < order.index(root.digest)
    kinds = [item.kind for item in planned.doomed]
    assert kinds.index("index") < kinds.index("image")
    assert sorted(kinds) == ["artifact"] * 3 + ["attestation"] * 2 + ["image"] * 2 + ["index"]
    assert planned.frees > sum(item.descriptor.size for item in planned.doomed)


async def test_tags_that_share_an_image_are_only_untagged(place: Place) -> None:
    root = await put_attested(place.store)
    for tag in ("pr-1", "main"):
        await place.store.tag(root, tag)
    place.wishes = replace(place.wishes, delete_tags=("pr-*",))
    job = place.collection()
    planned = await job.plan()
    assert (planned.doomed, planned.untagged) == ((), ("pr-1",))
    assert planned.kept["tags"] == 1
    await job.apply()
    assert place.registry.content.tags("app") == ["main"]
    await place.store.tag(root, "pr-1")
    refuses = Fault(match="DELETE .*/manifests/pr-1", status=405, times=9)
    place.registry.fail(refuses)
    job = place.collection()
    await job.plan()
    done = await job.apply()
    assert done.untagged == ()
    assert "The registry removes no single tags; these stay: pr-1." in done.notes
    assert await place.verify() == 2


async def test_the_age_of_an_image_counts_not_that_of_a_wrong_clock(place: Place) -> None:
    made = {"created": "2025-06-01T00:00:00.123456789Z"}
    old = await put_image(place.store, config=made)
    zero = await put_image(place.store, config={"created": "1970-01-01T00:00:00Z"})
    young = {"org.opencontainers.image.created": "2025-12-31T00:00:00Z"}
    new = await put_image(place.store, annotations=young, config=made)
    silent = await put_index(place.store, [new, zero])
    for name, root in (("old", old), ("zero", zero), ("new", new), ("silent", silent)):
        await place.store.tag(root, name)
    place.wishes = replace(place.wishes, delete_tags=("*",), older_than=LATE)
    planned = await place.collection().plan()
    assert [item.tags for item in planned.doomed] == [("old",)]
    assert sum("does not say its age" in note for note in planned.notes) == 2


async def test_what_was_pushed_from_here_goes_when_it_is_old_enough(place: Place) -> None:
    old = await put_attested(place.store, layers=[{"a": b"old"}])
    new = await put_attested(place.store, layers=[{"a": b"new"}])
    await place.store.tag(new, "latest")
    place.note(old.digest, new.digest, Digest.of(b"gone"))
    job = place.collection()
    planned = await job.plan()
    assert old.digest in digests(planned)
    assert len(planned.doomed) == 3
    assert job.missing == {Digest.of(b"gone")}
    place.note(old.digest, at=place.clock.now())
    held = await place.collection().plan()
    assert not held.doomed
    assert held.kept["held"] == 3
    place.known = Known(noted={old.digest: LATE}, pending=frozenset({old.digest}))
    assert not (await place.collection().plan()).doomed


async def test_signed_images_without_a_tag_stay_unless_they_are_named(place: Place) -> None:
    without_api(place.registry)
    root, *_ = await signed(place.store)
    planned = await place.collection().plan()
    assert not planned.doomed
    assert any("3 without a tag stay" in note for note in planned.notes)
    place.wishes = replace(place.wishes, candidates=(root.digest, Digest.of(b"gone")))
    job = place.collection()
    planned = await job.plan()
    assert len(planned.doomed) > 8
    assert "1 of the candidates are not there." in planned.notes
    await job.apply()
    assert place.registry.content.tags("app") == []


async def test_lists_of_referrers_go_when_their_subject_is_gone(place: Place) -> None:
    without_api(place.registry)
    root, *_ = await signed(place.store, "1")
    kept, *_ = await signed(place.store, "2", content=b"kept")
    place.registry.content.delete_manifest("app", str(root.digest))
    job = place.collection()
    planned = await job.plan()
    reasons = {item.reason for item in planned.doomed}
    assert f"is about {str(root.digest)[:19]}, which is gone" in reasons
    await job.apply()
    assert not [tag for tag in place.registry.content.tags("app") if root.digest.hex in tag]
    assert await place.verify() == 1
    assert str(kept.digest) in place.manifests()


async def test_a_tag_that_is_set_meanwhile_saves_what_it_leads_to(place: Place) -> None:
    old = await put_attested(place.store, layers=[{"a": b"old"}])
    part = (await put_attested(place.store, layers=[{"a": b"other"}])).digest
    place.note(old.digest, part)
    job = place.collection()
    planned = await job.plan()
    assert len(planned.doomed) == 6
    await place.store.tag(old, "saved")
    place.clock.advance(60)
    done = await job.apply()
    assert len(done.doomed) == 3
    assert "3 got a name meanwhile, and stay." in done.notes
    assert await place.verify() == 1


async def test_a_tag_that_moves_while_things_are_removed_is_seen(place: Place) -> None:
    roots = [await put_image(place.store, layers=[{"a": bytes([n])}]) for n in range(3)]
    place.note(*(root.digest for root in roots))
    order: list[Descriptor] = []

    class Meddler(ManualClock):
        """Time passes whenever somebody looks, and a tag is set."""

        def monotonic(self) -> float:
            self.advance(10)
            if order:
                digest = str(order[-1].digest)
                _, kind, raw = place.registry.content.manifest("app", digest)
                place.registry.content.put_manifest("app", "late", kind, raw)
            return super().monotonic()

    job = place.collection(clock=Meddler())
    planned = await job.plan()
    order.extend(item.descriptor for item in planned.doomed)
    done = await job.apply()
    assert len(done.doomed) == 2
    assert await place.verify() == 1


async def test_it_stops_when_something_is_lost_that_was_to_stay(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        root = await put_image(place.store, layers=[{"a": bytes([n])}])
        await place.store.tag(root, f"pr-{n}")
    keep = await put_attested(place.store, layers=[{"a": b"keep"}])
    await place.store.tag(keep, "keep")
    place.wishes = replace(place.wishes, delete_tags=("pr-*",))
    store = place.fresh()
    drop = store.drop

    async def greedy(descriptor: Descriptor) -> None:
        await drop(descriptor)
        place.registry.content.delete_manifest("app", str(keep.digest))

    monkeypatch.setattr(store, "drop", greedy)  # a registry that removes more than it was asked to
    job = place.collection(store)
    planned = await job.plan()
    with pytest.raises(ContentNotFoundError, match=f"has lost {keep.digest} since") as caught:
        await job.apply()
    assert "1 were removed before" in caught.value.detail
    assert len(place.manifests() & texts(digests(planned))) == len(planned.doomed) - 1


async def test_a_registry_that_does_not_delete_says_so(place: Place) -> None:
    root = await put_image(place.store)
    await place.store.tag(root, "pr-1")
    place.registry.fail(Fault(match="DELETE .*/manifests/", status=405, times=9))
    place.wishes = replace(place.wishes, delete_tags=("pr-*",))
    job = place.collection()
    await job.plan()
    with pytest.raises(RegistryError, match="405") as caught:
        await job.apply()
    assert "storage.delete.enabled" in caught.value.hint
    assert str(root.digest) in place.manifests()


async def test_what_cannot_be_read_ends_it_before_anything_is_removed(place: Place) -> None:
    root = await put_attested(place.store)
    await place.store.tag(root, "1")
    file = place.registry.content.root / "blobs" / "sha256" / root.digest.hex
    file.write_bytes(b"{}" + b" " * (root.size - 2))
    with pytest.raises(ContentError, match="cannot tell what"):
        await place.collection().plan()


async def test_missing_parts_of_what_stays_are_told(place: Place) -> None:
    root = await put_attested(place.store)
    await place.store.tag(root, "1")
    other = await put_image(place.store, layers=[{"a": b"other"}])
    child = next(iter(place.manifests() - texts([root.digest, other.digest])))
    place.registry.content.delete_manifest("app", child)
    place.note(other.digest)
    job = place.collection()
    planned = await job.plan()
    assert any("leads to 1 that are missing" in note for note in planned.notes)
    assert len((await job.apply()).doomed) == 1


@asynccontextmanager
async def opened(folder: Path, **options: Any) -> AsyncGenerator[Images, None]:
    async with Images.open(load({"HOME": str(folder)}, cwd=folder), **options) as images:
        yield images


async def test_what_this_machine_knows_is_used_and_brought_up_to_date(
    place: Place, tmp_path: Path
) -> None:
    settings = place.settings
    image = await put_image(place.store)
    needed = await put_image(place.store, layers=[{"a": b"needed"}])
    ledger = Ledger(noted(settings))
    ledger.note(place.name, [image.digest, needed.digest, Digest.of(b"gone")], LATE)
    reference = Reference.parse(f"{place.name}:1")
    record = Record(
        created="now", tags=((TagMove(target="t", reference=reference, root=needed), None),)
    )
    record.write(records(settings) / "record.json")
    async with opened(tmp_path) as images:
        planned = await images.collect(place.name, place.wishes)
        assert digests(planned) == {image.digest}
        assert ledger.known(place.name).keys() == {image.digest, needed.digest}
        await images.collect(place.name, place.wishes, apply=True)
        assert ledger.known(place.name).keys() == {needed.digest}
        for one in (f"{place.name}:1", f"{place.name}@{image.digest}", f"oci:{tmp_path}:1"):
            with pytest.raises(UsageError):
                await images.collect(one, place.wishes)
    assert place.manifests() == texts([needed.digest])
