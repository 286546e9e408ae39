"""Tokens for somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex import config
from bakex.errors import UnauthorizedError
from bakex.interfaces import TokenSource
from bakex.registry.client import RegistryClient
from bakex.registry.credential import Credential
from bakex.registry.retry import RetryPolicy
from bakex.testing.clock import ManualClock
from bakex.testing.keychain import StaticKeychain
from bakex.testing.registry import Access, FakeRegistry, RegistryAuth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture
def guarded() -> Iterator[FakeRegistry]:
    with FakeRegistry(auth=RegistryAuth(access=Access.TOKEN, users={"me": "right"})) as found:
        yield found


@pytest.fixture
def keychain() -> StaticKeychain:
    return StaticKeychain()


@pytest.fixture
async def client(keychain: StaticKeychain, tmp_path: Path) -> AsyncIterator[RegistryClient]:
    settings = config.load({"HOME": str(tmp_path)}, cwd=tmp_path)
    policy = RetryPolicy(attempts=1)
    found = RegistryClient(
        keychain=keychain, settings=settings, clock=ManualClock(), policy=policy, certificates=()
    )
    yield found
    await found.aclose()


async def test_a_token_for_some_scopes_and_no_more(
    client: RegistryClient, keychain: StaticKeychain, guarded: FakeRegistry
) -> None:
    keychain.add(guarded.host, Credential(username="me", secret="right"))
    assert isinstance(client, TokenSource)
    assert (await client.token_server(guarded.host)).startswith(f"http://{guarded.host}/")
    scopes = ("repository:a/b:pull,push", "registry:catalog:*")
    value, life_s = await client.issue(guarded.host, "registry", scopes)
    assert value.reveal()
    assert life_s == 300
    assert guarded.auth.issued == ["repository:a/b:pull,push"]


async def test_credentials_that_are_refused(
    client: RegistryClient, keychain: StaticKeychain, guarded: FakeRegistry
) -> None:
    keychain.add(guarded.host, Credential(username="me", secret="wrong"))
    with pytest.raises(UnauthorizedError):
        await client.issue(guarded.host, "registry", ("repository:a/b:pull",))
    assert guarded.auth.issued == []


async def test_a_credential_that_is_a_token_already(
    client: RegistryClient, keychain: StaticKeychain, guarded: FakeRegistry
) -> None:
    keychain.add(guarded.host, Credential(secret="given", is_bearer=True))
    value, life_s = await client.issue(guarded.host, "registry", ())
    assert (value.reveal(), life_s) == (b"given", 0.0)


async def test_registries_without_a_token_server(client: RegistryClient) -> None:
    with FakeRegistry() as anybody:
        assert await client.token_server(anybody.host) == ""
    basic = RegistryAuth(access=Access.BASIC, users={"me": "right"})
    with FakeRegistry(auth=basic) as by_password:
        assert await client.token_server(by_password.host) == ""
    assert await client.token_server("127.0.0.1:1") == ""
