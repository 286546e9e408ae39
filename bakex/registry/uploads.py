"""Uploads of blobs (OCI distribution-spec v1.1, "Pushing blobs").

* All at once by default: POST, then PUT of the whole. Chunks do not work everywhere, but some
  registries and proxies want them (spec/registry 2.6): those that answer 413, or that refuse bodies
  in the closing request.
* After every chunk the registry says how much it has; the next one starts there. A chunk that broke
  is asked about, and the upload goes on where it stopped or, if the session is lost, starts anew.
* An upload that broke may have been completed: ask before starting a new one.
* A large file is first sent without being read: the registry compares the digest, and to do that on
  both sides takes 0.6 s for a gigabyte. It has to say what it stored; if it does not, or refuses,
  the file is checked here, by reading it once more or while it is sent again.
* A location is used as it came, and only once: the next answer names the next one.
"""

from __future__ import annotations

import contextlib
import re
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bakex.errors import ContentError, RegistryError
from bakex.oci.verified import file_of, prove
from bakex.registry.cursor import Cursor
from bakex.registry.errors import refused
from bakex.registry.request import Request
from bakex.registry.retry import RETRIED
from bakex.registry.tokens import push
from bakex.registry.urls import join, with_digest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bakex.model.descriptor import Descriptor
    from bakex.registry.errors import Answer
    from bakex.registry.request import Body
    from bakex.registry.retry import Attempts
    from bakex.registry.site import Site
    from bakex.registry.tokens import Scope
    from bakex.registry.transport import Transport

_LARGE = 8 << 20
_COMMIT_S = 600.0  # registries on object stores copy the whole blob before they answer
_STORED = frozenset({201, 204})
_SESSION_LOST = frozenset({400, 404, 416})
_NOT_SO = frozenset({405, 411, 415, 501})  # it is the way of uploading that is refused
_TOO_LARGE = 413
_CHUNK = 16 << 20
_LEAST_CHUNK = 256 << 10
_PATIENCE = 2  # refusals of one way of uploading before the other one is tried


