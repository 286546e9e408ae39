"""Answers while their bodies are still to be read, and whole ones."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx

from bakex.errors import RegistryError
from bakex.oci.verified import closing
from bakex.registry.errors import Answer, unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from bakex.registry.request import Request

_WATCH_S = 60.0
_LEAST = 64 << 10  # bytes in that time; a server that drips is not waited for for ever


class Download:
    """An answer whose body comes piece by piece."""

    def __init__(
        self,
        response: httpx.Response,
        request: Request,
        *,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take an answer of which only the head was read.

        Args:
            response: It.
            request: What it answers, for messages.
            timer: Gives seconds, to find out how fast the body comes.
        """
        self._response = response
        self._request = request
        self._timer = timer

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status_code

    @property
    def headers(self) -> httpx.Headers:
        """The headers."""
        return self._response.headers

    async def answer(self) -> Answer:
        """Return the whole answer, for one that turned out not to be what was asked for.

        Raises:
            RegistryError: The connection broke.
        """
        return await whole(self._response, self._request)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes in: no byte is held back, so a resumed download loses none.

        Raises:
            RegistryError: The connection broke, or hardly anything comes; transient.
        """
        since, received = self._timer(), 0
        try:
            async with closing(self._response.aiter_raw()) as chunks:
                async for chunk in chunks:
                    received += len(chunk)
                    yield chunk
                    if received >= _LEAST:
                        since, received = self._timer(), 0
                    elif self._timer() - since > _WATCH_S:
                        raise _too_slow(self._request)
        except (httpx.TransportError, httpx.StreamError, OSError) as error:
            raise unreachable(error, self._request.action, self._request.place) from None


async def whole(response: httpx.Response, request: Request) -> Answer:
    """Return an answer with all of its body.

    Raises:
        RegistryError: The connection broke, the body is larger than the request allows, or it takes
            longer than twice the time that the server may be silent.
    """
    announced = response.headers.get("content-length", "")
    body = bytearray()
    if request.method != "HEAD" and announced.isdigit() and int(announced[:20]) > request.limit:
        raise _too_large(request)
    # A HEAD is read to its end, too, although nothing follows: a connection with an answer that was
    # not taken to its end is closed instead of used again.
    try:
        async with (
            asyncio.timeout(2 * request.read_s),
            closing(Download(response, request).chunks()) as chunks,
        ):
            async for chunk in chunks:
                body += chunk
                if len(body) > request.limit:
                    raise _too_large(request)
    except TimeoutError:
        raise _too_slow(request) from None
    return Answer(
        status=response.status_code,
        headers=response.headers,
        url=str(response.url),
        body=bytes(body),
        authorized="authorization" in response.request.headers,
    )


def _too_large(request: Request) -> RegistryError:
    return RegistryError(
        f"cannot {request.action} {request.place}: the answer has more than {request.limit} bytes"
    )


def _too_slow(request: Request) -> RegistryError:
    return RegistryError(
        f"cannot {request.action} {request.place}: the answer hardly comes in", transient=True
    )
