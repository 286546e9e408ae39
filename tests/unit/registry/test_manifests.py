"""Manifests and tags over HTTP."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from bakex.errors import (
    ContentError,
    ContentNotFoundError,
    DeniedError,
    DigestMismatchError,
    MediaTypeError,
    NameUnknownError,
    RegistryError,
)
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_MANIFEST
from bakex.oci.copy import once
from bakex.oci.memory import MemoryStore
from bakex.oci.verified import read_document
from bakex.testing.images import put_image
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from tests.unit.registry.conftest import MakeRig, Rig

MANIFEST_GET = "GET .*/manifests/"


async def test_a_document_that_was_pushed_is_not_fetched_again(
    registry: FakeRegistry, rig: Rig
) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    registry.log.clear()
    await read_document(repository, image)
    await put_image(repository)
    assert registry.requests("manifests") == []
    assert await repository.exists(image)
    assert not await repository.exists(replace(image, size=1))
    assert [seen.split()[0] for seen in registry.requests("manifests")] == ["HEAD", "HEAD"]


async def test_a_document_that_was_pushed_may_become_visible_later(
    registry: FakeRegistry, rig: Rig
) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    registry.fail(Fault(match="HEAD .*/manifests/", status=404, times=3))
    assert await repository.exists(image)
    assert rig.clock.slept == [0.1, 0.2, 0.4]
    registry.fail(Fault(match="HEAD .*/manifests/", status=404, times=99))
    assert not await repository.exists(image)
    registry.heal()
    # It is pushed again, now that it is known to be gone.
    await put_image(repository)
    assert len(registry.requests("PUT /v2/app/manifests/")) == 2


async def test_a_document_is_fetched_once(
    registry: FakeRegistry, rig: Rig, make_rig: MakeRig
) -> None:
    image = await put_image(rig.repository(f"{registry.host}/app"))
    async with make_rig() as other:
        repository = other.repository(f"{registry.host}/app")
        assert await repository.exists(image)
        assert not await repository.exists(replace(image, size=1))
        registry.log.clear()
        for _ in range(2):
            assert (await read_document(repository, image)).descriptor == image
        assert len(registry.requests("manifests")) == 1


async def test_a_missing_document_is_waited_for(
    registry: FakeRegistry, rig: Rig, make_rig: MakeRig
) -> None:
    image = await put_image(rig.repository(f"{registry.host}/app"))
    async with make_rig() as other:
        repository = other.repository(f"{registry.host}/app")
        registry.fail(Fault(match=MANIFEST_GET, status=404, times=2))
        assert (await read_document(repository, image)).descriptor == image
        assert other.clock.slept == [0.1, 0.2]
        missing = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b"x"), size=1)
        with pytest.raises(ContentNotFoundError):
            await read_document(repository, missing)
        assert not await repository.exists(missing)


async def test_a_changed_document_is_not_taken(
    registry: FakeRegistry, rig: Rig, make_rig: MakeRig
) -> None:
    image = await put_image(rig.repository(f"{registry.host}/app"))
    async with make_rig() as other:
        registry.fail(Fault(match=MANIFEST_GET, corrupt=True, times=5))
        repository = other.repository(f"{registry.host}/app")
        await read_document(repository, image)
        assert registry.is_done
    async with make_rig() as other:
        registry.fail(Fault(match=MANIFEST_GET, corrupt=True, times=99))
        with pytest.raises(DigestMismatchError, match="has something else as sha256:"):
            await read_document(other.repository(f"{registry.host}/app"), image)


async def test_too_much_is_not_read(registry: FakeRegistry, rig: Rig, make_rig: MakeRig) -> None:
    image = await put_image(rig.repository(f"{registry.host}/app"))
    async with make_rig() as other:
        registry.fail(Fault(match=MANIFEST_GET, status=200, body=bytes(5 << 20)))
        with pytest.raises(RegistryError, match="more than 4194304 bytes"):
            await read_document(other.repository(f"{registry.host}/app"), image)


async def test_refusals_say_why(registry: FakeRegistry, rig: Rig, make_rig: MakeRig) -> None:
    image = await put_image(rig.repository(f"{registry.host}/app"))
    async with make_rig() as other:
        repository = other.repository(f"{registry.host}/app")
        registry.fail(Fault(match="GET .*/manifests/", status=403))
        with pytest.raises(DeniedError, match="cannot pull from"):
            await read_document(repository, image)
        registry.fail(Fault(match="HEAD .*/manifests/", status=403))
        with pytest.raises(DeniedError, match="cannot look for a manifest in"):
            await repository.exists(image)


async def test_parts_that_are_not_seen_yet_are_waited_for(registry: FakeRegistry, rig: Rig) -> None:
    unknown = b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}'
    registry.fail(Fault(match="PUT .*/manifests/", status=400, body=unknown, times=2))
    await put_image(rig.repository(f"{registry.host}/app"))
    assert rig.clock.slept == [0.1, 0.2]


async def test_parts_that_stay_away_are_an_error(registry: FakeRegistry, rig: Rig) -> None:
    local = MemoryStore()
    image = await put_image(local)
    repository = rig.repository(f"{registry.host}/app")
    with pytest.raises(RegistryError, match="HTTP 400 MANIFEST_BLOB_UNKNOWN"):
        await repository.push(image, partial(once, local.blobs[image.digest]))
    assert len(registry.requests("PUT")) == 6


async def test_too_large_a_document_is_not_sent(registry: FakeRegistry, rig: Rig) -> None:
    raw = b" " * ((4 << 20) + 1)
    large = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(raw), size=len(raw))
    with pytest.raises(ContentError, match="larger than registries take"):
        await rig.repository(f"{registry.host}/app").push(large, partial(once, raw))
    assert registry.log == []


async def test_a_registry_that_changes_documents_is_noticed(
    registry: FakeRegistry, rig: Rig
) -> None:
    other = str(Digest.of(b"other"))
    lie: dict[str, str | None] = {"Docker-Content-Digest": other}
    registry.fail(Fault(match="PUT .*/manifests/", headers=lie))
    # The header alone proves nothing: the document is there as it was sent.
    await put_image(rig.repository(f"{registry.host}/app"))
    assert registry.requests("GET /v2/app/manifests/")
    registry.fail(Fault(match="PUT .*/manifests/", headers=lie))
    registry.fail(Fault(match=MANIFEST_GET, status=404, times=99))
    with pytest.raises(MediaTypeError, match="changed what was pushed"):
        await put_image(rig.repository(f"{registry.host}/other"))


async def test_names_that_are_not_there_are_unknown(registry: FakeRegistry, rig: Rig) -> None:
    with pytest.raises(NameUnknownError, match=rf"cannot find {registry.host}/app:none"):
        await rig.repository(f"{registry.host}/app").resolve("none")
    with pytest.raises(NameUnknownError, match="app@sha256:"):
        await rig.repository(f"{registry.host}/app").resolve(str(Digest.of(b"x")))


@pytest.mark.parametrize(
    "headers", [{"Docker-Content-Digest": None}, {"Content-Type": "text/plain"}]
)
@pytest.mark.parametrize("by_digest", [False, True])
async def test_a_head_that_says_too_little_is_followed_by_a_get(
    registry: FakeRegistry, rig: Rig, headers: dict[str, str | None], by_digest: bool
) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    await repository.tag(image, "1")
    registry.fail(Fault(match="/manifests/", headers=headers, times=2))
    assert await repository.resolve(str(image.digest) if by_digest else "1") == image


async def test_a_get_with_the_wrong_content_is_noticed(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image, other = await put_image(repository), await put_image(repository, "linux/arm64")
    registry.fail(
        Fault(match="HEAD", headers={"Content-Type": None}),
        Fault(match=MANIFEST_GET, status=200, body=_raw(registry, other)),
    )
    with pytest.raises(DigestMismatchError):
        await repository.resolve(str(image.digest))
    await repository.tag(image, "1")
    registry.fail(Fault(match="HEAD", headers={"Content-Type": None}))
    registry.fail(Fault(match=MANIFEST_GET, status=403))
    with pytest.raises(DeniedError):
        await repository.resolve("1")


def _raw(registry: FakeRegistry, image: Descriptor) -> bytes:
    return registry.content.manifest("app", str(image.digest))[2]


async def test_a_tag_is_read_back(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image, other = await put_image(repository), await put_image(repository, "linux/arm64")
    registry.fail(
        Fault(match="HEAD .*/1$", status=404),
        Fault(match="HEAD .*/1$", headers={"Docker-Content-Digest": str(other.digest)}),
        Fault(match="HEAD .*/1$", headers={"Docker-Content-Digest": None}),
    )
    await repository.tag(image, "1")
    assert rig.clock.slept == [0.1, 0.2]
    registry.fail(
        Fault(match="HEAD", headers={"Docker-Content-Digest": str(other.digest)}, times=10)
    )
    with pytest.raises(RegistryError, match="it stands for something else"):
        await repository.tag(image, "2")


async def test_a_tag_that_cannot_be_read_back_is_an_error(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    registry.fail(Fault(match="HEAD .*/1$", status=403))
    with pytest.raises(DeniedError):
        await repository.tag(image, "1")


@pytest.mark.parametrize("status", [400, 403, 405, 409, 412])
async def test_an_immutable_tag_is_called_so(registry: FakeRegistry, rig: Rig, status: int) -> None:
    repository = rig.repository(f"{registry.host}/app")
    old, new = await put_image(repository), await put_image(repository, "linux/arm64")
    await repository.tag(old, "1")
    registry.fail(Fault(match="PUT .*/1$", status=status, body=b"tag is immutable"))
    with pytest.raises(DeniedError, match="it exists, and the registry refused") as caught:
        await repository.tag(new, "1")
    assert caught.value.detail == "tag is immutable"
    assert (await repository.resolve("1")).digest == old.digest


async def test_a_new_tag_that_is_refused_is_not_called_immutable(
    registry: FakeRegistry, rig: Rig
) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    registry.fail(Fault(match="PUT .*/1$", status=403))
    with pytest.raises(DeniedError, match="access is denied"):
        await repository.tag(image, "1")
