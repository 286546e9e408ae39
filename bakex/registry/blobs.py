"""Blobs of a repository (OCI distribution-spec v1.1, "Pushing blobs", "Pulling blobs").

* The order of a push: is it there, can it be mounted, upload (`bakex.registry.uploads`).
* What was pushed may take a moment to become visible; that is waited for, but not for long.
* A small blob is checked before any of it is handed out, and fetched again if it was damaged.
* Configs are kept once they were read: assembling, checking and verifying an image all want them.
* A download that broke goes on with a range request; no byte is handed out twice.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from bakex.errors import (
    BakexError,
    ContentNotFoundError,
    DigestMismatchError,
    RegistryError,
    SizeMismatchError,
    UnauthorizedError,
)
from bakex.model.media_types import CONFIGS
from bakex.oci.verified import check, closing
from bakex.registry.errors import refused
from bakex.registry.request import Request
from bakex.registry.retry import THROTTLED
from bakex.registry.tokens import pull, push, union
from bakex.registry.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.registry.download import Download
    from bakex.registry.errors import Answer
    from bakex.registry.request import Body
    from bakex.registry.site import Site
    from bakex.registry.transport import Transport

_SMALL = 64 << 10  # below this size asking first costs as much as sending
_REMEMBERED = 256  # configs of one repository, a few KiB each as a rule
_PROGRESS = 64 << 10  # so much more of a blob makes a broken download worth new attempts


class Blobs:
    """The blobs of one repository."""

    def __init__(self, transport: Transport, site: Site, path: str) -> None:
        self._transport = transport
        self._site = site
        self._path = path
        self._place = f"{site.host}/{path}"
        self._uploads = Uploads(transport, site, path)
        self._present: set[Digest] = set()
        self._doubtful: set[Digest] = set()
        self._locks: dict[Digest, asyncio.Lock] = {}
        self._configs: dict[Digest, list[bytes]] = {}

    async def exists(self, descriptor: Descriptor) -> bool:
        """Return whether a blob is there, with the right size."""
        digest = descriptor.digest
        # What was just pushed is there, whatever the first answers say.
        waits = self._transport.policy.settle_s if digest in self._present else ()
        for wait_s in (*waits, None):
            answer = await self._head(digest)
            if answer.status not in {200, 404}:
                raise refused(answer, "look for a blob in", self._place)
            if answer.status == 200 and _fits(answer, descriptor):
                self._note(digest)
                return True
            if wait_s is not None:
                await self._transport.clock.sleep(wait_s)
        self._present.discard(digest)
        self._configs.pop(digest, None)
        return False

    def forget(self, digest: Digest) -> None:
        """Take it for unknown whether a blob is there: the registry says that it is not."""
        self._present.discard(digest)
        self._configs.pop(digest, None)
        self._doubtful.add(digest)

    async def _head(self, digest: Digest) -> Answer:
        request = Request(
            method="HEAD",
            target=f"/v2/{self._path}/blobs/{digest}",
            action="look for a blob in",
            place=self._place,
            scopes=frozenset({pull(self._path)}),
            # Most who ask want to push what is missing.
            wants=frozenset({push(self._path)}),
        )
        return await self._transport.request(self._site, request)

    async def push(self, descriptor: Descriptor, content: Body) -> None:
        """Store a blob; `content` makes checked iterators. See `Repository.push`."""
        digest = descriptor.digest
        async with self._locks.setdefault(digest, asyncio.Lock()):
            if digest in self._present:
                return
            asks = descriptor.size >= _SMALL or digest in self._doubtful
            if asks and await self.exists(descriptor):
                return
            mounted, location = await self._mount(digest)
            if not mounted:
                await self._uploads.upload(
                    descriptor,
                    content,
                    location=location,
                    is_there=partial(self.exists, descriptor),
                )
            self._doubtful.discard(digest)
            self._note(digest)

    async def check_push(self) -> None:
        """Open an upload and give it up. See `Repository.check_push`."""
        # What was asked is known by now.
        await self._uploads.give_up(await self._uploads.begin())

    async def fetch(self, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
        """Yield a blob. See `Repository.fetch`."""
        if descriptor.size > _SMALL:
            async with closing(self._fetch(descriptor)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        known = self._configs.get(descriptor.digest)
        if known is None:
            known = await self._small(descriptor)
            if descriptor.media_type in CONFIGS and len(self._configs) < _REMEMBERED:
                self._configs[descriptor.digest] = known
        for chunk in known:
            yield chunk

    async def _small(self, descriptor: Descriptor) -> list[bytes]:
        attempts = self._transport.attempts()
        while True:
            try:
                return [chunk async for chunk in check(self._fetch(descriptor), descriptor)]
            except (DigestMismatchError, SizeMismatchError) as error:
                try:
                    await attempts.again(RegistryError(error.summary, transient=True))
                except RegistryError:
                    raise error from None

    async def _fetch(self, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
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
            if (
                position >= reached + _PROGRESS
            ):  # a slow network is no reason to give up on a large layer
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
        if answer.status in THROTTLED:
            self._transport.cool(self._site, answer)
        return refused(answer, "pull a blob from", self._place)

    async def _mount(self, digest: Digest) -> tuple[bool, str]:
        """Try to take a blob over; returns whether that worked, or else a session to upload to."""
        home = self._site.homes.get(digest, self._path)
        if home == self._path or (home, self._path) in self._site.closed_homes:
            return False, ""
        mount, source = quote(str(digest), safe=""), quote(home, safe="")
        try:
            answer = await self._uploads.post(
                f"?mount={mount}&from={source}", union([push(self._path), pull(home)])
            )
        except UnauthorizedError:
            self._site.closed_homes.add((home, self._path))
            return False, ""
        if answer.status == 201:
            return True, ""
        if answer.status == 202:
            return False, self._uploads.location(answer)
        if answer.status in {401, 403}:
            self._site.closed_homes.add((home, self._path))
        return False, ""

    def _note(self, digest: Digest) -> None:
        self._present.add(digest)
        self._site.homes.setdefault(digest, self._path)


def _fits(answer: Answer, descriptor: Descriptor) -> bool:
    length = answer.headers.get("content-length", "")
    return not length.isdigit() or int(length[:20]) == descriptor.size


def _first(download: Download) -> int:
    """Return where the range of a 206 answer starts; -1 if it does not say."""
    match = re.match(r"bytes (\d+)-", download.headers.get("content-range", ""))
    return int(match[1]) if match else -1
