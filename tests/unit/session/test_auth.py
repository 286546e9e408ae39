from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from bakex._pb import bk_pb2 as pb
from bakex.errors import ConfigError
from bakex.session.attachable import CallError, Status
from bakex.session.auth import Auth
from bakex.testing.calls import unary

SERVICE = "/moby.filesync.v1.Auth"


@dataclass(frozen=True)
class Login:
    username: str
    secret: str = field(repr=False)
    is_token: bool = False


class Keys:
    """A keychain that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def credentials(self, host: str) -> Login | None:
        self.asked.append(host)
        if host == "broken":
            raise ConfigError("cannot read config.json")
        logins = {"docker.io": Login("me", "pw"), "ghcr.io": Login("x", "tok", is_token=True)}
        return logins.get(host)


async def ask(auth: Auth, host: str) -> tuple[str, str]:
    request = pb.CredentialsRequest(host=host).SerializeToString()
    answer = await unary(auth.services()[f"{SERVICE}/Credentials"], request)
    found = pb.CredentialsResponse.FromString(answer)
    return found.username, found.secret


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("registry-1.docker.io", ("me", "pw")),
        ("index.docker.io", ("me", "pw")),
        ("docker.io", ("me", "pw")),
        ("ghcr.io", ("", "tok")),
        ("unknown:5000", ("", "")),
    ],
)
async def test_credentials(host: str, expected: tuple[str, str]) -> None:
    assert await ask(Auth(Keys()), host) == expected


async def test_only_hosts_of_the_build() -> None:
    keys = Keys()
    auth = Auth(keys, hosts=["docker.io"])
    assert await ask(auth, "ghcr.io") == ("", "")
    assert keys.asked == []
    assert await ask(auth, "registry-1.docker.io") == ("me", "pw")
    assert await ask(Auth(keys, hosts=[]), "docker.io") == ("", "")


async def test_a_keychain_that_fails() -> None:
    with pytest.raises(CallError, match=r"config\.json") as caught:
        await ask(Auth(Keys()), "broken")
    assert caught.value.status is Status.INTERNAL
    assert isinstance(caught.value.__cause__, ConfigError)


@pytest.mark.parametrize("method", ["FetchToken", "GetTokenAuthority", "VerifyTokenAuthority"])
async def test_tokens_are_left_to_the_daemon(method: str) -> None:
    handler = Auth(Keys()).services()[f"{SERVICE}/{method}"]
    with pytest.raises(CallError) as caught:
        await unary(handler, b"")
    assert caught.value.status is Status.UNAVAILABLE


def test_the_methods() -> None:
    assert len(Auth(Keys()).services()) == 4
