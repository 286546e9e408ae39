"""What refers to a manifest, with and without the registry's help."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import ContentError, MediaTypeError, RegistryError
from bakex.model.digest import Digest
from bakex.model.documents import encode
from bakex.model.media_types import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST
from bakex.oci.copy import push_document
from bakex.registry.referrers import fallback_tag
from bakex.testing.images import put_blob, put_image
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from bakex.model.descriptor import Descriptor
    from bakex.registry.repository import Repository
    from tests.unit.registry.conftest import MakeRig, Rig

API = "GET /v2/app/referrers/"
NO_SUBJECT: dict[str, str | None] = {"OCI-Subject": None}


def without_api(registry: FakeRegistry) -> None:
    registry.fail(Fault(match=API, status=404, body=b"404 page not found", times=999))
    registry.fail(Fault(match="PUT .*/manifests/", headers=NO_SUBJECT, times=999))


async def attach(
    repository: Repository, subject: Descriptor, kind: str, **extra: Any
) -> Descriptor:
    empty = await put_blob(repository, b"{}", OCI_EMPTY)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        **({"artifactType": kind} if kind else {}),
        "config": empty.to_json(),
        "layers": [empty.to_json()],
        "subject": subject.to_json(),
        "annotations": {"of": kind},
        **extra,
    }
    return await push_document(repository, encode(document), OCI_MANIFEST)


async def digests(repository: Repository, subject: Descriptor, kind: str = "") -> list[Digest]:
    return [entry.digest for entry in await repository.referrers(subject.digest, kind)]


async def test_a_registry_with_the_api_lists_them_itself(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    assert await digests(repository, image) == []
    one, two = [await attach(repository, image, kind) for kind in ("a/b", "c/d")]
    assert set(await digests(repository, image)) == {one.digest, two.digest}
    assert await digests(repository, image, "c/d") == [two.digest]
    assert await repository.tags() == ()


async def test_without_the_api_there_is_a_tag(
    registry: FakeRegistry, rig: Rig, make_rig: MakeRig
) -> None:
    without_api(registry)
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    assert await digests(repository, image) == []
    one, two = [await attach(repository, image, kind) for kind in ("a/b", "")]
    assert await digests(repository, image) == [one.digest, two.digest]
    (entry,) = await repository.referrers(image.digest, OCI_EMPTY)
    assert (entry.digest, entry.annotations) == (two.digest, {"of": ""})
    assert await repository.tags() == (f"sha256-{image.digest.hex}",)
    # Again, by somebody who has not seen the first time: listed once.
    async with make_rig() as other:
        again = other.repository(f"{registry.host}/app")
        await attach(again, image, "a/b")
        assert await digests(again, image) == [one.digest, two.digest]
        await again.delete(one)
        assert await digests(again, image) == [two.digest]


async def test_an_index_may_refer_to_something_too(registry: FakeRegistry, rig: Rig) -> None:
    without_api(registry)
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "artifactType": "x/y",
        "manifests": [image.to_json()],
        "subject": image.to_json(),
    }
    index = await push_document(repository, encode(document), OCI_INDEX)
    (entry,) = await repository.referrers(image.digest)
    assert (entry.digest, entry.artifact_type) == (index.digest, "x/y")


async def test_an_entry_that_another_writer_lost_is_written_again(
    registry: FakeRegistry, rig: Rig, make_rig: MakeRig
) -> None:
    without_api(registry)
    async with make_rig() as other:
        here = rig.repository(f"{registry.host}/app")
        there = other.repository(f"{registry.host}/app")
        image = await put_image(here)
        kinds = [f"a/{number}" for number in range(4)]
        async with asyncio.TaskGroup() as group:
            for number, kind in enumerate(kinds):
                group.create_task(attach((here, there)[number % 2], image, kind))
        # Whoever writes last has read what was there before; a lost entry is noticed and added.
        found = await here.referrers(image.digest)
    assert len(found) >= 2


async def test_tasks_of_one_client_lose_nothing(registry: FakeRegistry, rig: Rig) -> None:
    without_api(registry)
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(attach(repository, image, f"a/{number}"))
    assert len(await repository.referrers(image.digest)) == 6


async def test_a_tag_that_is_no_list_is_left_alone(registry: FakeRegistry, rig: Rig) -> None:
    without_api(registry)
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    await repository.tag(image, fallback_tag(image.digest))
    with pytest.raises(MediaTypeError, match="is no list of referrers"):
        await attach(repository, image, "a/b")
    assert (await repository.resolve(fallback_tag(image.digest))).digest == image.digest


async def test_what_never_sticks_is_an_error(registry: FakeRegistry, rig: Rig) -> None:
    without_api(registry)
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    await attach(repository, image, "first")
    # Somebody else puts the old list back, every time.
    old = await repository.resolve(fallback_tag(image.digest))
    registry.fail(
        Fault(
            match=f"HEAD .*/manifests/{fallback_tag(image.digest)}",
            status=200,
            headers={
                "Docker-Content-Digest": str(old.digest),
                "Content-Type": OCI_INDEX,
                "Content-Length": str(old.size),
            },
            times=999,
        )
    )
    with pytest.raises(RegistryError):
        await attach(repository, image, "second")


async def test_a_page_instead_of_a_list_means_no_api(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    page: dict[str, str | None] = {"Content-Type": "application/json"}
    registry.fail(Fault(match=API, status=200, body=b"{}", headers=page))
    assert await digests(repository, image) == []


async def test_a_malformed_list_is_an_error(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    kind: dict[str, str | None] = {"Content-Type": OCI_INDEX}
    registry.fail(Fault(match=API, status=200, body=b'{"manifests": 3}', headers=kind))
    with pytest.raises(ContentError):
        await repository.referrers(image.digest)
    registry.fail(Fault(match=API, status=403))
    with pytest.raises(RegistryError, match="access is denied"):
        await repository.referrers(image.digest)


def test_the_tag_is_that_of_the_specification() -> None:
    sha512 = Digest("sha512", "a" * 128)
    assert fallback_tag(sha512) == "sha512-" + "a" * 64
