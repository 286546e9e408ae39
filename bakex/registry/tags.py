"""Tags of a repository: moving them, one or several at a time, and removing them.

Source: OCI distribution-spec v1.1, "Pushing Manifests" and "Deleting tags"; several tags in one
request as in its proposal for ``?tag=``. A tag that was moved is read back: a registry may take a
moment to see what it has just taken. What immutable tags look like: spec/registry 2.10.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, cast

from bakex._util.tasks import concurrently
from bakex.errors import DeniedError, NameUnknownError, RegistryError, UnauthorizedError
from bakex.oci.verified import check
from bakex.registry.errors import refused
from bakex.registry.listing import pages
from bakex.registry.manifests import lacks_parts, took
from bakex.registry.request import Request
from bakex.registry.tokens import delete

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.registry.errors import Answer
    from bakex.registry.manifests import Manifests
    from bakex.registry.site import Site
    from bakex.registry.transport import Transport

_NO_DELETE = frozenset({400, 401, 403, 405, 501})  # docker-registry 2: 400, "digest invalid"
_IMMUTABLE = frozenset({400, 403, 405, 409, 412})  # spec/registry 2.10: ECR, Harbor, Hub, others
_GONE = frozenset({200, 202, 204, 404})
_NEVER = frozenset({405, 501})
_AT_ONCE = 16
_PAGE = 1000


class Tags:
    """The tags of one repository."""

    def __init__(self, transport: Transport, site: Site, path: str, manifests: Manifests) -> None:
        self._transport = transport
        self._site = site
        self._path = path
        self._place = f"{site.host}/{path}"
        self._manifests = manifests

    async def tag(self, descriptor: Descriptor, name: str) -> None:
        """Point a tag at a document, and make sure that it does. See `Repository.tag`."""
        await self.put(descriptor, name)
        await self._await_tag(descriptor, name)

    async def put(self, descriptor: Descriptor, name: str) -> None:
        """Point a tag at a document; somebody else may do something else at the same time."""
        raw = b"".join(
            [chunk async for chunk in check(self._manifests.fetch(descriptor), descriptor)]
        )
        place = self._manifests.named(name)
        answer = await self._put_tag(descriptor, raw, name)
        for wait_s in self._transport.policy.settle_s:
            if answer is None or not lacks_parts(answer):
                break
            await self._transport.clock.sleep(wait_s)
            answer = await self._put_tag(descriptor, raw, name)
        if answer is not None and answer.status in _IMMUTABLE:
            found = await self.digest_of(name)
            if found == str(descriptor.digest):
                return  # An earlier attempt did it, and its answer was lost.
            if found:
                raise DeniedError(
                    f"cannot move the tag {place}: it exists,"
                    " and the registry refused to change it",
                    status=answer.status,
                    codes=answer.codes,
                    detail=answer.message,
                    hint="choose another tag, or allow the registry to overwrite this one",
                )
        if answer is not None:
            took(answer, descriptor, place)

    async def _put_tag(self, descriptor: Descriptor, raw: bytes, name: str) -> Answer | None:
        """Send a document under a tag; None if there was no answer but it had its effect."""
        try:
            return await self._manifests.put(descriptor.media_type, raw, name)
        except RegistryError as error:
            if error.status or not error.transient:
                raise
            with contextlib.suppress(RegistryError):
                if await self.digest_of(name) == str(descriptor.digest):
                    return None
            raise

    async def _await_tag(self, descriptor: Descriptor, name: str) -> None:
        for wait_s in (*self._transport.policy.settle_s, None):
            if await self.digest_of(name) == str(descriptor.digest):
                return
            if wait_s is not None:
                await self._transport.clock.sleep(wait_s)
        raise RegistryError(
            f"cannot move the tag {self._manifests.named(name)}:"
            " the registry took it but it stands for something else"
        )

    async def tag_all(self, descriptor: Descriptor, names: Sequence[str]) -> None:
        """Point several tags at a document. See `Repository.tag_all`."""
        left = list(names)
        if len(left) > 1 and self._site.takes_tag_lists is not False:
            done = await self._put_list(descriptor, left)
            self._site.takes_tag_lists = bool(done)
            left = [name for name in left if name not in done]
            for name in done:
                await self._await_tag(descriptor, name)
        for name in left:
            await self.tag(descriptor, name)

    async def _put_list(self, descriptor: Descriptor, names: Sequence[str]) -> list[str]:
        """Ask for several tags at once; returns those that the registry says to have set.

        Registries that do not know this ignore it, or refuse it.
        """
        raw = b"".join(
            [chunk async for chunk in check(self._manifests.fetch(descriptor), descriptor)]
        )
        query = "&".join(f"tag={name}" for name in names)
        answer = await self._manifests.put(
            descriptor.media_type, raw, f"{descriptor.digest}?{query}"
        )
        if answer.status not in {201, 202}:
            return []
        said = ",".join(answer.headers.get_list("oci-tag")).split(",")
        return [name for name in names if name in {tag.strip() for tag in said}]

    async def untag(self, name: str) -> bool:
        """Remove a tag, and nothing but the tag. See `Repository.untag`."""
        try:
            answer = await self._remove(name)
        except (UnauthorizedError, DeniedError):
            return False
        if answer.status in _GONE:
            return True
        if answer.status in _NO_DELETE:
            return False
        raise refused(answer, "remove", self._manifests.named(name))

    async def delete(self, digest: Digest, *, along: Collection[str] = ()) -> None:
        """Remove a manifest. See `Repository.delete`."""
        others = [tag for tag in await self.of(digest) if tag not in along]
        if others:
            raise DeniedError(
                f"{self._place}@{digest} is still tagged {', '.join(others[:5])}",
                detail="Removing it would remove all of its tags.",
                hint="remove only the tag, or name all of its tags",
            )
        await self.drop(digest)

    async def drop(self, digest: Digest) -> None:
        """Remove a manifest with whatever tags it has. See `Repository.drop`."""
        answer = await self._remove(str(digest))
        if answer.status not in _GONE:
            failure = refused(answer, "remove", self._manifests.named(str(digest)))
            if answer.status in _NEVER:
                failure.hint = "let the registry delete; docker-registry: storage.delete.enabled"
            raise failure
        self._manifests.forget(digest)

    async def of(self, digest: Digest) -> tuple[str, ...]:
        """Return the tags that stand for a manifest."""
        names = await self.all()
        digests = await concurrently(
            [partial(self.digest_of, name) for name in names], limit=_AT_ONCE
        )
        pairs = zip(names, digests, strict=True)
        return tuple(name for name, found in pairs if found == str(digest))

    async def all(self) -> tuple[str, ...]:
        """Return all tags, in the registry's order. See `Repository.tags`."""
        found: dict[str, None] = {}
        try:
            async for _, page in pages(
                self._transport, self._site, self._path, f"tags/list?n={_PAGE}"
            ):
                listed: object = page.get("tags") or []
                if not isinstance(listed, list):
                    raise RegistryError(f"cannot list what is in {self._place}: no list of tags")
                found.update(dict.fromkeys(map(str, cast("list[object]", listed))))
        except NameUnknownError:
            return ()
        return tuple(found)

    async def _remove(self, name: str) -> Answer:
        request = Request(
            method="DELETE",
            target=f"/v2/{self._path}/manifests/{name}",
            action="remove",
            place=self._manifests.named(name),
            scopes=frozenset({delete(self._path)}),
        )
        return await self._transport.request(self._site, request)

    async def digest_of(self, name: str) -> str:
        """Return the digest that a tag stands for; empty if there is no such tag."""
        answer = await self._manifests.head(name)
        if answer.status == 404:
            return ""
        if answer.status != 200:
            raise refused(answer, "find", self._manifests.named(name))
        digest: str = answer.headers.get("docker-content-digest", "")
        return digest or str((await self._manifests.resolve_by_content(name)).digest)
