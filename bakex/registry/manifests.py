"""Manifests, indexes and tags of a repository (OCI distribution-spec v1.1).

* Bytes go out as they are; what comes back must have the digest that was asked for.
* A registry may need a moment to see what it has just taken: missing parts of a manifest, a
  manifest or a tag that is not there yet are waited for, but not for long.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bakex.errors import (
    ContentError,
    ContentNotFoundError,
    DeniedError,
    MediaTypeError,
    RegistryError,
)
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MAX_MANIFEST_SIZE,
    OCI_INDEX,
    OCI_MANIFEST,
    is_document,
)
from bakex.oci.copy import once
from bakex.oci.verified import check, parse_document
from bakex.registry.errors import refused
from bakex.registry.tokens import pull, push
from bakex.registry.transport import Request

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bakex.registry.errors import Answer
    from bakex.registry.site import Site
    from bakex.registry.transport import Transport

# Without all of them in one header, docker-registry answers 404 for an OCI index.
_ACCEPT = f"{OCI_INDEX}, {DOCKER_LIST}, {OCI_MANIFEST}, {DOCKER_MANIFEST}, */*;q=0.1"
_REMEMBERED = 256  # documents of one repository, 4 MiB at most, a few KiB as a rule
_IMMUTABLE = frozenset({400, 403, 405, 409, 412})  # spec/registry 2.10: ECR, Harbor, Hub, others


class Manifests:
    """The documents and tags of one repository."""

    def __init__(self, transport: Transport, site: Site, path: str) -> None:
        self._transport = transport
        self._site = site
        self._path = path
        self._place = f"{site.host}/{path}"
        self._known: dict[Digest, bytes] = {}

    async def fetch(self, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
        """Yield a document. See `Repository.fetch`."""
        known = self._known.get(descriptor.digest)
        if known is not None:
            yield known
            return
        answer = await self._get(str(descriptor.digest))
        for wait_s in self._transport.policy.settle_s:
            if answer.status != 404:
                break
            await self._transport.clock.sleep(wait_s)
            answer = await self._get(str(descriptor.digest))
        if answer.status == 404:
            raise ContentNotFoundError(f"{descriptor.digest} is not in {self._place}")
        if answer.status != 200:
            raise refused(answer, "pull from", f"{self._place}@{descriptor.digest}")
        self._remember(answer.body)
        yield answer.body

    async def exists(self, descriptor: Descriptor) -> bool:
        """Return whether a document is there, with the right size."""
        known = self._known.get(descriptor.digest)
        if known is not None:
            return len(known) == descriptor.size
        answer = await self._head(str(descriptor.digest))
        if answer.status == 404:
            return False
        if answer.status != 200:
            raise refused(answer, "look for a manifest in", self._place)
        length = answer.headers.get("content-length", "")
        return not length.isdigit() or int(length) == descriptor.size

    async def push(self, descriptor: Descriptor, raw: bytes) -> None:
        """Store a document by its digest; its children must be there."""
        if descriptor.digest in self._known:
            return
        if len(raw) > MAX_MANIFEST_SIZE:
            raise ContentError(f"{descriptor.digest} is larger than registries take")
        answer = await self._put(descriptor.media_type, raw, str(descriptor.digest))
        for wait_s in self._transport.policy.settle_s:
            if "MANIFEST_BLOB_UNKNOWN" not in answer.codes:
                break
            await self._transport.clock.sleep(wait_s)
            answer = await self._put(descriptor.media_type, raw, str(descriptor.digest))
        self._check_stored(answer, descriptor, f"{self._place}@{descriptor.digest}")
        self._remember(raw)

    def _remember(self, raw: bytes) -> None:
        """Keep a document that is known to be there; its own digest is what it is found by."""
        if len(self._known) < _REMEMBERED:
            self._known[Digest.of(raw)] = raw

    async def resolve(self, name: str) -> Descriptor:
        """Return what a tag or digest stands for. See `Repository.resolve`."""
        answer = await self._head(name)
        if answer.status != 200:
            raise refused(answer, "find", self._named(name))
        headers = answer.headers
        kind = headers.get("content-type", "").partition(";")[0].strip()
        digest, length = headers.get("docker-content-digest", ""), headers.get("content-length", "")
        if ":" in name:
            digest = name
        if digest and length.isdigit() and is_document(kind):
            return Descriptor(media_type=kind, digest=Digest.parse(digest), size=int(length))
        return await self._resolve_by_content(name)

    async def tag(self, descriptor: Descriptor, name: str) -> None:
        """Point a tag at a document, and make sure that it does. See `Repository.tag`."""
        raw = b"".join([chunk async for chunk in check(self.fetch(descriptor), descriptor)])
        place = self._named(name)
        answer = await self._put(descriptor.media_type, raw, name)
        if answer.status in _IMMUTABLE and await self._is_other(name, descriptor):
            raise DeniedError(
                f"cannot move the tag {place}: it exists, and the registry refused to change it",
                status=answer.status,
                detail=answer.message,
                hint="choose another tag, or allow the registry to overwrite this one",
            )
        self._check_stored(answer, descriptor, place)
        for wait_s in (*self._transport.policy.settle_s, None):
            if not await self._is_other(name, descriptor, missing=True):
                return
            if wait_s is not None:
                await self._transport.clock.sleep(wait_s)
        raise RegistryError(
            f"cannot move the tag {place}: the registry took it but it stands for something else"
        )

    async def _is_other(self, name: str, descriptor: Descriptor, *, missing: bool = False) -> bool:
        """Return whether a tag stands for something else; `missing` is the result for no tag."""
        answer = await self._head(name)
        if answer.status == 404:
            return missing
        if answer.status != 200:
            raise refused(answer, "find", self._named(name))
        digest: str = answer.headers.get("docker-content-digest", "")
        if not digest:
            digest = str((await self._resolve_by_content(name)).digest)
        return digest != str(descriptor.digest)

    async def _resolve_by_content(self, name: str) -> Descriptor:
        answer = await self._get(name)
        if answer.status != 200:
            raise refused(answer, "find", self._named(name))
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        document = parse_document(answer.body, kind if is_document(kind) else "")
        found = document.descriptor
        if ":" not in name:
            return found
        wanted = Descriptor(media_type=found.media_type, digest=Digest.parse(name), size=found.size)
        async for _ in check(once(answer.body), wanted):
            pass
        return wanted

    def _check_stored(self, answer: Answer, descriptor: Descriptor, place: str) -> None:
        if answer.status not in {201, 202}:
            raise refused(answer, "push to", place)
        stored = answer.headers.get("docker-content-digest", "")
        same_kind = stored.partition(":")[0] == descriptor.digest.algorithm
        if same_kind and stored != str(descriptor.digest):
            raise MediaTypeError(
                f"the registry changed what was pushed to {place}",
                detail=f"It has {stored} instead of {descriptor.digest}.",
            )

    def _named(self, name: str) -> str:
        return f"{self._place}{'@' if ':' in name else ':'}{name}"

    async def _head(self, name: str) -> Answer:
        return await self._ask("HEAD", name)

    async def _get(self, name: str) -> Answer:
        return await self._ask("GET", name)

    async def _ask(self, method: str, name: str) -> Answer:
        request = Request(
            method=method,
            target=f"/v2/{self._path}/manifests/{name}",
            action="pull from",
            place=self._named(name),
            scopes=frozenset({pull(self._path)}),
            headers={"Accept": _ACCEPT},
            limit=MAX_MANIFEST_SIZE,
        )
        return await self._transport.request(self._site, request)

    async def _put(self, media_type: str, raw: bytes, name: str) -> Answer:
        request = Request(
            method="PUT",
            target=f"/v2/{self._path}/manifests/{name}",
            action="push to",
            place=self._named(name),
            scopes=frozenset({push(self._path)}),
            headers={"Content-Type": media_type},
            body=partial(once, raw),
            length=len(raw),
        )
        return await self._transport.request(self._site, request)
