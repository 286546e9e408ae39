"""The auth service: what the daemon needs to get into registries.

Where a registry has a token server, the client gets the token and the daemon never sees a password:
it asks for the client's authority (a public key, by which daemons tell clients apart), and then for
tokens, each for the scopes that it needs. For other registries, and for those that only the node
can reach, the client says that it has no authority; the daemon then asks for credentials and uses
them itself (buildkit session/auth, "client side tokens disabled").

Only registries that a build names are answered for. Nothing of this is logged.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from bakex._pb import bk_pb2 as pb
from bakex.errors import BakexError
from bakex.model.reference import HUB
from bakex.session.attachable import CallError, Status
from bakex.session.blocking import in_thread
from bakex.session.requests import only_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bakex.interfaces import Clock, Credentials, Keychain, TokenSource
    from bakex.session.attachable import Call, Handler

_DOCKER_HUB = frozenset({"registry-1.docker.io", "index.docker.io", "docker.io"})
_SERVICE = "/moby.filesync.v1.Auth"
_SEED_SIZE = 32  # bytes of an ed25519 seed


class Auth:
    """Hands out tokens and credentials by registry host."""

    def __init__(
        self,
        keychain: Keychain,
        *,
        clock: Clock,
        seed: bytes,
        named: Callable[[str], bool] = lambda _: True,
        tokens: TokenSource | None = None,
    ) -> None:
        """Describe what is offered.

        Args:
            keychain: Where credentials come from.
            clock: Dates the tokens.
            seed: Secret of this client: daemons that share their tokens among clients share them
                only with those that have the same.
            named: Tells whether a build names a registry. A daemon that is asked to build from
                one registry has no business with the passwords of another.
            tokens: Gets tokens; None to have the daemon do it.
        """
        self._keychain = keychain
        self._clock = clock
        self._seed = seed
        self._named = named
        self._tokens = tokens

    def services(self) -> Mapping[str, Handler]:
        """Return the methods of the service."""
        return {
            f"{_SERVICE}/Credentials": self._credentials,
            f"{_SERVICE}/FetchToken": self._fetch_token,
            f"{_SERVICE}/GetTokenAuthority": self._get_authority,
            f"{_SERVICE}/VerifyTokenAuthority": self._verify_authority,
        }

    async def _credentials(self, call: Call) -> None:
        request = await only_request(call, pb.CredentialsRequest)
        found = await self._known(_canonical(request.host))
        # None is no error: the daemon goes on as nobody.
        reply = pb.CredentialsResponse()
        if found is not None:
            reply.username = "" if found.is_token else found.username
            reply.secret = found.secret
        await call.send(reply.SerializeToString())

    async def _known(self, host: str) -> Credentials | None:
        if not self._named(host):
            return None
        try:
            return await self._keychain.credentials(host)
        except BakexError as error:
            raise CallError(Status.INTERNAL, error.summary) from error

    async def _source(self, host: str) -> tuple[TokenSource, str]:
        """Return what gets tokens for a host, and where."""
        realm = ""
        if self._tokens is not None and self._named(host):
            realm = await self._tokens.token_server(host)
        if self._tokens is None or not realm:
            raise CallError(Status.UNAVAILABLE, "client side tokens disabled")
        return self._tokens, realm

    async def _fetch_token(self, call: Call) -> None:
        request = await only_request(call, pb.FetchTokenRequest)
        host = _canonical(request.host)
        source, realm = await self._source(host)
        if request.realm != realm:
            # Whoever can make the daemon believe in another server must not get the password.
            raise CallError(Status.PERMISSION_DENIED, f"{host} names another token server")
        now = self._clock.now()
        try:
            value, life_s = await source.issue(host, request.service, tuple(request.scopes))
        except BakexError as error:
            raise CallError(Status.INTERNAL, error.summary) from error
        reply = pb.FetchTokenResponse(
            token=value.reveal().decode(),
            expires_in=int(life_s),
            issued_at=int(now.timestamp()),
        )
        await call.send(reply.SerializeToString())

    async def _get_authority(self, call: Call) -> None:
        request = await only_request(call, pb.GetTokenAuthorityRequest)
        host = _canonical(request.host)
        await self._source(host)
        seed = await self._authority(host, request.salt)
        public = await in_thread(_public_key, seed)
        await call.send(pb.GetTokenAuthorityResponse(public_key=public).SerializeToString())

    async def _verify_authority(self, call: Call) -> None:
        request = await only_request(call, pb.VerifyTokenAuthorityRequest)
        host = _canonical(request.host)
        await self._source(host)
        seed = await self._authority(host, request.salt)
        signed = await in_thread(_signed, seed, request.payload)
        await call.send(pb.VerifyTokenAuthorityResponse(signed=signed).SerializeToString())

    async def _authority(self, host: str, salt: bytes) -> bytes:
        """Return the seed of the key by which a daemon knows this client again, for one host.

        Clients without credentials all have the same one: they may share what they get.
        """
        found = await self._known(host)
        own = b""
        if found is not None:
            identity = f"{host}\x00{found.username}\x00{found.secret}".encode()
            own = hmac.digest(self._seed, identity, "sha256")
        return hmac.digest(salt, own, "sha256")[:_SEED_SIZE]


def _public_key(seed: bytes) -> bytes:
    # A compiled library that takes a third of bakex's start-up time: only for who is asked.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - see above
        Ed25519PrivateKey,
    )

    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _signed(seed: bytes, payload: bytes) -> bytes:
    """Return signature and payload in one, as NaCl's ``sign`` does."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - as above
        Ed25519PrivateKey,
    )

    return Ed25519PrivateKey.from_private_bytes(seed).sign(payload) + payload


def _canonical(host: str) -> str:
    return HUB if host in _DOCKER_HUB else host
