"""Registries that mean harm: nothing leaks, nothing grows, everything ends."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import BakexError, RegistryError
from bakex.registry.challenge import parse, preferred
from bakex.registry.credential import Credential
from bakex.registry.retry import retry_after
from bakex.registry.urls import check_peer, join, origin
from bakex.testing.clock import ManualClock
from bakex.testing.images import put_image
from bakex.testing.keychain import StaticKeychain
from bakex.testing.registry import Access, FakeRegistry, Fault, RegistryAuth

if TYPE_CHECKING:
    from tests.unit.registry.conftest import MakeRig, Rig

BASE = "https://reg.example"
SCHEMES = st.sampled_from(["http", "https", "ftp", "file", "gopher", "HTTPS", ""])
HOSTS = st.sampled_from(
    [
        "reg.example", "cdn.example", "localhost", "a.localhost", "127.0.0.1", "127.1", "[::1]",
        "0.0.0.0", "169.254.169.254", "[fe80::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "224.0.0.1",
        "u@cdn.example", "u:p@reg.example", "", "[", "::1", "reg.example:99999",
    ]
)  # fmt: skip
OWN = ("localhost", "a.localhost", "127.0.0.1", "::1", "0.0.0.0", "169.254.169.254", "fe80::1")


@given(scheme=SCHEMES, host=HOSTS, rest=st.text(max_size=20))
def test_what_is_followed_leads_to_an_acceptable_place(scheme: str, host: str, rest: str) -> None:
    location = f"{scheme}://{host}/{rest}" if scheme else f"//{host}/{rest}"
    try:
        found = join(f"{BASE}/v2/", location, BASE, "redirect")
    except RegistryError:
        return
    kind, name, _ = origin(found)
    assert kind == "https"
    assert name not in OWN
    assert "@" not in urlsplit(found).netloc


@given(st.text())
def test_any_location_is_joined_or_refused(location: str) -> None:
    try:
        found = join(f"{BASE}/v2/", location, BASE, "redirect")
    except RegistryError:
        return
    check_peer(found, BASE, "redirect")


@given(st.lists(st.text(max_size=200), max_size=4))
def test_any_challenge_is_read(values: list[str]) -> None:
    found = preferred(parse(values))
    assert found is None or found.scheme in {"basic", "bearer"}


@given(st.text(max_size=60))
def test_any_retry_after_is_read(value: str) -> None:
    found = retry_after(value, ManualClock().now())
    assert found is None or found >= 0


@pytest.mark.parametrize(
    "realm",
    [
        "file:///etc/passwd",
        "gopher://reg/token",
        "http://joe:x@127.0.0.1/token",
        "//",
        "",
        "http://[/",
        "not a url",
    ],
)
async def test_a_hostile_realm_gets_no_password(
    registry: FakeRegistry, make_rig: MakeRig, realm: str
) -> None:
    challenge: dict[str, str | None] = {"WWW-Authenticate": f'Bearer realm="{realm}",service="x"'}
    registry.fail(Fault(match="/v2/", status=401, headers=challenge, times=99))
    keys = StaticKeychain({registry.host: Credential(username="joe", secret="hunter2")})
    async with make_rig(keys=keys) as rig:
        with pytest.raises(BakexError) as caught:
            await rig.repository(f"{registry.host}/app").resolve("1")
    assert "hunter2" not in f"{caught.value!r} {caught.value.detail}"
    assert {seen.authorization for seen in registry.log} == {""}


async def test_another_host_has_no_say_in_where_the_password_goes(make_rig: MakeRig) -> None:
    with (
        FakeRegistry(auth=RegistryAuth(access=Access.TOKEN, users={"joe": "hunter2"})) as registry,
        FakeRegistry() as evil,
    ):
        lure = f'Bearer realm="http://{evil.host}/token",service="x"'
        evil.fail(Fault(match="/v2/", status=401, headers={"WWW-Authenticate": lure}, times=99))
        registry.fail(
            Fault(
                match="HEAD .*/manifests/",
                status=307,
                headers={"Location": f"http://{evil.host}/v2/app/manifests/1"},
                times=99,
            )
        )
        keys = StaticKeychain({registry.host: Credential(username="joe", secret="hunter2")})
        async with make_rig(keys=keys) as rig:
            with pytest.raises(RegistryError):
                await rig.repository(f"{registry.host}/app").resolve("1")
        assert evil.requests("/token") == []
        assert {seen.authorization for seen in evil.log} == {""}


async def test_a_registry_that_takes_tokens_never_gets_the_password(make_rig: MakeRig) -> None:
    auth = RegistryAuth(access=Access.TOKEN, users={"joe": "hunter2"})
    with FakeRegistry(auth=auth) as registry:
        basic: dict[str, str | None] = {"WWW-Authenticate": 'Basic realm="please"'}
        registry.fail(Fault(match="/v2/app", status=401, headers=basic, times=99))
        keys = StaticKeychain({registry.host: Credential(username="joe", secret="hunter2")})
        async with make_rig(keys=keys) as rig:
            with pytest.raises(RegistryError):
                await rig.repository(f"{registry.host}/app").resolve("1")
        sent = {seen.authorization for seen in registry.log if seen.target.startswith("/v2/app")}
        assert sent == {"bearer"}


@pytest.mark.parametrize(
    ("fault", "most"),
    [
        (Fault(match="HEAD", garbage=b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000, times=99), 6),
        (Fault(match="HEAD", garbage=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000, times=99), 6),
        (Fault(match="HEAD", garbage=b"\0" * 1000, times=99), 6),
        (Fault(match="HEAD", status=401, times=99), 2),
        (Fault(match="HEAD", status=307, headers={"Location": "/v2/app/manifests/1"}, times=99), 6),
        (Fault(match="HEAD", status=200, headers={"Content-Length": "9" * 30}, times=99), 8),
        (Fault(match="(HEAD|GET)", status=200, body=b"[" * 100_000, times=99), 8),
        (Fault(match="HEAD", status=200, headers={"Content-Type": "x" * 5000}, times=99), 8),
    ],
)
async def test_whatever_comes_is_an_error_after_few_requests(
    registry: FakeRegistry, rig: Rig, fault: Fault, most: int
) -> None:
    await rig.client._transport.open(rig.client._site(registry.host, insecure=False))
    registry.fail(fault)
    registry.log.clear()
    with pytest.raises(BakexError) as caught:
        await rig.repository(f"{registry.host}/app").resolve("1")
    assert len(caught.value.summary) + len(caught.value.detail) < 2000
    assert len(registry.log) <= most


async def test_a_bomb_is_not_unpacked(registry: FakeRegistry, rig: Rig, make_rig: MakeRig) -> None:
    image = await put_image(rig.repository(f"{registry.host}/app"))
    packed: dict[str, str | None] = {"Content-Encoding": "gzip"}
    registry.fail(Fault(match="GET .*/manifests/", headers=packed, times=99))
    async with make_rig() as other:
        # What was said about the encoding is not believed: bytes are bytes.
        repository = other.repository(f"{registry.host}/app")
        raw = b"".join([chunk async for chunk in repository.fetch(image)])
        assert len(raw) == image.size
