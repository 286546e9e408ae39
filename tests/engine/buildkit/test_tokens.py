"""A node that pushes and pulls with tokens that it is given, and never has the password."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bakex.engines.buildkit.engine import BuildkitEngine
from bakex.errors import UnauthorizedError
from bakex.model.result import PushImage
from bakex.nodes.dialers import dialer
from bakex.registry.client import RegistryClient
from bakex.registry.credential import Credential
from bakex.run.clock import SystemClock
from bakex.testing.keychain import StaticKeychain
from bakex.testing.registry import Access, FakeRegistry, RegistryAuth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from bakex.model.descriptor import Descriptor
    from bakex.model.node import Endpoint
    from tests.engine.buildkit.conftest import Bench, MakeBench


@pytest.fixture
def guarded() -> Iterator[FakeRegistry]:
    """A registry with a token server that knows one user."""
    auth = RegistryAuth(access=Access.TOKEN, users={"me": "right"})
    with FakeRegistry(auth=auth) as found:
        yield found


class Guarded:
    """A bench whose daemon would get a wrong password, if it asked for one."""

    def __init__(self, bench: Bench, endpoint: Endpoint, registry: FakeRegistry) -> None:
        wrong = StaticKeychain({registry.host: Credential(username="me", secret="wrong")})
        right = StaticKeychain({registry.host: Credential(username="me", secret="right")})
        settings = bench.settings
        self.tokens = RegistryClient(keychain=right, settings=settings, clock=SystemClock())
        bench.engine = BuildkitEngine(
            dialer(endpoint),
            keychain=wrong,
            settings=settings,
            clock=SystemClock(),
            registry=self.tokens,
        )
        self.bench = bench
        self.registry = registry

    async def push(self, repository: str) -> Descriptor:
        name = f"{self.registry.host}/{repository}"
        request = PushImage(repositories=(name,), insecure=True)
        inline = f"FROM scratch\nCOPY busybox /\nENV U={os.urandom(8).hex()}\n"
        (root,) = (await self.bench.build(request, dockerfile_inline=inline)).exports
        assert root is not None
        return root


@pytest.fixture
async def case(
    make_bench: MakeBench, endpoint: Endpoint, guarded: FakeRegistry
) -> AsyncIterator[Guarded]:
    found = Guarded(make_bench(), endpoint, guarded)
    yield found
    await found.bench.engine.aclose()
    await found.tokens.aclose()


async def test_a_push_with_a_token_for_that_repository(
    case: Guarded, guarded: FakeRegistry
) -> None:
    await case.push("team/app")
    # What the node was given. It may ask to read elsewhere, to mount a layer that it knows from
    # another repository; to write, only there.
    scopes = [scope for text in guarded.auth.issued for scope in text.split()]
    assert {scope for scope in scopes if scope.endswith("push")} == {
        "repository:team/app:pull,push"
    }


async def test_a_base_image_behind_a_token_server(case: Guarded, guarded: FakeRegistry) -> None:
    root = await case.push("team/base")
    await case.bench.build(
        dockerfile_inline=f"FROM {guarded.host}/team/base@{root.digest}\nCOPY busybox /again\n"
    )


async def test_credentials_that_the_token_server_refuses(
    case: Guarded, guarded: FakeRegistry
) -> None:
    guarded.auth.users = {"me": "changed"}
    with pytest.raises(UnauthorizedError) as caught:
        await case.push("team/app")
    assert "right" not in repr(caught.value) + caught.value.detail
