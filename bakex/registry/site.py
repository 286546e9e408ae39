"""One registry host: where it is, how it lets in, and how much it is asked at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bakex.model.reference import HUB, is_loopback
from bakex.registry.auth import Authorizer
from bakex.registry.retry import Gate
from bakex.registry.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bakex.interfaces import Clock, Keychain
    from bakex.model.digest import Digest
    from bakex.registry.errors import Answer
    from bakex.registry.tokens import TokenRequest

_HUB_API = "registry-1.docker.io"
_REQUESTS = 16  # in flight at a time; enough to hide 30 ms per request (spec/registry 0.1)
_LARGE = 4  # uploads of large blobs at a time: more only share the same link


class Site:
    """A host, as all repositories on it share it.

    Attributes:
        host: As references name it; ``docker.io`` for Docker Hub.
        base: ``https://host``; empty until the first request found out.
        insecure: Unverified TLS and plain HTTP were allowed for it.
        homes: Repositories known to hold a blob, to mount it from.
        closed_homes: Pairs of repositories: from the first one nothing can be mounted into the
            second.
        chunk: Bytes of one request of an upload; 0 for all at once.
        least_chunk: The fewest bytes of a chunk that it takes, but for the last one.
        has_referrers: Whether it lists what refers to a manifest; None if that is not known yet.
        takes_tag_lists: Whether one request can set several tags; None if that is not known yet.
        slots: Limits requests.
        large: Limits uploads of large blobs.
        opening: Held while `base` is being found out.
    """

    def __init__(
        self,
        host: str,
        *,
        keychain: Keychain,
        clock: Clock,
        ask: Callable[[Site, TokenRequest], Awaitable[Answer]],
    ) -> None:
        async def ask_here(request: TokenRequest) -> Answer:
            return await ask(self, request)

        self.host = host
        self.base = ""
        self.insecure = False
        self.auth = Authorizer(host, keychain=keychain, clock=clock, ask=ask_here)
        self.gate = Gate(clock)
        self.homes: dict[Digest, str] = {}
        self.closed_homes: set[tuple[str, str]] = set()
        self.slots = Slots(self.gate, _REQUESTS)
        self.chunk = self.least_chunk = 0
        self.has_referrers: bool | None = None
        self.takes_tag_lists: bool | None = None
        self.large = asyncio.Semaphore(_LARGE)
        self.opening = asyncio.Lock()

    @property
    def address(self) -> str:
        """The host and port that are connected to."""
        return _HUB_API if self.host == HUB else self.host

    @property
    def candidates(self) -> tuple[str, ...]:
        """The URLs under which it may be found, in order.

        Plain HTTP only for this machine itself and for hosts that were declared insecure: those may
        speak TLS with any certificate, or HTTP.
        """
        secure, plain = f"https://{self.address}", f"http://{self.address}"
        if self.insecure:
            return (secure, plain)
        return (plain, secure) if is_loopback(self.host) else (secure,)
