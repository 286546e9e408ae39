"""Connections for many requests at once: one small httpx transport for each.

httpcore's shared pool looks at every connection for every request, with two system calls each; a
stack of pools of one connection costs half the time (spec/registry 0.2, rule 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

_Origin = tuple[str, str, int | None]


class Lanes(httpx.AsyncBaseTransport):
    """Runs every request on a free connection to its origin, the last used one first."""

    def __init__(self, make: Callable[[httpx.URL], httpx.AsyncBaseTransport]) -> None:
        """Take what makes a transport for a single connection to the origin of a URL."""
        self._make = make
        self._free: dict[_Origin, list[httpx.AsyncBaseTransport]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the connection is free again when the answer is closed."""
        url = request.url
        free = self._free.setdefault((url.scheme, url.host, url.port), [])
        lane = free.pop() if free else self._make(url)
        try:
            response = await lane.handle_async_request(request)
        except BaseException:
            await lane.aclose()
            raise
        if not isinstance(response.stream, httpx.AsyncByteStream):
            raise TypeError("a connection answered without an asynchronous stream")
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Returning(response.stream, lambda: free.append(lane)),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Drop the free connections; safe to repeat."""
        while self._free:
            _, lanes = self._free.popitem()
            for lane in lanes:
                await lane.aclose()


class _Returning(httpx.AsyncByteStream):
    """A body that gives its connection back when it is closed."""

    def __init__(self, inner: httpx.AsyncByteStream, give_back: Callable[[], None]) -> None:
        self._inner = inner
        self._give_back: Callable[[], None] | None = give_back

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        async for chunk in self._inner:
            yield chunk

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            if self._give_back is not None:
                self._give_back()
                self._give_back = None
