"""A request to a registry, as a value."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakex.registry.tokens import Scope

Body = Callable[[], AsyncIterator[bytes]]

_MAX_BODY = 1 << 20
_READ_S = 60.0
_SLOWEST = 4096.0  # bytes per second: below that an upload is taken for stuck


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to a registry.

    Attributes:
        target: A path below the host's base URL, or an absolute URL that the registry gave.
        action: For messages, as in "push a blob to".
        place: For messages: the repository or reference, with its host.
        scopes: What it needs to be allowed to do.
        login: Credentials go along although nothing has to be allowed.
        wants: What to ask for if a token is needed; more than `scopes` for the first request of
            more to come.
        body: Makes a fresh iterator for each attempt; None for no body.
        length: Bytes of the body; always announced.
        replay: Whether it may be sent again although it may have had its effect.
        limit: The most bytes of the answer to take.
        read_s: How long the server may be silent.
    """

    method: str
    target: str
    action: str
    place: str
    scopes: frozenset[Scope] = frozenset()
    login: bool = False
    wants: frozenset[Scope] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: Body | None = None
    length: int = 0
    replay: bool = True
    limit: int = _MAX_BODY
    read_s: float = _READ_S

    @property
    def whole_s(self) -> float:
        """How long all of it may take, up to the head of the answer.

        The bound for a server that never falls silent and never comes to an end.
        """
        return 2 * self.read_s + self.length / _SLOWEST


def probe(method: str, url: str, action: str, place: str) -> Request:
    """Return a request without a body that needs no authorization."""
    return Request(method=method, target=url, action=action, place=place)
