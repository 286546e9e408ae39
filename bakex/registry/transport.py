"""Requests to registries: connections, authorization, redirects, retries and limits.

Rules (spec/registry 0.2, 2.3, 2.5):

* HTTP/1.1 only, no cookies, no automatic redirects, no compression.
* A request is sent again after a transient failure only if it may be replayed.
* 401 leads to another header for the same request, a few times at most; its body is made anew.
* At most five redirects. GET and HEAD follow all kinds, others only 307 and 308. Authorization goes
  to the registry's own origin only.
* Retry-After holds back every request to the host, not just the one that was refused.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx

from bakex._version import __version__
from bakex.errors import RegistryError
from bakex.oci.file import FileContent
from bakex.oci.verified import closing
from bakex.registry.download import Download, whole
from bakex.registry.errors import most_telling, refused, unreachable
from bakex.registry.lane import FILE
from bakex.registry.request import Request, probe
from bakex.registry.retry import RETRIED, THROTTLED, Attempts, retry_after, too_long
from bakex.registry.urls import check_peer, join, origin

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from bakex.interfaces import Clock
    from bakex.registry.connections import Connections
    from bakex.registry.errors import Answer
    from bakex.registry.retry import RetryPolicy
    from bakex.registry.site import Site
    from bakex.registry.tokens import TokenRequest

_MAX_REDIRECTS = 5
_MAX_401 = 4  # tokens may be good for a few requests only, and others use them up, too
_CONNECT_S = 10.0
_WRITE_S = 120.0  # for one chunk of 1 MiB, of 8 on fast links: slow ones are no failure
_UNTOLD = 3  # a server that wants fewer requests and does not say for how long: as after so many
_SAFE = frozenset({"GET", "HEAD"})
_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "keep-alive",
    "User-Agent": f"bakex/{__version__}",
}


class Transport:
    """Sends requests; one for all hosts."""

    def __init__(self, connections: Connections, *, clock: Clock, policy: RetryPolicy) -> None:
        self.clock = clock
        self.policy = policy
        self._connections = connections

    async def aclose(self) -> None:
        """Drop the connections; safe to repeat."""
        await self._connections.transport.aclose()

    def attempts(self) -> Attempts:
        """Return a counter for work that consists of more than one request."""
        return Attempts(self.policy, self.clock)

    async def request(self, site: Site, request: Request) -> Answer:
        """Send a request and return the answer, whatever its status is.

        Raises:
            RegistryError: No answer, no authorization, or a transient failure that did not pass;
                a request that must not be replayed raises at the first failure.
        """
        await self.open(site)
        attempts = self.attempts()
        while True:
            try:
                async with site.slots, self._exchange(site, request) as response:
                    answer = await whole(response, request)
                    if answer.status in THROTTLED:
                        # Before the slot is free: whoever waits for it must find the gate closed.
                        self.cool(site, answer)
            except RegistryError as error:
                if not request.replay:
                    raise
                await attempts.again(error)
                continue
            if answer.status not in RETRIED:
                site.slots.grow()
                return answer
            if not request.replay:
                return answer
            await self.again(attempts, answer, request)

    @asynccontextmanager
    async def stream(self, site: Site, request: Request) -> AsyncGenerator[Download, None]:
        """Send a request once, and hand out the answer while its body is still to be read.

        Raises:
            RegistryError: No answer or no authorization; also while the body is read.
        """
        await self.open(site)
        await site.gate.passed()
        async with self._exchange(site, request) as response:
            yield Download(response, request)

    async def again(self, attempts: Attempts, answer: Answer, request: Request) -> None:
        """Wait before the next attempt, after an answer that says that it may help.

        Raises:
            RegistryError: There were enough attempts.
        """
        wait_s = retry_after(answer.headers.get("retry-after", ""), self.clock.now())
        failure = refused(answer, request.action, request.place)
        await attempts.again(failure, wait_s, held=answer.status == 429)

    def cool(self, site: Site, answer: Answer) -> None:
        """Hold the other requests to a host back that throttles, and send it fewer from now on.

        Raises:
            RateLimitedError: It asks for a longer wait than the policy allows.
        """
        wait_s = retry_after(answer.headers.get("retry-after", ""), self.clock.now())
        if wait_s is not None and wait_s > self.policy.longest_s:
            raise too_long(refused(answer, "use", site.host), wait_s)
        if wait_s is not None:
            site.gate.close(wait_s)
        if answer.status == 429:
            site.slots.shrink()
            if wait_s is None:
                site.gate.close(self.policy.delay(_UNTOLD))

    async def open(self, site: Site) -> None:
        """Find out under which URL a host answers, and how it wants to be convinced; once.

        Raises:
            RegistryError: It does not answer.
        """
        if site.base:
            return
        async with site.opening:
            attempts = self.attempts()
            while not site.base:
                try:
                    await self._find(site)
                except RegistryError as error:
                    await attempts.again(error, held=error.status == 429)
                    await site.gate.passed()

    async def ask(self, site: Site, token: TokenRequest) -> Answer:
        """Send a request to the token server of a host; follows no redirects.

        Raises:
            RegistryError: The server's URL is not acceptable, or there is no answer.
        """
        check_peer(token.url, site.base, "token realm")
        headers = {"Authorization": token.authorization} if token.authorization else {}
        if token.form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        request = probe(token.method, token.url, "get a token for", site.host)
        attempts = self.attempts()
        while True:
            try:
                async with self._sent(request, token.url, headers, token.form) as response:
                    answer = await whole(response, request)
            except RegistryError as error:
                await attempts.again(error)
                continue
            if answer.status not in RETRIED:
                return answer
            await self.again(attempts, answer, request)

    async def _find(self, site: Site) -> None:
        failures: list[RegistryError] = []
        for base in site.candidates:
            if site.insecure:
                self._connections.allow_unverified(base)
            request = probe("GET", f"{base}/v2/", "reach", site.host)
            try:
                async with self._sent(request, request.target, {}, b"") as response:
                    answer = await whole(response, request)
            except RegistryError as error:
                failures.append(error)
                continue
            if answer.status == 400 and b" HTTPS " in answer.body:
                # What Go's and nginx's TLS servers say to plain HTTP.
                failures.append(refused(answer, request.action, request.place))
                continue
            if answer.status in RETRIED:
                if answer.status in THROTTLED:
                    self.cool(site, answer)
                raise refused(answer, request.action, request.place)
            if answer.status == 401:
                site.auth.learn(answer.headers.get_list("www-authenticate"))
            site.base = base
            return
        raise most_telling(failures)

    @asynccontextmanager
    async def _exchange(self, site: Site, request: Request) -> AsyncGenerator[httpx.Response, None]:
        """Send a request as often as authorization takes; the answer may still be 401."""
        guarded = bool(request.scopes) or request.login
        header = await site.auth.header(request.scopes, request.wants) if guarded else ""
        for left in reversed(range(_MAX_401 + 1)):
            # Authorization takes time, in which the host may have asked for a pause.
            await site.gate.passed()
            async with self._routed(site, request, header) as response:
                other: str | None = None
                # Whoever else answers, after a redirect, has no say in where credentials go.
                asks = response.status_code == 401 and guarded and left
                if asks and origin(str(response.url)) == origin(site.base):
                    challenge = response.headers.get_list("www-authenticate")
                    other = await site.auth.challenged(challenge, request.scopes, header)
                if other is None:
                    # The same password again could only lock an account.
                    yield response
                    return
            header = other

    @asynccontextmanager
    async def _routed(
        self, site: Site, request: Request, authorization: str
    ) -> AsyncGenerator[httpx.Response, None]:
        """Send a request to where it belongs, and on to where it is redirected."""
        url = request.target if "://" in request.target else f"{site.base}{request.target}"
        home = origin(site.base)
        for _ in range(_MAX_REDIRECTS + 1):
            headers = dict(request.headers)
            if authorization and origin(url) == home:
                headers["Authorization"] = authorization
            async with self._sent(request, url, headers, b"") as response:
                status, location = response.status_code, response.headers.get("location", "")
                if not (location and _follows(request.method, status)):
                    yield response
                    return
            url = join(url, location, site.base, "redirect")
        raise RegistryError(
            f"cannot {request.action} {request.place}: more than {_MAX_REDIRECTS} redirects"
        )

    @asynccontextmanager
    async def _sent(
        self, request: Request, url: str, headers: Mapping[str, str], content: bytes
    ) -> AsyncGenerator[httpx.Response, None]:
        """Send one HTTP request; failures up to the head of the answer become `RegistryError`."""
        async with AsyncExitStack() as stack:
            body: bytes | AsyncIterator[bytes] = content
            extensions: dict[str, Any] = {"timeout": _timeout(request.read_s)}
            sent = {**_HEADERS, **headers}
            if request.body is not None:
                body = request.body()
                await stack.enter_async_context(closing(body))
                if isinstance(body, FileContent):
                    extensions[FILE] = body.opened
                sent["Content-Length"] = str(request.length)
            elif request.method not in _SAFE:
                sent["Content-Length"] = str(len(content))
            try:
                message = httpx.Request(
                    request.method,
                    url,
                    headers=sent,
                    content=body or None,
                    extensions=extensions,
                )
                async with asyncio.timeout(request.whole_s):
                    response = await self._connections.transport.handle_async_request(message)
            except (TimeoutError, httpx.TransportError, httpx.InvalidURL, OSError) as error:
                raise unreachable(error, request.action, request.place) from None
            stack.push_async_callback(response.aclose)
            response.request = message
            yield response


@cache
def _timeout(read_s: float) -> dict[str, float | None]:
    """Return the bounds of one request as httpcore takes them; there are two kinds of requests."""
    return {"connect": _CONNECT_S, "read": read_s, "write": _WRITE_S, "pool": None}


def _follows(method: str, status: int) -> bool:
    return status in {307, 308} or (method in _SAFE and status in {301, 302, 303})
