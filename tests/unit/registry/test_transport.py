"""Requests: authorization, redirects, retries and limits."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DeniedError, RateLimitedError, RegistryError, UnauthorizedError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.oci.verified import read
from bakex.registry.credential import Credential
from bakex.testing.images import put_blob, put_image
from bakex.testing.keychain import StaticKeychain
from bakex.testing.registry import Access, FakeRegistry, Fault, RegistryAuth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bakex.interfaces import Credentials
    from tests.unit.registry.conftest import MakeRig, Rig

OCTETS = "application/octet-stream"
BIG = bytes(range(256)) * 1024
EMPTY = Descriptor(media_type=OCTETS, digest=Digest.of(b""), size=0)
USERS = {"joe": "hunter2"}
JOE = Credential(username="joe", secret="hunter2")


@pytest.fixture
def tokens() -> Iterator[FakeRegistry]:
    with FakeRegistry(auth=RegistryAuth(access=Access.TOKEN, users=USERS)) as found:
        yield found


@pytest.fixture
def passwords() -> Iterator[FakeRegistry]:
    with FakeRegistry(auth=RegistryAuth(access=Access.BASIC, users=USERS)) as found:
        yield found


@pytest.fixture
def storage() -> Iterator[FakeRegistry]:
    """Another server, which redirects lead to."""
    with FakeRegistry() as found:
        yield found


def joe_at(*registries: FakeRegistry) -> StaticKeychain:
    return StaticKeychain({registry.host: JOE for registry in registries})


async def test_a_whole_push_takes_one_token(tokens: FakeRegistry, make_rig: MakeRig) -> None:
    keys = joe_at(tokens)
    async with make_rig(keys=keys) as rig:
        repository = rig.repository(f"{tokens.host}/team/app")
        async with asyncio.TaskGroup() as group:
            for platform in ("linux/amd64", "linux/arm64", "linux/386"):
                group.create_task(put_image(repository, platform, layers=({"f": BIG},)))
        await repository.tag(await put_image(repository), "1")
    assert tokens.auth.issued == ["repository:team/app:pull,push"]
    assert [s.status for s in tokens.log if s.status == 401] == [401]
    assert keys.asked == [tokens.host]
    assert {s.authorization for s in tokens.log if "/token" in s.target} == {"basic"}
    assert {s.authorization for s in tokens.log if "/team/" in s.target} == {"bearer"}


async def test_a_revoked_token_is_replaced_and_the_body_sent_again(
    tokens: FakeRegistry, make_rig: MakeRig
) -> None:
    async with make_rig(keys=joe_at(tokens)) as rig:
        repository = rig.repository(f"{tokens.host}/app")
        tokens.fail(Fault(match="PUT", revoke=True))
        blob = await put_blob(repository, BIG, OCTETS)
        tokens.fail(Fault(match="GET .*/blobs/", revoke=True))
        assert await read(repository, blob, limit=len(BIG)) == BIG
    assert tokens.is_done
    assert len(tokens.auth.issued) == 3


async def test_tokens_that_are_used_up_at_once_are_replaced(
    tokens: FakeRegistry, make_rig: MakeRig
) -> None:
    async with make_rig(keys=joe_at(tokens)) as rig:
        tokens.fail(Fault(match="PUT", revoke=True, times=4))
        await put_blob(rig.repository(f"{tokens.host}/app"), BIG, OCTETS)
    assert tokens.is_done


async def test_tokens_that_never_work_end_in_an_error(
    tokens: FakeRegistry, make_rig: MakeRig
) -> None:
    async with make_rig(keys=joe_at(tokens)) as rig:
        tokens.fail(Fault(match="/app/", revoke=True, times=100))
        with pytest.raises(UnauthorizedError, match="the credentials were refused") as caught:
            await put_blob(rig.repository(f"{tokens.host}/app"), BIG, OCTETS)
    assert caught.value.hint == f"log in with: bakex login {tokens.host}"
    assert len(tokens.auth.issued) == 5


async def test_reading_without_a_login_asks_for_an_anonymous_token(make_rig: MakeRig) -> None:
    auth = RegistryAuth(access=Access.TOKEN, users=USERS, anonymous_pull=True)
    with FakeRegistry(auth=auth) as registry:
        async with make_rig(keys=joe_at(registry)) as rig:
            repository = rig.repository(f"{registry.host}/app")
            await repository.tag(await put_image(repository), "1")
        async with make_rig() as rig:
            repository = rig.repository(f"{registry.host}/app")
            await repository.resolve("1")
            with pytest.raises(UnauthorizedError):
                await put_blob(repository, b"x", OCTETS)


async def test_a_wrong_password_is_an_error_without_the_password(
    tokens: FakeRegistry, passwords: FakeRegistry, make_rig: MakeRig
) -> None:
    for registry in (tokens, passwords):
        wrong = Credential(username="joe", secret="hunter3")
        async with make_rig(keys=StaticKeychain({registry.host: wrong})) as rig:
            with pytest.raises(UnauthorizedError) as caught:
                await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)
        assert "hunter3" not in repr(caught.value) + caught.value.detail + caught.value.hint


async def test_a_wrong_password_is_sent_once(passwords: FakeRegistry, make_rig: MakeRig) -> None:
    wrong = Credential(username="joe", secret="hunter3")
    async with make_rig(keys=StaticKeychain({passwords.host: wrong})) as rig:
        with pytest.raises(UnauthorizedError, match="the credentials were refused"):
            await rig.repository(f"{passwords.host}/app").check_push()
    # Accounts are locked after a few of these.
    assert [s.authorization for s in passwords.log] == ["", "basic"]


async def test_a_login_is_asked_for_where_there_is_none(
    passwords: FakeRegistry, make_rig: MakeRig
) -> None:
    async with make_rig() as rig:
        with pytest.raises(UnauthorizedError, match="it wants a login") as caught:
            await put_blob(rig.repository(f"{passwords.host}/app"), BIG, OCTETS)
    assert caught.value.hint == f"log in with: bakex login {passwords.host}"


async def test_basic_authentication_works(passwords: FakeRegistry, make_rig: MakeRig) -> None:
    async with make_rig(keys=joe_at(passwords)) as rig:
        repository = rig.repository(f"{passwords.host}/app")
        await repository.tag(await put_image(repository), "1")
    assert [s.status for s in passwords.log if s.status == 401] == [401]


async def test_an_identity_token_is_exchanged(make_rig: MakeRig) -> None:
    auth = RegistryAuth(access=Access.TOKEN, identities=frozenset({"id"}))
    with FakeRegistry(auth=auth) as registry:
        keys = StaticKeychain({registry.host: Credential(secret="id", is_token=True)})
        async with make_rig(keys=keys) as rig:
            await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)
        assert registry.requests("POST /token") == ["POST /token"]


async def test_a_busy_token_server_is_asked_again(tokens: FakeRegistry, make_rig: MakeRig) -> None:
    async with make_rig(keys=joe_at(tokens)) as rig:
        tokens.fail(
            Fault(match="/token", reset="before"),
            Fault(match="/token", status=503, headers={"Retry-After": "7"}),
        )
        await put_blob(rig.repository(f"{tokens.host}/app"), BIG, OCTETS)
        assert rig.clock.slept == [0.1, 7.0]


async def test_a_hostile_realm_is_refused(registry: FakeRegistry, rig: Rig) -> None:
    for realm in ("ftp://x/", "http://u:p@h/"):
        challenge = {"WWW-Authenticate": f'Bearer realm="{realm}"'}
        registry.fail(Fault(match="/app/", status=401, headers=dict(challenge)))
        with pytest.raises(RegistryError, match=r"realm|scheme"):
            await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)


async def test_redirects_lose_the_authorization(
    tokens: FakeRegistry, storage: FakeRegistry, make_rig: MakeRig
) -> None:
    async with make_rig() as rig:
        await put_blob(rig.repository(f"{storage.host}/cdn"), BIG, OCTETS)
    async with make_rig(keys=joe_at(tokens)) as rig:
        repository = rig.repository(f"{tokens.host}/app")
        blob = await put_blob(repository, BIG, OCTETS)
        storage.log.clear()
        location = f"http://{storage.host}/v2/cdn/blobs/{blob.digest}"
        tokens.fail(Fault(match="GET .*/blobs/", status=307, headers={"Location": location}))
        assert await read(repository, blob, limit=len(BIG)) == BIG
    assert {seen.authorization for seen in storage.log} == {""}


async def test_an_upload_location_elsewhere_gets_no_authorization(
    tokens: FakeRegistry, storage: FakeRegistry, make_rig: MakeRig
) -> None:
    async with make_rig(keys=joe_at(tokens)) as rig:
        session = storage.content.start("cdn")
        location = f"http://{storage.host}/v2/cdn/blobs/uploads/{session}?x=%2F&x=2&e="
        tokens.fail(Fault(match="POST", headers={"Location": location}))
        await put_blob(rig.repository(f"{tokens.host}/app"), b"small", OCTETS)
    [put] = [seen for seen in storage.log if seen.method == "PUT"]
    assert put.authorization == ""
    assert put.target.partition("?")[2].startswith("x=%2F&x=2&e=&digest=sha256%3A")


async def test_a_redirected_upload_is_sent_again(
    registry: FakeRegistry, storage: FakeRegistry, rig: Rig
) -> None:
    session = storage.content.start("cdn")
    digest = Digest.of(BIG)
    location = f"http://{storage.host}/v2/cdn/blobs/uploads/{session}?digest={digest}"
    registry.fail(Fault(match="PUT", status=307, headers={"Location": location}))
    await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)
    assert storage.content.has_blob("cdn", str(digest))


async def test_a_redirect_that_turns_an_upload_into_a_get_is_not_followed(
    registry: FakeRegistry, storage: FakeRegistry, rig: Rig
) -> None:
    registry.fail(Fault(match="POST", status=302, headers={"Location": f"http://{storage.host}/"}))
    with pytest.raises(RegistryError, match="HTTP 302"):
        await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)
    assert storage.log == []


async def test_redirects_have_an_end(registry: FakeRegistry, rig: Rig) -> None:
    registry.fail(Fault(match="HEAD", status=307, headers={"Location": "/v2/app/x"}, times=99))
    with pytest.raises(RegistryError, match="more than 5 redirects"):
        await rig.repository(f"{registry.host}/app").resolve("1")


async def test_a_hostile_redirect_is_refused(registry: FakeRegistry, rig: Rig) -> None:
    registry.fail(Fault(match="HEAD", status=307, headers={"Location": "file:///etc/passwd"}))
    with pytest.raises(RegistryError, match="scheme 'file'"):
        await rig.repository(f"{registry.host}/app").resolve("1")


@pytest.mark.parametrize("status", [408, 425, 429, 499, 500, 502, 503, 504, 522])
async def test_passing_failures_are_tried_again(
    registry: FakeRegistry, rig: Rig, status: int
) -> None:
    registry.fail(
        Fault(match="GET /v2/", status=status),
        Fault(match="POST", status=status, times=2),
        Fault(match="PUT", status=status, times=2),
    )
    repository = rig.repository(f"{registry.host}/app")
    await repository.tag(await put_image(repository), "1")
    assert registry.is_done


async def test_failures_that_stay_end_in_an_error(registry: FakeRegistry, rig: Rig) -> None:
    page = b"<html>bad gateway</html>"
    registry.fail(
        Fault(match="HEAD", status=502, body=page, headers={"Content-Type": "text/html"}, times=99)
    )
    with pytest.raises(RegistryError, match="the registry failed \\(HTTP 502\\)"):
        await rig.repository(f"{registry.host}/app").resolve("1")
    assert len(registry.requests("HEAD")) == 6


async def test_retry_after_holds_everybody_back(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    await repository.tag(await put_image(repository), "1")
    rig.clock.slept.clear()
    registry.fail(Fault(match="HEAD", status=429, headers={"Retry-After": "30"}))
    await repository.resolve("1")
    assert sum(rig.clock.slept) == 30.0
    registry.fail(Fault(match="HEAD", status=500, headers={"Retry-After": "3"}))
    await repository.resolve("1")
    assert rig.clock.slept[-1] == 3.0


async def test_authorization_does_not_slip_a_request_past_a_pause(
    tokens: FakeRegistry, make_rig: MakeRig
) -> None:
    class Pausing(StaticKeychain):
        async def credentials(
            self, host: str, repository: str = "", actions: frozenset[str] = frozenset()
        ) -> Credentials | None:
            rig.client._site(host, insecure=False).gate.close(9.0)
            return await super().credentials(host, repository, actions)

    async with make_rig(keys=Pausing({tokens.host: JOE})) as rig:
        with pytest.raises(RegistryError):
            await rig.repository(f"{tokens.host}/app").resolve("1")
        assert sum(rig.clock.slept) == 9.0


async def test_too_long_a_wait_is_an_error_at_once(registry: FakeRegistry, rig: Rig) -> None:
    registry.fail(Fault(match="HEAD", status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(RateLimitedError) as caught:
        await rig.repository(f"{registry.host}/app").resolve("1")
    assert "3600 seconds" in caught.value.detail
    assert rig.clock.slept == []


async def test_broken_connections_are_tried_again(registry: FakeRegistry, rig: Rig) -> None:
    registry.fail(
        Fault(match="GET /v2/$", reset="before"),
        Fault(match="HEAD", reset="before"),
        Fault(match="POST", reset="after"),
        Fault(match="PUT", reset="after", times=2),
    )
    repository = rig.repository(f"{registry.host}/app")
    await repository.tag(await put_image(repository, layers=({"f": BIG},)), "1")
    assert registry.is_done


async def test_nobody_there_is_an_error_after_all_attempts(rig: Rig) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(RegistryError, match=f"cannot reach {host}: no answer") as caught:
            await rig.repository(f"{host}/app").resolve("1")
    assert caught.value.transient
    assert len(rig.clock.slept) == 5


async def test_garbage_is_an_error(rig: Rig) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(RegistryError, match="no answer"):
            await rig.repository(f"{host}/app").resolve("1")


async def test_a_server_that_only_takes_tls_is_noticed(registry: FakeRegistry, rig: Rig) -> None:
    registry.fail(
        Fault(
            match="GET /v2/",
            status=400,
            body=b"Client sent an HTTP request to an HTTPS server.",
            times=99,
        )
    )
    with pytest.raises(RegistryError, match="HTTP 400"):
        await rig.repository(f"{registry.host}/app").resolve("1")


async def test_a_busy_registry_is_waited_for_from_the_start(
    registry: FakeRegistry, rig: Rig
) -> None:
    registry.fail(Fault(match="GET /v2/", status=503, headers={"Retry-After": "5"}))
    await put_image(rig.repository(f"{registry.host}/app"))
    assert sum(rig.clock.slept) >= 0.1


async def test_a_host_is_asked_for_its_ways_once(registry: FakeRegistry, rig: Rig) -> None:
    async with asyncio.TaskGroup() as group:
        for name in ("a1", "b1", "c1"):
            group.create_task(put_image(rig.repository(f"{registry.host}/{name}")))
    assert registry.requests("GET /v2/") == ["GET /v2/"]


async def test_one_connection_is_used_again_and_again(rig: Rig) -> None:
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                connections[-1] += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        repository = rig.repository(f"127.0.0.1:{port}/app")
        for _ in range(3):
            assert await repository.exists(EMPTY)
        await rig.client.aclose()
    # The first attempt finds out that TLS is not spoken there.
    assert connections[-1] == 4


async def test_cookies_are_not_kept(rig: Rig) -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=1; Path=/\r\n")
                writer.write(b"Content-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        repository = rig.repository(f"127.0.0.1:{port}/app")
        await repository.exists(EMPTY)
        await repository.exists(EMPTY)
        await rig.client.aclose()
    assert len(heads) == 3
    assert b"cookie" not in heads[-1].lower()
    assert b"\r\nuser-agent: bakex/" in heads[-1].lower()


async def test_403_is_not_tried_again(registry: FakeRegistry, rig: Rig) -> None:
    registry.fail(Fault(match="HEAD", status=403))
    with pytest.raises(DeniedError):
        await rig.repository(f"{registry.host}/app").resolve("1")
    assert len(registry.requests("HEAD")) == 1
