"""Requests to registries: connections, authorization, redirects, retries and limits.

Rules (spec/registry 0.2, 2.3, 2.5):

* HTTP/1.1 only, no cookies, no automatic redirects, no compression.
* A request is sent again after a transient failure only if it may be replayed.
* 401 leads to one new header for the same request, at most twice; its body is made anew.
* At most five redirects. GET and HEAD follow all kinds, others only 307 and 308. Authorization goes
  to the registry's own origin only.
* Retry-After holds back every request to the host, not just the one that was refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx

from bakex._version import __version__
from bakex.errors import RegistryError
from bakex.oci.verified import closing
from bakex.registry.errors import Answer, refused, unreachable
from bakex.registry.retry import RETRIED, THROTTLED, Attempts, retry_after, too_long
from bakex.registry.urls import check_peer, join, origin

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bakex.interfaces import Clock
    from bakex.registry.connections import Connections
    from bakex.registry.retry import RetryPolicy
    from bakex.registry.site import Site
    from bakex.registry.tokens import Scope, TokenRequest

Body = Callable[[], AsyncIterator[bytes]]

_MAX_REDIRECTS = 5
_MAX_401 = 2
_MAX_BODY = 1 << 20
_CONNECT_S, _READ_S = 10.0, 60.0
_WRITE_S = 120.0  # for one chunk of at most 1 MiB: slow links are no failure
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to a registry.

    Attributes:
        target: A path below the host's base URL, or an absolute URL that the registry gave.
        action: For messages, as in "push a blob to".
        place: For messages: the repository or reference, with its host.
        scopes: What it needs to be allowed to do.
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
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: Body | None = None
    length: int = 0
    replay: bool = True
    limit: int = _MAX_BODY
    read_s: float = _READ_S


class Transport:
    """Sends requests; one for all hosts."""

    def __init__(self, connections: Connections, *, clock: Clock, policy: RetryPolicy) -> None:
        self.clock = clock
        self.policy = policy
        self._connections = connections
        self._client = httpx.AsyncClient(
            transport=connections.transport,
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": f"bakex/{__version__}", "Accept-Encoding": "identity"},
        )

    async def aclose(self) -> None:
        """Drop the connections; safe to repeat."""
        await self._client.aclose()

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
            await site.gate.passed()
            try:
                async with site.slots, self._exchange(site, request) as response:
                    answer = await _whole(response, request)
            except RegistryError as error:
                if not request.replay:
                    raise
                await attempts.again(error)
                continue
            if answer.status not in RETRIED:
                return answer
            wait_s = self.cool(site, answer)
            if not request.replay:
                return answer
            await attempts.again(refused(answer, request.action, request.place), wait_s)

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

    def cool(self, site: Site, answer: Answer) -> float | None:
        """Return how long a server asks to wait, and hold the other requests back if it throttles.

        Raises:
            RateLimitedError: It asks for a longer wait than the policy allows.
        """
        wait_s = retry_after(answer.headers.get("retry-after", ""), self.clock.now())
        if wait_s is not None and wait_s > self.policy.longest_s:
            raise too_long(refused(answer, "use", site.host), wait_s)
        if wait_s is not None and answer.status in THROTTLED:
            site.gate.close(wait_s)
        return wait_s

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
                    await attempts.again(error)

    async def ask(self, site: Site, token: TokenRequest) -> Answer:
        """Send a request to the token server of a host; follows no redirects.

        Raises:
            RegistryError: The server's URL is not acceptable, or there is no answer.
        """
        check_peer(token.url, site.base, "token realm")
        headers = {"Authorization": token.authorization} if token.authorization else {}
        if token.form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        request = _probe(token.method, token.url, "get a token for", site.host)
        attempts = self.attempts()
        while True:
            try:
                async with self._sent(request, token.url, headers, token.form) as response:
                    answer = await _whole(response, request)
            except RegistryError as error:
                await attempts.again(error)
                continue
            if answer.status not in RETRIED:
                return answer
            wait_s = retry_after(answer.headers.get("retry-after", ""), self.clock.now())
            await attempts.again(refused(answer, request.action, request.place), wait_s)

    async def _find(self, site: Site) -> None:
        failures: list[RegistryError] = []
        for base in site.candidates:
            if site.insecure:
                self._connections.allow_unverified(base)
            request = _probe("GET", f"{base}/v2/", "reach", site.host)
            try:
                async with self._sent(request, request.target, {}, b"") as response:
                    answer = await _whole(response, request)
            except RegistryError as error:
                failures.append(error)
                continue
            if answer.status == 400 and b" HTTPS " in answer.body:
                # What Go's and nginx's TLS servers say to plain HTTP.
                failures.append(refused(answer, request.action, request.place))
                continue
            if answer.status in RETRIED:
                self.cool(site, answer)
                raise refused(answer, request.action, request.place)
            if answer.status == 401:
                site.auth.learn(answer.headers.get_list("www-authenticate"))
            site.base = base
            return
        raise failures[0]

    @asynccontextmanager
    async def _exchange(self, site: Site, request: Request) -> AsyncGenerator[httpx.Response, None]:
        """Send a request as often as authorization takes; the answer may still be 401."""
        header = await site.auth.header(request.scopes) if request.scopes else ""
        for _ in range(_MAX_401):
            async with self._routed(site, request, header) as response:
                if response.status_code != 401 or not request.scopes:
                    yield response
                    return
                challenge = response.headers.get_list("www-authenticate")
            retried = await site.auth.challenged(challenge, request.scopes, header)
            if retried is None:
                break
            header = retried
        async with self._routed(site, request, header) as response:
            yield response

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
            sent = dict(headers)
            if request.body is not None:
                body = request.body()
                await stack.enter_async_context(closing(body))
                sent["Content-Length"] = str(request.length)
            elif request.method not in _SAFE:
                sent["Content-Length"] = str(len(content))
            try:
                message = self._client.build_request(
                    request.method,
                    url,
                    headers=sent,
                    content=body or None,
                    timeout=httpx.Timeout(
                        connect=_CONNECT_S, read=request.read_s, write=_WRITE_S, pool=None
                    ),
                )
                response = await self._client.send(message, stream=True)
            except (httpx.TransportError, httpx.InvalidURL, OSError) as error:
                raise unreachable(error, request.action, request.place) from None
            stack.push_async_callback(response.aclose)
            yield response


class Download:
    """An answer whose body comes piece by piece."""

    def __init__(self, response: httpx.Response, request: Request) -> None:
        self._response = response
        self._request = request

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
        return await _whole(self._response, self._request)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes in: no byte is held back, so a resumed download loses none.

        Raises:
            RegistryError: The connection broke; transient.
        """
        try:
            async with closing(self._response.aiter_raw()) as chunks:
                async for chunk in chunks:
                    yield chunk
        except (httpx.TransportError, httpx.StreamError, OSError) as error:
            raise unreachable(error, self._request.action, self._request.place) from None


async def _whole(response: httpx.Response, request: Request) -> Answer:
    download = Download(response, request)
    announced = response.headers.get("content-length", "")
    body = bytearray()
    if request.method != "HEAD":
        if announced.isdigit() and int(announced) > request.limit:
            raise _too_large(request)
        async with closing(download.chunks()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > request.limit:
                    raise _too_large(request)
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


def _follows(method: str, status: int) -> bool:
    return status in {307, 308} or (method in _SAFE and status in {301, 302, 303})


def _probe(method: str, url: str, action: str, place: str) -> Request:
    return Request(method=method, target=url, action=action, place=place)
