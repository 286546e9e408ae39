"""Which header goes with a request."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from bakex.errors import UnauthorizedError
from bakex.registry.auth import Authorizer
from bakex.registry.credential import Credential
from bakex.registry.errors import Answer
from bakex.registry.tokens import TokenRequest, pull, push
from bakex.testing.clock import ManualClock

BEARER = ['Bearer realm="https://auth.example.com/token",service="reg"']
BASIC = ['Basic realm="reg"']
PULL, PUSH = frozenset({pull("app")}), frozenset({push("app")})


class Keys:
    def __init__(self, credential: Credential | None = None) -> None:
        self.credential = credential
        self.asked = 0

    async def credentials(self, host: str, *_: object) -> Credential | None:
        self.asked += 1
        return self.credential


class TokenServer:
    """Gives out t1, t2, ..."""

    def __init__(self, status: int = 200, **fields: object) -> None:
        self.requests: list[TokenRequest] = []
        self.status = status
        self.fields = fields

    async def ask(self, request: TokenRequest) -> Answer:
        self.requests.append(request)
        await asyncio.sleep(0)
        fields = {"token": f"t{len(self.requests)}", "expires_in": 100, **self.fields}
        body = json.dumps(fields).encode()
        return Answer(status=self.status, headers=httpx.Headers(), url="", body=body)


class Rig:
    def __init__(
        self, credential: Credential | None = None, server: TokenServer | None = None
    ) -> None:
        self.clock = ManualClock()
        self.keys = Keys(credential)
        self.server = server or TokenServer()
        self.auth = Authorizer(
            "reg.example.com", keychain=self.keys, clock=self.clock, ask=self.server.ask
        )


JOE = Credential(username="joe", secret="hunter2")


async def test_an_open_registry_gets_nothing() -> None:
    rig = Rig(JOE)
    assert await rig.auth.header(PULL) == ""
    assert await rig.auth.challenged([], PULL, "") is None
    assert rig.keys.asked == 0


async def test_basic_sends_the_password_once_it_was_asked_for() -> None:
    rig = Rig(JOE)
    rig.auth.learn(BASIC)
    header = await rig.auth.header(PULL)
    assert header.startswith("Basic ")
    assert await rig.auth.challenged(BASIC, PULL, header) is None


async def test_basic_without_credentials_has_nothing_to_send() -> None:
    for credential in (None, Credential(secret="id", is_token=True)):
        rig = Rig(credential)
        rig.auth.learn(BASIC)
        assert await rig.auth.header(PULL) == ""
        assert await rig.auth.challenged(BASIC, PULL, "") is None


async def test_a_token_serves_everything_it_covers() -> None:
    rig = Rig()
    rig.auth.learn(BEARER)
    assert await rig.auth.header(PUSH) == "Bearer t1"
    assert await rig.auth.header(PULL) == "Bearer t1"
    assert await rig.auth.header(frozenset({pull("other")})) == "Bearer t2"
    assert len(rig.server.requests) == 2


async def test_many_requests_at_once_cause_one_exchange() -> None:
    rig = Rig()
    rig.auth.learn(BEARER)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(rig.auth.header(PUSH)) for _ in range(16)]
    assert {task.result() for task in tasks} == {"Bearer t1"}
    assert len(rig.server.requests) == 1


async def test_a_token_is_renewed_before_its_end() -> None:
    rig = Rig()
    rig.auth.learn(BEARER)
    await rig.auth.header(PUSH)
    rig.clock.advance(89)
    assert await rig.auth.header(PUSH) == "Bearer t1"
    rig.clock.advance(2)
    assert await rig.auth.header(PUSH) == "Bearer t2"


async def test_a_refused_token_is_not_used_again() -> None:
    rig = Rig()
    rig.auth.learn(BEARER)
    first = await rig.auth.header(PUSH)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(rig.auth.challenged(BEARER, PUSH, first)) for _ in range(4)]
    assert {task.result() for task in tasks} == {"Bearer t2"}


async def test_a_challenge_may_ask_for_more() -> None:
    rig = Rig()
    more = [BEARER[0] + ',scope="repository:app:delete repository:x:y registry:catalog:* bad"']
    assert await rig.auth.challenged(more, PULL, "") == "Bearer t1"
    assert "scope=repository%3Aapp%3Adelete%2Cpull" in rig.server.requests[0].url
    assert "catalog" not in rig.server.requests[0].url
    assert await rig.auth.header(PULL) == "Bearer t1"


async def test_a_later_answer_without_a_challenge_keeps_the_first() -> None:
    rig = Rig()
    rig.auth.learn(BEARER)
    first = await rig.auth.header(PULL)
    assert await rig.auth.challenged([], PULL, first) == "Bearer t2"


async def test_a_password_is_never_sent_to_a_registry_that_takes_tokens() -> None:
    rig = Rig(JOE)
    rig.auth.learn([*BASIC, *BEARER])
    assert await rig.auth.header(PULL) == "Bearer t1"
    assert rig.server.requests[0].authorization.startswith("Basic ")


async def test_a_new_identity_token_replaces_the_old_one() -> None:
    server = TokenServer(refresh_token="id2")
    rig = Rig(Credential(secret="id1", is_token=True), server)
    rig.auth.learn(BEARER)
    first = await rig.auth.header(PULL)
    await rig.auth.challenged(BEARER, PULL, first)
    assert [b"id1" in r.form for r in server.requests] == [True, False]
    assert b"id2" in server.requests[1].form


async def test_a_refused_exchange_is_an_error() -> None:
    rig = Rig(JOE, TokenServer(status=401))
    rig.auth.learn(BEARER)
    with pytest.raises(UnauthorizedError) as caught:
        await rig.auth.header(PULL)
    assert "hunter2" not in f"{caught.value} {caught.value.detail} {caught.value.hint}"
