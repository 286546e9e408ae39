"""The auth service: registry credentials for the daemon.

The daemon pulls and pushes with credentials that it asks the client for. It may also ask the client
to fetch tokens in its place, and to prove that it holds a credential; a client that answers
UNAVAILABLE says that it does neither, and the daemon then fetches tokens with the credentials
(buildkit session/auth, "client side tokens disabled").

Nothing of this is logged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex._pb import bk_pb2 as pb
from bakex.errors import BakexError
from bakex.session.attachable import CallError, Status
from bakex.session.requests import only_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bakex.interfaces import Keychain
    from bakex.session.attachable import Call, Handler

_DOCKER_HUB = frozenset({"registry-1.docker.io", "index.docker.io", "docker.io"})
_SERVICE = "/moby.filesync.v1.Auth"


class Auth:
    """Hands out credentials by registry host."""

    def __init__(self, keychain: Keychain, hosts: Iterable[str] | None = None) -> None:
        """Describe what is offered.

        Args:
            keychain: Where credentials come from.
            hosts: Only credentials for these registries; None for any. A daemon that is asked to
                build from one registry has no business with the passwords of another.
        """
        self._keychain = keychain
        self._hosts = None if hosts is None else {_canonical(host) for host in hosts}

    def services(self) -> Mapping[str, Handler]:
        """Return the methods of the service."""
        return {
            f"{_SERVICE}/Credentials": self._credentials,
            f"{_SERVICE}/FetchToken": self._no_tokens,
            f"{_SERVICE}/GetTokenAuthority": self._no_tokens,
            f"{_SERVICE}/VerifyTokenAuthority": self._no_tokens,
        }

    async def _credentials(self, call: Call) -> None:
        request = await only_request(call, pb.CredentialsRequest)
        await call.send((await self._answer(_canonical(request.host))).SerializeToString())

    async def _answer(self, host: str) -> pb.CredentialsResponse:
        if self._hosts is not None and host not in self._hosts:
            return pb.CredentialsResponse()
        try:
            found = await self._keychain.credentials(host)
        except BakexError as error:
            raise CallError(Status.INTERNAL, error.summary) from error
        if found is None:
            # Not an error: the daemon goes on as nobody.
            return pb.CredentialsResponse()
        username = "" if found.is_token else found.username
        return pb.CredentialsResponse(username=username, secret=found.secret)

    async def _no_tokens(self, call: Call) -> None:
        await call.receive()
        raise CallError(Status.UNAVAILABLE, "client side tokens disabled")


def _canonical(host: str) -> str:
    return "docker.io" if host in _DOCKER_HUB else host
