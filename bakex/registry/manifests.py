"""Manifests, indexes and tags of a repository (OCI distribution-spec v1.1).

* Bytes go out as they are; what comes back must have the digest that was asked for.
* A registry may need a moment to see what it has just taken: missing parts of a manifest, a
  manifest or a tag that is not there yet are waited for, but not for long.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from bakex.errors import (
    ContentError,
    ContentNotFoundError,
    DigestMismatchError,
    MediaTypeError,
    MissingPartsError,
    RegistryError,
)
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest, is_digest
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
from bakex.registry.request import Request
from bakex.registry.tokens import pull, push

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bakex.registry.errors import Answer
    from bakex.registry.site import Site
    from bakex.registry.tokens import Scope
    from bakex.registry.transport import Transport

# Without all of them in one header, docker-registry answers 404 for an OCI index.
_ACCEPT = f"{OCI_INDEX}, {DOCKER_LIST}, {OCI_MANIFEST}, {DOCKER_MANIFEST}, */*;q=0.1"
_REMEMBERED = 256  # documents of one repository, 4 MiB at most, a few KiB as a rule
_LACKING = frozenset({"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"})


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
        yield await self._read(descriptor.digest)

    async def _read(self, digest: Digest) -> bytes:
        known = self._known.get(digest)
        if known is not None:
            return known
        attempts = self._transport.attempts()
        waits = iter(self._transport.policy.settle_s)
        while True:
            answer = await self.get(str(digest))
            if answer.status == 404:
                if (wait_s := next(waits, None)) is None:
                    raise ContentNotFoundError(f"{digest} is not in {self._place}")
                await self._transport.clock.sleep(wait_s)
                continue
            if answer.status != 200:
                raise refused(answer, "pull from", f"{self._place}@{digest}")
            if Digest.of(answer.body, digest.algorithm) == digest:
                self._remember(digest, answer.body)
                self._note_parts(answer.body)
                return answer.body
            try:  # It may have been damaged on its way, or be the page of a proxy.
                await attempts.again(RegistryError("damaged", transient=True))
            except RegistryError:
                raise DigestMismatchError(f"{self._place} has something else as {digest}") from None

    def _note_parts(self, raw: bytes) -> None:
        """Take note of what can be mounted from here."""
        with contextlib.suppress(ContentError):
            for child in parse_document(raw).children:
                self._site.homes.setdefault(child.digest, self._path)

    async def exists(self, descriptor: Descriptor) -> bool:
        """Return whether a document is there, with the right size."""
        name = str(descriptor.digest)
        answer = await self.head(name, wants=push(self._path))
        if descriptor.digest in self._known:
            for wait_s in self._transport.policy.settle_s:
                if answer.status != 404:
                    break
                await self._transport.clock.sleep(wait_s)
                answer = await self.head(name, wants=push(self._path))
        if answer.status == 404:
            self._known.pop(descriptor.digest, None)
            return False
        if answer.status != 200:
            raise refused(answer, "look for a manifest in", self._place)
        length = answer.headers.get("content-length", "")
        return not length.isdigit() or int(length[:20]) == descriptor.size

    async def push(self, descriptor: Descriptor, raw: bytes) -> bool:
        """Store a document by its digest; its children must be there.

        Returns:
            Whether the registry has taken note of the document's subject, if it has one.
        """
        if descriptor.digest in self._known:
            return True
        if len(raw) > MAX_MANIFEST_SIZE:
            raise ContentError(f"{descriptor.digest} is larger than registries take")
        place = f"{self._place}@{descriptor.digest}"
        answer = await self.put(descriptor.media_type, raw, str(descriptor.digest))
        for wait_s in self._transport.policy.settle_s:
            if not lacks_parts(answer):
                break
            await self._transport.clock.sleep(wait_s)
            answer = await self.put(descriptor.media_type, raw, str(descriptor.digest))
        if lacks_parts(answer):
            failure = refused(answer, "push to", place)
            raise MissingPartsError(
                failure.summary, status=answer.status, codes=answer.codes, detail=failure.detail
            )
        if not took(answer, descriptor, place):
            await self._check_kept(descriptor, place)
        self._remember(descriptor.digest, raw)
        return "oci-subject" in answer.headers

    async def _check_kept(self, descriptor: Descriptor, place: str) -> None:
        """Make sure that a document is there as it was sent, whatever the answer's header says."""
        try:
            await self._read(descriptor.digest)
        except ContentError as error:
            raise MediaTypeError(
                f"the registry changed what was pushed to {place}", detail=error.summary
            ) from None

    def forget(self, digest: Digest) -> None:
        """Take it for unknown whether a document is there."""
        self._known.pop(digest, None)

    def _remember(self, digest: Digest, raw: bytes) -> None:
        if len(self._known) < _REMEMBERED:
            self._known[digest] = raw

    async def resolve(self, name: str) -> Descriptor:
        """Return what a tag or digest stands for. See `Repository.resolve`."""
        answer = await self.head(name)
        if answer.status != 200:
            raise refused(answer, "find", self.named(name))
        headers = answer.headers
        kind = headers.get("content-type", "").partition(";")[0].strip()
        digest, length = headers.get("docker-content-digest", ""), headers.get("content-length", "")
        if ":" in name:
            digest = name
        if is_digest(digest) and length.isdigit() and is_document(kind):
            return Descriptor(media_type=kind, digest=Digest.parse(digest), size=int(length[:20]))
        return await self.resolve_by_content(name)

    async def resolve_by_content(self, name: str) -> Descriptor:
        """Return what a tag or digest stands for, by reading it."""
        answer = await self.get(name)
        if answer.status != 200:
            raise refused(answer, "find", self.named(name))
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        document = parse_document(answer.body, kind if is_document(kind) else "")
        found = document.descriptor
        if ":" not in name:
            return found
        wanted = Descriptor(media_type=found.media_type, digest=Digest.parse(name), size=found.size)
        async for _ in check(once(answer.body), wanted):
            pass
        return wanted

    def named(self, name: str) -> str:
        """Return a tag or digest with its repository, for messages."""
        return f"{self._place}{'@' if ':' in name else ':'}{name}"

    async def head(self, name: str, *, wants: Scope | None = None) -> Answer:
        """Ask about a tag or digest; `wants` is what to get a token for if there is none yet."""
        return await self._ask("HEAD", name, wants)

    async def get(self, name: str) -> Answer:
        """Ask for a tag or digest."""
        return await self._ask("GET", name, None)

    async def _ask(self, method: str, name: str, wants: Scope | None) -> Answer:
        request = Request(
            method=method,
            target=f"/v2/{self._path}/manifests/{name}",
            action="pull from",
            place=self.named(name),
            scopes=frozenset({pull(self._path)}),
            wants=frozenset() if wants is None else frozenset({wants}),
            headers={"Accept": _ACCEPT},
            limit=MAX_MANIFEST_SIZE,
        )
        return await self._transport.request(self._site, request)

    async def put(self, media_type: str, raw: bytes, name: str) -> Answer:
        """Send a document under a tag or digest; `name` may have a query."""
        request = Request(
            method="PUT",
            target=f"/v2/{self._path}/manifests/{name}",
            action="push to",
            place=self.named(name),
            scopes=frozenset({push(self._path)}),
            headers={"Content-Type": media_type},
            body=partial(once, raw),
            length=len(raw),
        )
        return await self._transport.request(self._site, request)


def lacks_parts(answer: Answer) -> bool:
    """Return whether a registry refused a document because it lacks what that refers to."""
    return not _LACKING.isdisjoint(answer.codes) and answer.status in {400, 404}


def took(answer: Answer, descriptor: Descriptor, place: str) -> bool:
    """Return whether the answer to a push names the digest of what was pushed, or none.

    Raises:
        RegistryError: It was refused.
    """
    if answer.status not in {201, 202}:
        raise refused(answer, "push to", place)
    stored = answer.headers.get("docker-content-digest", "")
    same_kind = stored.partition(":")[0] == descriptor.digest.algorithm
    return not same_kind or stored == str(descriptor.digest)
