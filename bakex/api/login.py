"""Logging in to registries and out again: credentials are tried, then kept where docker looks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bakex.errors import DefinitionError, UsageError
from bakex.model.reference import HUB, Reference
from bakex.registry.auth_file import normalized
from bakex.registry.auth_storage import forget, keep, storage
from bakex.registry.client import RegistryClient
from bakex.registry.credential import Credential
from bakex.registry.credentials import DockerKeychain
from bakex.registry.tokens import Scope
from bakex.run.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.config import Settings
    from bakex.model.secrets import SecretValue
    from bakex.registry.auth_storage import Kept

_ACTIONS = re.compile(r"[a-z*]+(?:,[a-z*]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What credentials are for.

    Attributes:
        host: ``docker.io`` for Docker Hub.
        repository: That repository only; empty for all of the host.
        actions: These actions only, separated by commas; empty for all.
    """

    host: str
    repository: str = ""
    actions: str = ""

    @classmethod
    def parse(cls, registry: str, scope: str = "") -> Self:
        """Read what the command line names.

        Args:
            registry: A host, in any spelling that login files have; empty for Docker Hub.
            scope: ``[REPOSITORY][@ACTION,...]``; empty for all of the host.

        Raises:
            UsageError: Not a host, or not a scope.
        """
        host = normalized(registry) or HUB
        try:
            found = Reference.parse(f"{host}/some/name")
        except DefinitionError:
            found = None
        if found is None or found.host != host:
            name = host.partition("/")[0]
            hint = "write HOST or HOST:PORT, as it stands in image names"
            if "/" in host:
                hint = f"write bakex login {name}, with --scope for one of its repositories"
            raise UsageError(f"{registry!r} is not the host of a registry", hint=hint)
        repository, at, actions = scope.partition("@")
        if at and not _ACTIONS.fullmatch(actions):
            raise UsageError(f"invalid scope {scope!r}", hint="write REPOSITORY@pull,push")
        if repository:
            repository = cls._path(host, repository, scope)
        return cls(host=host, repository=repository, actions=actions)

    @staticmethod
    def _path(host: str, repository: str, scope: str) -> str:
        try:
            found = Reference.parse(f"{host}/{repository}")
        except DefinitionError:
            found = None
        if found is None or found.tag:
            raise UsageError(f"invalid scope {scope!r}", hint="write REPOSITORY@pull,push")
        return found.path

    @property
    def scopes(self) -> frozenset[Scope]:
        """What a token server is asked for, to try them."""
        if not self.repository:
            return frozenset()
        return frozenset({Scope(self.repository, frozenset((self.actions or "pull").split(",")))})

    @property
    def is_part(self) -> bool:
        """Whether it is less than all of a host."""
        return bool(self.repository or self.actions)

    def __str__(self) -> str:
        name = f"{self.host}/{self.repository}" if self.repository else self.host
        return f"{name}@{self.actions}" if self.actions else name


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """What a login came to.

    Attributes:
        kept: Where the credentials are.
        proven: Whether the registry looked at them.
        has_token: An identity token was kept, not the password.
        shadow: Another file whose credentials for the host go first; None for none.
    """

    kept: Kept
    proven: bool
    has_token: bool
    shadow: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOut:
    """What a logout came to.

    Attributes:
        known: Whether there was anything to remove.
        left: Other files that have credentials for the host, too.
    """

    known: bool
    left: tuple[Path, ...] = ()


class Logins:
    """The user's credentials for registries."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def login(
        self, place: Place, username: str, secret: SecretValue, *, insecure: bool = False
    ) -> LoggedIn:
        """Try credentials, and keep them if they are good. Idempotent.

        Args:
            place: What they are for.
            username: Empty with an identity token.
            secret: The password or the identity token.
            insecure: Allow plain HTTP and unverified TLS for trying them.

        Raises:
            UsageError: The name cannot be one.
            UnauthorizedError: They are not good; nothing was kept.
            RegistryError: The registry does not answer, or failed; nothing was kept.
            ConfigError: A file or helper for credentials does not work.
        """
        credential = _credential(username, secret)
        client = RegistryClient(
            keychain=DockerKeychain(self._settings), settings=self._settings, clock=SystemClock()
        )
        try:
            admission = await client.check_login(
                place.host, credential, place.scopes, insecure=insecure
            )
        finally:
            await client.aclose()
        kept = await keep(
            self._file(place), place.host, admission.credential, self._settings.environ
        )
        others = () if place.is_part else await DockerKeychain(self._settings).places(place.host)
        return LoggedIn(
            kept=kept,
            proven=admission.proven,
            has_token=admission.credential.is_token,
            shadow=others[0] if others and others[0] != kept.file else None,
        )

    async def logout(self, place: Place) -> LoggedOut:
        """Remove the credentials that `login` keeps. Idempotent.

        Raises:
            ConfigError: A file or helper for credentials does not work.
        """
        known = await forget(self._file(place), place.host, self._settings.environ)
        left = () if place.is_part else await DockerKeychain(self._settings).places(place.host)
        return LoggedOut(known=known, left=left)

    def _file(self, place: Place) -> Path:
        return storage(self._settings, place.host, place.repository, place.actions)


def _credential(username: str, secret: SecretValue) -> Credential:
    if ":" in username or not username.isprintable():
        raise UsageError("a user name has no colon and no control characters")
    try:
        text = secret.reveal().decode()
    except UnicodeDecodeError:
        raise UsageError("the password is not UTF-8") from None
    if not text:
        raise UsageError("the password is empty", hint="write it to standard input")
    return Credential(username=username, secret=text, is_token=not username)
