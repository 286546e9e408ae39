"""Credentials from a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.interfaces import Credentials


class StaticKeychain:
    """Implements `bakex.interfaces.Keychain`.

    Attributes:
        asked: Every host that was looked up, in order.
    """

    def __init__(self, known: Mapping[str, Credentials] | None = None) -> None:
        self._known = dict(known or {})
        self.asked: list[str] = []

    def add(self, host: str, credentials: Credentials) -> None:
        """Know the credentials for one more host."""
        self._known[host] = credentials

    async def credentials(
        self, host: str, repository: str = "", actions: frozenset[str] = frozenset()
    ) -> Credentials | None:
        """Return what the table has for a host, whatever it is for."""
        del repository, actions
        self.asked.append(host)
        return self._known.get(host)