class Uploads:
    """Uploads to one repository."""

    def __init__(self, transport: Transport, site: Site, path: str) -> None:
        self._transport = transport
        self._site = site
        self._path = path
        self._place = f"{site.host}/{path}"

    async def upload(
        self,
        descriptor: Descriptor,
        content: Body,
        *,
        location: str = "",
        is_there: Callable[[], Awaitable[bool]],
    ) -> None:
        """Send a blob.

        Args:
            descriptor: What it is.
            content: Makes checked iterators.
            location: A session that is open already.
            is_there: Asks the registry whether it has the blob.

        Raises:
            ContentError: The content is not what the descriptor says.
            RegistryError: The registry refused or failed.
        """
        attempts = self._transport.attempts()
        way = _Way(self._site)
        large = descriptor.size >= _LARGE and not way.chunk
        unread = large and file_of(content()) is not None
        while True:
            target, location = location, ""
            body = partial(_unread, content) if unread else content
            answer, failure = await self._try(way, target, descriptor, body)
            if answer is not None and answer.status in _STORED:
                if unread:
                    await self._compare(answer, descriptor, content)
                return
            unread = False
            if answer is not None and answer.status == _TOO_LARGE:
                if not way.narrow(descriptor.size):
                    raise failure
                continue
            if answer is not None:
                way.refused(answer.status)
            if answer is not None and answer.status in RETRIED:
                await self._transport.again(attempts, answer, self._request("PUT", ""))
            else:
                await attempts.again(failure)
            # It may have been completed although the answer never came.
            if await is_there():
                return

    async def _try(
        self, way: _Way, location: str, descriptor: Descriptor, content: Body
    ) -> tuple[Answer | None, RegistryError]:
        """Send a blob once; returns the last answer, and what is wrong unless it is stored."""
        try:
            target = location or await self.begin()
            if way.chunk:
                answer = await self._in_chunks(target, descriptor, content, size=way.chunk)
            else:
                answer = await self._at_once(target, descriptor, content)
        except RegistryError as error:
            return None, error
        return answer, self._refused(answer)

    async def _compare(self, answer: Answer, descriptor: Descriptor, content: Body) -> None:
        """Make sure that the right blob was stored, which nobody here has looked at.

        Raises:
            RegistryError: It is another one, and the registry has not noticed.
        """
        if answer.headers.get("docker-content-digest") == str(descriptor.digest):
            return
        try:
            await prove(content())
        except ContentError as error:
            raise RegistryError(
                f"{self._place} has stored damaged content as {descriptor.digest}",
                detail=error.summary,
                hint="delete that blob from the registry: it did not compare the digest",
            ) from None

    async def begin(self, query: str = "") -> str:
        """Open a session, and return its location.

        Raises:
            RegistryError: The registry refused or failed.
        """
        answer = await self.post(query, frozenset({push(self._path)}))
        if answer.status != 202:
            raise refused(answer, "push a blob to", self._place)
        return self.location(answer)

    async def post(self, query: str, scopes: frozenset[Scope]) -> Answer:
        """Ask for a session, or for a mount; return the answer, whatever it is.

        Raises:
            RegistryError: No answer, or no authorization.
        """
        request = self._request("POST", f"/v2/{self._path}/blobs/uploads/{query}", scopes=scopes)
        return await self._transport.request(self._site, request)

    async def give_up(self, location: str) -> None:
        """End a session; a registry that does not do that drops it some day by itself."""
        with contextlib.suppress(RegistryError):
            await self._transport.request(self._site, self._request("DELETE", location))

    def location(self, answer: Answer) -> str:
        """Return the location of a session from an answer; notes how large chunks must be.

        Raises:
            RegistryError: It names none, or one that may not be followed.
        """
        location = answer.headers.get("location", "")
        if not location:
            raise RegistryError(
                f"cannot push a blob to {self._place}: the registry named no upload location"
            )
        least = answer.headers.get("oci-chunk-min-length", "")
        if re.fullmatch(r"[0-9]{1,12}", least):
            self._site.least_chunk = max(self._site.least_chunk, int(least))
        return join(answer.url, location, self._site.base, "upload location")

    async def _at_once(self, location: str, descriptor: Descriptor, content: Body) -> Answer:
        request = self._request(
            "PUT",
            with_digest(location, str(descriptor.digest)),
            body=content,
            length=descriptor.size,
            read_s=_COMMIT_S,
        )
        if descriptor.size < _LARGE:
            return await self._transport.request(self._site, request)
        async with self._site.large:
            return await self._transport.request(self._site, request)

    async def _in_chunks(
        self, location: str, descriptor: Descriptor, content: Body, *, size: int
    ) -> Answer:
        """Send a blob piece by piece; returns the answer to the last request."""
        progress = _Progress(location, self._transport.attempts())
        async with aclosing(Cursor(content)) as cursor:
            while progress.position < descriptor.size:
                end = min(progress.position + size, descriptor.size)
                answer = await self._chunk(progress, cursor, end)
                if answer is not None:
                    return answer
                if progress.position > progress.reached:
                    progress.reached = progress.position
                    progress.attempts = self._transport.attempts()
        target = with_digest(progress.location, str(descriptor.digest))
        return await self._transport.request(
            self._site, self._request("PUT", target, read_s=_COMMIT_S)
        )

    async def _chunk(self, progress: _Progress, cursor: Cursor, end: int) -> Answer | None:
        """Send one piece, and note how far the registry got; returns an answer that ends it all.

        Raises:
            RegistryError: There were enough attempts.
        """
        start = progress.position
        request = self._request(
            "PATCH",
            progress.location,
            body=partial(cursor.read, start, end),
            length=end - start,
            headers={"Content-Range": f"{start}-{end - 1}"},
        )
        try:
            async with self._site.large:
                answer = await self._transport.request(self._site, request)
        except RegistryError as error:
            await progress.attempts.again(error)
        else:
            if answer.status in {201, 202}:
                self._advance(progress, answer, end)
                return None
            if answer.status in RETRIED:
                await self._transport.again(progress.attempts, answer, request)
            elif answer.status == 416:
                await progress.attempts.again(self._refused(answer))
            else:
                return answer
        # How much has arrived?
        state = await self._transport.request(self._site, self._request("GET", progress.location))
        if state.status != 204:
            return state
        progress.location = self._next(state, progress.location)
        progress.position = _received(state, 0, most=end)
        return None

    def _advance(self, progress: _Progress, answer: Answer, end: int) -> None:
        """Note an accepted piece; the registry may have taken less than was sent."""
        position = _received(answer, end, most=end)
        if position <= progress.position:
            raise RegistryError(
                f"cannot push a blob to {self._place}: the registry takes no more of it",
                transient=True,
            )
        progress.location = self._next(answer, progress.location)
        progress.position = position

    def _next(self, answer: Answer, location: str) -> str:
        return self.location(answer) if answer.headers.get("location") else location

    def _refused(self, answer: Answer) -> RegistryError:
        failure = refused(answer, "push a blob to", self._place)
        # The session is gone, or the content was damaged on its way: if it was not right before,
        # the next attempt finds out.
        failure.transient = failure.transient or answer.status in _SESSION_LOST | _NOT_SO
        return failure

    def _request(
        self,
        method: str,
        target: str,
        *,
        scopes: frozenset[Scope] | None = None,
        body: Body | None = None,
        length: int = 0,
        headers: dict[str, str] | None = None,
        read_s: float = 60.0,
    ) -> Request:
        sent = {} if body is None else {"Content-Type": "application/octet-stream"}
        return Request(
            method=method,
            target=target,
            action="push a blob to",
            place=self._place,
            scopes=frozenset({push(self._path)}) if scopes is None else scopes,
            headers={**sent, **(headers or {})},
            body=body,
            length=length,
            # Only the opening request and the questions can be repeated as they are.
            replay=method in {"POST", "GET"},
            read_s=read_s,
        )


