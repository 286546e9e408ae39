"""Trying credentials before they are kept: whether the host lets their owner in.

The question is ``GET /v2/`` (distribution-spec v1.1, "Determining Support") with the password, or
with a token that the token server gives for it. A token server is asked for an identity token along
the way (``offline_token``, distribution's docs/spec/auth/token.md): where it hands one out, that is
what is kept instead of the password.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bakex.errors import UnauthorizedError
from bakex.registry.errors import refused
from bakex.registry.request import Request

if TYPE_CHECKING:
    from bakex.registry.credential import Credential
    from bakex.registry.site import Site
    from bakex.registry.tokens import Scope
    from bakex.registry.transport import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What came of trying.

    Attributes:
        credential: What to keep: what was tried, or an identity token in its place.
        proven: Whether they were looked at; a host that is open to everybody does not.
    """

    credential: Credential = field(repr=False)
    proven: bool


class OneCredential:
    """Implements `bakex.interfaces.Keychain`: the same answer, whoever asks."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    async def credentials(
        self, host: str, repository: str = "", actions: frozenset[str] = frozenset()
    ) -> Credential | None:
        """Return the credentials."""
        del host, repository, actions
        return self._credential


async def admit(
    transport: Transport, site: Site, credential: Credential, scopes: frozenset[Scope]
) -> Admission:
    """Find out whether a host lets the owner of credentials in.

    Args:
        transport: Sends the requests.
        site: The host; its keychain has these credentials and no others.
        credential: What is tried.
        scopes: What it must be good for; empty for nothing in particular.

    Raises:
        UnauthorizedError: It does not.
        RegistryError: It does not answer, or failed.
    """
    site.auth.offline = not credential.is_token
    await transport.open(site)
    if credential.is_token and site.auth.asks_for_login and not site.auth.realm:
        raise UnauthorizedError(
            f"cannot log in to {site.host}: it takes a name and a password, no identity token",
            hint=f"write bakex login {site.host} -u NAME --password-stdin",
        )
    request = Request(
        method="GET",
        target="/v2/",
        action="log in to",
        place=site.host,
        scopes=scopes,
        login=True,
    )
    try:
        answer = await transport.request(site, request)
        if answer.status != 200:
            raise refused(answer, request.action, request.place)
    except UnauthorizedError as error:
        error.hint = "check the token" if credential.is_token else "check the name and the password"
        raise
    identity = site.auth.identity
    kept = credential if identity is None else replace(identity, username=credential.username)
    return Admission(credential=kept, proven=site.auth.asks_for_login)
