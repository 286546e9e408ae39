from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bakex._pb import bk_pb2 as pb
from bakex.errors import ConfigError, UnauthorizedError
from bakex.model.secrets import SecretValue
from bakex.session.attachable import CallError, Status
from bakex.session.auth import Auth
from bakex.testing.calls import unary
from bakex.testing.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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

    async def credentials(self, host: str, *_: object) -> Login | None:
        self.asked.append(host)
        if host == "broken":
            raise ConfigError("cannot read config.json")
        logins = {"docker.io": Login("me", "pw"), "ghcr.io": Login("x", "tok", is_token=True)}
        return logins.get(host)


class Tokens:
    """A source of tokens for two hosts."""

    def __init__(self) -> None:
        self.issued: list[tuple[str, str, tuple[str, ...]]] = []

    async def token_server(self, host: str) -> str:
        return {"ghcr.io": "https://ghcr.io/token", "bad": "https://bad/token"}.get(host, "")

    async def issue(
        self, host: str, service: str, scopes: Sequence[str]
    ) -> tuple[SecretValue, float]:
        if host == "bad":
            raise UnauthorizedError("the token server wants other credentials")
        self.issued.append((host, service, tuple(scopes)))
        return SecretValue(b"short-lived"), 300.5


def service(
    *,
    keys: Keys | None = None,
    tokens: Tokens | None = None,
    seed: bytes = b"seed",
    named: Callable[[str], bool] = lambda _: True,
) -> Auth:
    return Auth(keys or Keys(), clock=ManualClock(), seed=seed, named=named, tokens=tokens)


async def ask(auth: Auth, host: str) -> tuple[str, str]:
    request = pb.CredentialsRequest(host=host).SerializeToString()
    answer = await unary(auth.services()[f"{SERVICE}/Credentials"], request)
    found = pb.CredentialsResponse.FromString(answer)
    return found.username, found.secret


async def fetch(
    auth: Auth, host: str = "ghcr.io", realm: str = "https://ghcr.io/token"
) -> pb.FetchTokenResponse:
    request = pb.FetchTokenRequest(
        client_id="c", host=host, realm=realm, service="s", scopes=["repository:a/b:pull"]
    )
    answer = await unary(auth.services()[f"{SERVICE}/FetchToken"], request.SerializeToString())
    return pb.FetchTokenResponse.FromString(answer)


async def authority(auth: Auth, host: str = "ghcr.io", salt: bytes = b"salt") -> bytes:
    request = pb.GetTokenAuthorityRequest(host=host, salt=salt).SerializeToString()
    answer = await unary(auth.services()[f"{SERVICE}/GetTokenAuthority"], request)
    return pb.GetTokenAuthorityResponse.FromString(answer).public_key


async def verify(auth: Auth, payload: bytes, host: str = "ghcr.io", salt: bytes = b"salt") -> bytes:
    request = pb.VerifyTokenAuthorityRequest(host=host, payload=payload, salt=salt)
    method = auth.services()[f"{SERVICE}/VerifyTokenAuthority"]
    answer = await unary(method, request.SerializeToString())
    return pb.VerifyTokenAuthorityResponse.FromString(answer).signed


# ---------------------------------------------------------------- credentials


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
    assert await ask(service(), host) == expected


async def test_only_hosts_of_the_build() -> None:
    keys, tokens = Keys(), Tokens()
    auth = service(keys=keys, tokens=tokens, named=lambda host: host == "docker.io")
    assert await ask(auth, "ghcr.io") == ("", "")
    assert keys.asked == []
    assert await ask(auth, "registry-1.docker.io") == ("me", "pw")
    with pytest.raises(CallError) as caught:
        await fetch(auth)
    assert caught.value.status is Status.UNAVAILABLE
    assert tokens.issued == []


async def test_a_keychain_that_fails() -> None:
    with pytest.raises(CallError, match=r"cannot read config\.json") as caught:
        await ask(service(), "broken")
    assert caught.value.status is Status.INTERNAL
    assert isinstance(caught.value.__cause__, ConfigError)


# ---------------------------------------------------------------- tokens


async def test_a_token_for_these_scopes() -> None:
    keys, tokens = Keys(), Tokens()
    found = await fetch(service(keys=keys, tokens=tokens))
    assert (found.token, found.expires_in) == ("short-lived", 300)
    assert found.issued_at == int(ManualClock().now().timestamp())
    assert tokens.issued == [("ghcr.io", "s", ("repository:a/b:pull",))]
    assert keys.asked == []


@pytest.mark.parametrize("realm", ["https://evil/token", "http://ghcr.io/token", ""])
async def test_a_token_server_that_only_the_daemon_names(realm: str) -> None:
    tokens = Tokens()
    with pytest.raises(CallError, match="another token server") as caught:
        await fetch(service(tokens=tokens), realm=realm)
    assert caught.value.status is Status.PERMISSION_DENIED
    assert tokens.issued == []


async def test_a_token_that_is_refused() -> None:
    with pytest.raises(CallError, match="wants other credentials") as caught:
        await fetch(service(tokens=Tokens()), "bad", "https://bad/token")
    assert isinstance(caught.value.__cause__, UnauthorizedError)


@pytest.mark.parametrize("tokens", [None, Tokens()])
async def test_hosts_whose_tokens_the_daemon_gets(tokens: Tokens | None) -> None:
    auth = service(tokens=tokens)
    for work in (
        fetch(auth, "plain:5000"),
        authority(auth, "plain:5000"),
        verify(auth, b"", "plain:5000"),
    ):
        with pytest.raises(CallError, match="client side tokens disabled") as caught:
            await work
        assert caught.value.status is Status.UNAVAILABLE


# ---------------------------------------------------------------- authority


async def test_the_authority_signs() -> None:
    auth = service(tokens=Tokens())
    key = Ed25519PublicKey.from_public_bytes(await authority(auth))
    signed = await verify(auth, b"payload")
    assert signed[64:] == b"payload"
    key.verify(signed[:64], b"payload")


async def test_who_shares_an_authority() -> None:
    tokens = Tokens()
    same = await authority(service(tokens=tokens))
    assert await authority(service(tokens=tokens)) == same
    assert await authority(service(tokens=tokens), salt=b"other") != same
    assert await authority(service(tokens=tokens, seed=b"other")) != same
    # Nobody's credentials are anybody's.
    nobody = await authority(service(tokens=tokens), "bad")
    assert await authority(service(tokens=tokens, seed=b"other"), "bad") == nobody
