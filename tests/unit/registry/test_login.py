"""Trying credentials before they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import ConfigError, RegistryError, UnauthorizedError
from bakex.registry.credential import Credential
from bakex.registry.hosts import Hosts
from bakex.registry.tokens import push
from bakex.testing.registry import Access, FakeRegistry, Fault, RegistryAuth

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.registry.conftest import MakeRig, Rig

JOE = Credential(username="joe", secret="hunter2")
WRONG = Credential(username="joe", secret="hunter3")
TOKEN = Credential(secret="id", is_token=True)


def guarded(access: Access) -> FakeRegistry:
    auth = RegistryAuth(access=access, users={"joe": "hunter2"}, identities=frozenset({"id"}))
    return FakeRegistry(auth=auth)


@pytest.mark.parametrize("access", [Access.BASIC, Access.TOKEN])
async def test_only_good_passwords_are_let_in(rig: Rig, access: Access) -> None:
    with guarded(access) as registry:
        found = await rig.client.check_login(registry.host, JOE)
        assert (found.credential, found.proven) == (JOE, True)
        with pytest.raises(UnauthorizedError, match="the credentials were refused") as caught:
            await rig.client.check_login(registry.host, WRONG)
        assert caught.value.hint == "check the name and the password"
        assert "hunter" not in f"{caught.value} {caught.value.detail}"


async def test_a_host_that_is_open_proves_nothing(rig: Rig, registry: FakeRegistry) -> None:
    found = await rig.client.check_login(registry.host, WRONG)
    assert not found.proven
    assert not any(seen.authorization for seen in registry.log)


async def test_identity_tokens(rig: Rig) -> None:
    with guarded(Access.TOKEN) as registry:
        assert (await rig.client.check_login(registry.host, TOKEN)).credential == TOKEN
        with pytest.raises(UnauthorizedError) as caught:
            await rig.client.check_login(registry.host, Credential(secret="x", is_token=True))
        assert caught.value.hint == "check the token"
    with guarded(Access.BASIC) as registry, pytest.raises(UnauthorizedError, match="no identity"):
        await rig.client.check_login(registry.host, TOKEN)


async def test_a_scope_is_asked_for(rig: Rig) -> None:
    with guarded(Access.TOKEN) as registry:
        await rig.client.check_login(registry.host, JOE, frozenset({push("team/app")}))
        assert registry.auth.issued == ["repository:team/app:pull,push"]


async def test_an_identity_token_takes_the_place_of_the_password(rig: Rig) -> None:
    with guarded(Access.TOKEN) as registry:
        registry.auth.offline = True
        found = await rig.client.check_login(registry.host, JOE)
        assert found.proven
        assert (found.credential.is_token, found.credential.username) == (True, "joe")
        assert found.credential.secret in registry.auth.identities
        again = await rig.client.check_login(registry.host, found.credential)
        assert again.credential == found.credential


async def test_other_failures_are_told_as_they_are(rig: Rig, registry: FakeRegistry) -> None:
    registry.fail(Fault(match="GET /v2/", skip=1, status=418, times=9))
    with pytest.raises(RegistryError, match=f"cannot log in to {registry.host}.*HTTP 418"):
        await rig.client.check_login(registry.host, JOE)


async def test_blocked_hosts_get_nothing(make_rig: MakeRig, tmp_path: Path) -> None:
    (tmp_path / "r.conf").write_text('[[registry]]\nlocation = "reg.example"\nblocked = true\n')
    from bakex.config import load  # noqa: PLC0415 - for this test only

    hosts = Hosts(load({}, cwd=tmp_path), containers=[tmp_path / "r.conf"], buildkit=())
    async with make_rig(hosts=hosts) as rig:
        with pytest.raises(ConfigError, match="is blocked"):
            await rig.client.check_login("reg.example", JOE)
