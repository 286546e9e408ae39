"""A repository keeps the contract of a store, and says what an account may do there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import DeniedError, RegistryError, UnauthorizedError
from bakex.registry.credential import Credential
from bakex.testing.checks import check_store
from bakex.testing.images import put_image
from bakex.testing.keychain import StaticKeychain
from bakex.testing.registry import Access, FakeRegistry, Fault, RegistryAuth

if TYPE_CHECKING:
    from tests.unit.registry.conftest import MakeRig, Rig


async def test_it_keeps_the_contract(registry: FakeRegistry, rig: Rig) -> None:
    await check_store(rig.repository(f"{registry.host}/team/app"))


async def test_permission_is_found_out_and_nothing_stays(registry: FakeRegistry, rig: Rig) -> None:
    await rig.repository(f"{registry.host}/app").check_push()
    assert [line.split("/")[0] for line in registry.requests("/uploads/")] == ["POST ", "DELETE "]
    assert list((registry.content.root / "uploads").iterdir()) == []
    registry.fail(Fault(match="POST", status=403))
    with pytest.raises(DeniedError):
        await rig.repository(f"{registry.host}/app").check_push()


@pytest.mark.parametrize("access", [Access.BASIC, Access.TOKEN])
async def test_permission_takes_credentials(make_rig: MakeRig, access: Access) -> None:
    with FakeRegistry(auth=RegistryAuth(access=access, users={"me": "pw"})) as registry:
        async with make_rig() as stranger:
            with pytest.raises(UnauthorizedError, match=r"wants a login"):
                await stranger.repository(f"{registry.host}/app").check_push()
        keys = StaticKeychain({registry.host: Credential(username="me", secret="pw")})
        async with make_rig(keys=keys) as known:
            await known.repository(f"{registry.host}/app").check_push()


async def test_a_tag_goes_and_nothing_else(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    image = await put_image(repository)
    for name in ("1", "2"):
        await repository.tag(image, name)
    assert await repository.untag("1")
    assert registry.content.tags("app") == ["2"]
    assert await repository.untag("1")


@pytest.mark.parametrize("status", [400, 401, 403, 405])
async def test_many_registries_remove_no_tags(
    registry: FakeRegistry, rig: Rig, status: int
) -> None:
    repository = rig.repository(f"{registry.host}/app")
    await repository.tag(await put_image(repository), "1")
    registry.fail(Fault(match="DELETE", status=status, times=9))
    assert not await repository.untag("1")


async def test_a_registry_that_fails_is_an_error(registry: FakeRegistry, rig: Rig) -> None:
    registry.fail(Fault(match="DELETE", status=500, times=99))
    with pytest.raises(RegistryError):
        await rig.repository(f"{registry.host}/app").untag("1")


async def test_removing_a_tag_takes_a_token_for_that(make_rig: MakeRig) -> None:
    auth = RegistryAuth(access=Access.TOKEN, users={"me": "pw"})
    with FakeRegistry(auth=auth) as registry:
        keys = StaticKeychain({registry.host: Credential(username="me", secret="pw")})
        async with make_rig(keys=keys) as rig:
            repository = rig.repository(f"{registry.host}/app")
            await repository.tag(await put_image(repository), "1")
            assert await repository.untag("1")
    assert "repository:app:delete,pull" in auth.issued