def _unread(content: Body) -> AsyncIterator[bytes]:
    """Return the file that content comes from."""
    chunks = content()
    return file_of(chunks) or chunks


@dataclass(slots=True)
class _Progress:
    """How far an upload in pieces is."""

    location: str
    attempts: Attempts
    position: int = 0
    reached: int = 0


class _Way:
    """Whether a blob goes at once or in pieces of some size; learns from refusals."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._chunk = site.chunk
        self._refusals = 0

    @property
    def chunk(self) -> int:
        """Bytes of one piece; 0 for all at once."""
        return max(self._chunk, self._site.least_chunk) if self._chunk else 0

    def narrow(self, size: int) -> bool:
        """Send smaller bodies, since one of these was too large; returns whether that is possible.

        Args:
            size: Of the whole blob.
        """
        sent = min(size, self.chunk or size)
        self._chunk = min(_CHUNK, sent // 2)
        if self._chunk < _LEAST_CHUNK or self.chunk >= sent:
            return False
        # What one blob has found out holds for the others, too.
        self._site.chunk = min(self._chunk, self._site.chunk or self._chunk)
        return True

    def refused(self, status: int) -> None:
        """Try the other way after an answer that is about the way, or after some that may be."""
        if status in _SESSION_LOST:
            self._refusals += 1
        if status in _NOT_SO or self._refusals == _PATIENCE:
            self._chunk, self._refusals = (0 if self._chunk else _CHUNK), 0


def _received(answer: Answer, default: int, *, most: int) -> int:
    """Return how many bytes a session has, by its Range header: ``0-LAST``, both included.

    ``0-0`` may stand for one byte or for none. None is the safe reading unless one was sent.
    """
    match = re.fullmatch(r"(?:bytes=)?0-(\d{1,18})", answer.headers.get("range", "").strip())
    if match is None:
        return default
    last = int(match[1])
    if last == 0:
        return 1 if most == 1 else 0
    return min(last + 1, most)
