"""Blobs of a repository (OCI distribution-spec v1.1, "Pushing blobs", "Pulling blobs").

* The order of a push: is it there, can it be mounted, upload (POST, then PUT of the whole).
* Uploads are monolithic: chunked ones do not work everywhere (spec/registry 2.6).
* An upload that broke may have been completed: ask before starting a new one from the beginning.
* A download that broke goes on with a range request; no byte is handed out twice.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from bakex.errors import (
    BakexError,
    ContentNotFoundError,
    RegistryError,
    SizeMismatchError,
    UnauthorizedError,
)
from bakex.oci.verified import closing
from bakex.registry.errors import refused
from bakex.registry.retry import RETRIED
from bakex.registry.tokens import pull, push, union
from bakex.registry.transport import Request
from bakex.registry.urls import join, with_digest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.registry.errors import Answer
    from bakex.registry.site import Site
    from bakex.registry.tokens import Scope
    from bakex.registry.transport import Body, Download, Transport

_SMALL = 64 << 10  # below this size asking first costs as much as sending
_LARGE = 8 << 20
_SESSION_LOST = frozenset({400, 404, 416})
_COMMIT_S = 600.0  # registries on object stores copy the whole blob before they answer


class Blobs:
    """The blobs of one repository."""

    def __init__(self, transport: Transport, site: Site, path: str) -> None:
        self._transport = transport
        self._site = site
        self._path = path
        self._place = f"{site.host}/{path}"
        self._present: set[Digest] = set()
        self._locks: dict[Digest, asyncio.Lock] = {}

    async def exists(self, descriptor: Descriptor) -> bool:
        """Return whether a blob is there, with the right size."""
        digest = descriptor.digest
        answer = await self._transport.request(
            self._site,
            Request(
                method="HEAD",
                target=f"/v2/{self._path}/blobs/{digest}",
                action="look for a blob in",
                place=self._place,
                # A push asks with the token it will need anyway.
                scopes=frozenset({push(self._path) if digest in self._locks else pull(self._path)}),
            ),
        )
        if answer.status == 404:
            return False
        if answer.status != 200:
            raise refused(answer, "look for a blob in", self._place)
        length = answer.headers.get("content-length", "")
        if length.isdigit() and int(length) != descriptor.size:
            return False
        self._note(digest)
        return True

    async def push(self, descriptor: Descriptor, content: Body) -> None:
        """Store a blob; `content` makes checked iterators. See `Repository.push`."""
        digest = descriptor.digest
        async with self._locks.setdefault(digest, asyncio.Lock()):
            if digest in self._present:
                return
            if descriptor.size >= _SMALL and await self.exists(descriptor):
                return
            mounted, location = await self._mount(digest)
            if not mounted:
                await self._upload(descriptor, content, location)
            self._note(digest)

    async def fetch(self, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
        """Yield a blob. See `Repository.fetch`."""
        position = reached = 0
        attempts = self._transport.attempts()
        waits = iter(self._transport.policy.settle_s)
        while True:
            try:
                async with closing(self._rest(descriptor, position)) as chunks:
                    async for chunk in chunks:
                        position += len(chunk)
                        yield chunk
                if position >= descriptor.size:
                    return
                failure = RegistryError(
                    f"cannot pull a blob from {self._place}: the download ended early",
                    transient=True,
                )
            except ContentNotFoundError:
                if (wait_s := next(waits, None)) is None:
                    raise
                await self._transport.clock.sleep(wait_s)
                continue
            except RegistryError as error:
                failure = error
            if position > reached:  # a slow network is no reason to give up on a large layer
                reached, attempts = position, self._transport.attempts()
            await attempts.again(failure)

    async def _rest(self, descriptor: Descriptor, position: int) -> AsyncGenerator[bytes, None]:
        """Yield a blob from some position on, in one request."""
        request = Request(
            method="GET",
            target=f"/v2/{self._path}/blobs/{descriptor.digest}",
            action="pull a blob from",
            place=self._place,
            scopes=frozenset({pull(self._path)}),
            headers={"Range": f"bytes={position}-"} if position else {},
        )
        async with self._transport.stream(self._site, request) as download:
            if download.status not in {200, 206}:
                raise self._not_pulled(await download.answer(), descriptor, position)
            # 200 to a range request is the whole blob, from the beginning.
            skip = position if download.status == 200 else 0
            if download.status == 206 and _first(download) != position:
                raise RegistryError(
                    f"cannot pull a blob from {self._place}: the registry sent another range"
                )
            async with closing(download.chunks()) as chunks:
                async for chunk in chunks:
                    fresh, skip = chunk[skip:], max(0, skip - len(chunk))
                    if fresh:
                        yield fresh

    def _not_pulled(self, answer: Answer, descriptor: Descriptor, position: int) -> BakexError:
        if answer.status == 404:
            return ContentNotFoundError(f"{descriptor.digest} is not in {self._place}")
        if answer.status == 416:
            return SizeMismatchError(
                f"{descriptor.digest} has {position} bytes in {self._place}"
                f" instead of the announced {descriptor.size}"
            )
        if answer.status in RETRIED:
            self._transport.cool(self._site, answer)
        return refused(answer, "pull a blob from", self._place)

    async def _mount(self, digest: Digest) -> tuple[bool, str]:
        """Try to take a blob over; returns whether that worked, or else a session to upload to."""
        home = self._site.homes.get(digest, self._path)
        if home == self._path:
            return False, ""
        mount, source = quote(str(digest), safe=""), quote(home, safe="")
        try:
            answer = await self._post(
                f"?mount={mount}&from={source}", union([push(self._path), pull(home)])
            )
        except UnauthorizedError:
            return False, ""
        if answer.status == 201:
            return True, ""
        if answer.status == 202:
            return False, self._location(answer)
        return False, ""

    async def _upload(self, descriptor: Descriptor, content: Body, location: str) -> None:
        attempts = self._transport.attempts()
        while True:
            target = location or await self._session()
            location = ""
            try:
                answer = await self._put(target, descriptor, content)
            except RegistryError as error:
                failure = error
            else:
                if answer.status in {201, 204}:
                    return
                failure = refused(answer, "push a blob to", self._place)
                # The session is gone, or the content was damaged on its way: what was sent is known
                # to be right, because `content` checks it.
                failure.transient = failure.transient or answer.status in _SESSION_LOST
            await attempts.again(failure)
            # It may have been completed although the answer never came.
            if await self.exists(descriptor):
                return

    async def _session(self) -> str:
        answer = await self._post("", frozenset({push(self._path)}))
        if answer.status != 202:
            raise refused(answer, "push a blob to", self._place)
        return self._location(answer)

    async def _post(self, query: str, scopes: frozenset[Scope]) -> Answer:
        return await self._transport.request(
            self._site,
            Request(
                method="POST",
                target=f"/v2/{self._path}/blobs/uploads/{query}",
                action="push a blob to",
                place=self._place,
                scopes=scopes,
            ),
        )

    async def _put(self, location: str, descriptor: Descriptor, content: Body) -> Answer:
        request = Request(
            method="PUT",
            target=with_digest(location, str(descriptor.digest)),
            action="push a blob to",
            place=self._place,
            scopes=frozenset({push(self._path)}),
            headers={"Content-Type": "application/octet-stream"},
            body=content,
            length=descriptor.size,
            replay=False,
            read_s=_COMMIT_S,
        )
        if descriptor.size < _LARGE:
            return await self._transport.request(self._site, request)
        async with self._site.large:
            return await self._transport.request(self._site, request)

    def _location(self, answer: Answer) -> str:
        location = answer.headers.get("location", "")
        if not location:
            raise RegistryError(
                f"cannot push a blob to {self._place}: the registry named no upload location"
            )
        return join(answer.url, location, self._site.base, "upload location")

    def _note(self, digest: Digest) -> None:
        self._present.add(digest)
        self._site.homes.setdefault(digest, self._path)


def _first(download: Download) -> int:
    """Return where the range of a 206 answer starts; -1 if it does not say."""
    match = re.match(r"bytes (\d+)-", download.headers.get("content-range", ""))
    return int(match[1]) if match else -1
