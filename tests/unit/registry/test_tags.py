"""Tags: several at once, lists of them, and removal that takes nothing along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import DeniedError, NameUnknownError, RegistryError
from bakex.testing.images import put_image
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from tests.unit.registry.conftest import Rig

LIST = "GET /v2/app/tags/list"
NEXT = '<{}>; rel="next"'


async def test_several_tags_go_in_one_request_where_that_works(rig: Rig) -> None:
    with FakeRegistry(tag_lists=True) as registry:
        repository = rig.repository(f"{registry.host}/app")
        image = await put_image(repository)
        registry.log.clear()
        registry.fail(Fault(match=r"PUT .*\?tag=a&tag=b&tag=c", headers={"OCI-Tag": "a, b"}))
        await repository.tag_all(image, ["a", "b", "c"])
        puts = [seen.rpartition("/")[2] for seen in registry.requests("PUT")]
        # What the answer does not name is not believed.
        assert puts == [f"{image.digest}?tag=a&tag=b&tag=c", "c"]
        await repository.tag_all(image, ["d", "e"])
        assert registry.content.tags("app") == ["a", "b", "c", "d", "e"]
        assert len(registry.requests("PUT")) == 3


async def test_a_registry_that_cannot_is_asked_once(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    registry.fail(Fault(match=r"PUT .*\?tag=", status=400))
    await repository.tag_all(image, ["a", "b"])
    await repository.tag_all(image, ["c", "d"])
    assert len(registry.requests("?tag=")) == 1
    assert sorted(registry.content.tags("app")) == ["a", "b", "c", "d"]


async def test_one_tag_is_nothing_special(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    await repository.tag_all(await put_image(repository), ["only"])
    assert registry.requests("?tag=") == []
    assert await repository.tags() == ("only",)


async def test_tags_come_in_pages(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    assert await repository.tags() == ()
    image = await put_image(repository)
    names = [f"t{number}" for number in range(5)]
    for name in names:
        await repository.tag(image, name)
    registry.fail(
        Fault(
            match=r"tags/list\?n=1000",
            status=200,
            body=b'{"tags": ["t0", "t1"]}',
            headers={"Link": NEXT.format("/v2/app/tags/list?n=2&last=t1")},
        )
    )
    assert await repository.tags() == tuple(names)
    assert len(registry.requests(LIST)) == 4  # one before there was anything, then three pages


@pytest.mark.parametrize(
    ("body", "link", "message"),
    [
        (b'{"tags": ["a"]}', "/v2/app/tags/list?n=1000", "the list never ends"),
        (b"[]", "", "is no JSON object"),
        (b"what?", "", "is no JSON object"),
        (b'{"tags": 3}', "", "no list of tags"),
        (b"{}", "file:///etc/passwd", "scheme 'file'"),
    ],
)
async def test_lists_that_make_no_sense_are_refused(
    registry: FakeRegistry, rig: Rig, body: bytes, link: str, message: str
) -> None:
    headers: dict[str, str | None] = {"Link": NEXT.format(link)} if link else {}
    registry.fail(Fault(match=LIST, status=200, body=body, headers=headers, times=9))
    with pytest.raises(RegistryError, match=message):
        await rig.repository(f"{registry.host}/app").tags()


async def test_a_list_does_not_lead_to_another_host(registry: FakeRegistry, rig: Rig) -> None:
    with FakeRegistry() as other:
        link: dict[str, str | None] = {"Link": NEXT.format(f"http://{other.host}/v2/app/tags/list")}
        registry.fail(Fault(match=LIST, status=200, body=b'{"tags": null}', headers=link))
        assert await rig.repository(f"{registry.host}/app").tags() == ()
        assert other.log == []


async def test_deleting_takes_no_other_tag_along(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    other = await put_image(repository, "linux/arm64")
    for name in ("one", "two"):
        await repository.tag(image, name)
    await repository.tag(other, "other")
    for along in ([], ["one"], ["one", "other"]):
        with pytest.raises(DeniedError, match="is still tagged") as caught:
            await repository.delete(image, along=along)
        assert caught.value.hint
    assert registry.requests("DELETE") == []
    await repository.delete(image, along=["one", "two"])
    assert await repository.tags() == ("other",)
    # It is not taken for present any more.
    await put_image(repository)
    assert not await repository.exists(image) or registry.requests("PUT /v2/app/manifests/")


async def test_a_registry_that_does_not_delete_says_so(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    registry.fail(Fault(match="DELETE", status=405))
    with pytest.raises(RegistryError, match=r"cannot remove .*HTTP 405"):
        await repository.delete(image)


async def test_a_tag_goes_alone(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    await repository.tag(image, "one")
    await repository.tag(image, "two")
    assert await repository.untag("one")
    assert await repository.tags() == ("two",)
    for status in (400, 405, 403):
        registry.fail(Fault(match="DELETE", status=status))
        assert not await repository.untag("two")
    registry.fail(Fault(match="DELETE", status=418))
    with pytest.raises(RegistryError):
        await repository.untag("two")
    with pytest.raises(NameUnknownError):
        await repository.resolve("one")


async def test_a_refused_tag_that_does_not_exist_is_no_immutable_one(
    registry: FakeRegistry, rig: Rig
) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    registry.fail(Fault(match="PUT .*/manifests/new", status=403))
    with pytest.raises(DeniedError, match="access is denied"):
        await repository.tag(image, "new")


async def test_a_tag_whose_answers_are_all_lost_is_looked_at(
    registry: FakeRegistry, rig: Rig
) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    registry.fail(Fault(match="PUT .*/manifests/new", reset="after", times=99))
    await repository.tag(image, "new")
    registry.heal()
    registry.fail(Fault(match="PUT .*/manifests/never", reset="before", times=99))
    with pytest.raises(RegistryError, match="no answer"):
        await repository.tag(image, "never")


async def test_a_tag_waits_for_the_parts_of_its_image(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    lacks = b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}'
    registry.fail(Fault(match="PUT .*/manifests/new", status=404, body=lacks, times=2))
    await repository.tag(image, "new")
    assert rig.clock.slept == [0.1, 0.2]
