"""The content service: OCI layouts that the daemon reads from and writes to (containerd's API).

Used for named contexts (``oci-layout://``), local caches and exports without a tar archive. The
daemon names the layout in the metadata of each call. Statuses: NOT_FOUND for an unknown layout,
blob or operation, ALREADY_EXISTS for a blob that is there, OUT_OF_RANGE for a write that is not at
the end, FAILED_PRECONDITION for a blob that is not what it should be.
"""

from __future__ import annotations

from contextlib import closing
from enum import IntEnum
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from bakex._pb import bk_pb2 as pb
from bakex.errors import ContentError, OutputError
from bakex.model.digest import Digest
from bakex.session.attachable import CallError, Status
from bakex.session.blobs import Blob, ContentStore, Ingest
from bakex.session.blocking import in_thread
from bakex.session.requests import next_request, only_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bakex.session.attachable import Call, Handler

__all__ = ["Content", "ContentStore"]

P = ParamSpec("P")
T = TypeVar("T")

_SERVICE = "/containerd.services.content.v1.Content"
_READ_SIZE = 1024 * 1024
_INFOS_PER_MESSAGE = 100


class _Action(IntEnum):
    STAT = 0
    WRITE = 1
    COMMIT = 2


class Content:
    """Offers layouts by the id that the daemon uses: ``oci:ID``, ``local:PATH`` or ``export``."""

    def __init__(self, stores: Mapping[str, ContentStore]) -> None:
        self._stores = dict(stores)

    def services(self) -> Mapping[str, Handler]:
        """Return the methods of the service."""
        return {
            f"{_SERVICE}/Info": self._info,
            f"{_SERVICE}/Read": self._read,
            f"{_SERVICE}/Write": self._write,
            f"{_SERVICE}/Status": self._status,
            f"{_SERVICE}/ListStatuses": self._list_statuses,
            f"{_SERVICE}/Abort": self._abort,
            f"{_SERVICE}/Update": self._update,
            f"{_SERVICE}/Delete": self._delete,
            f"{_SERVICE}/List": self._list,
        }

    def _store(self, call: Call) -> ContentStore:
        name = call.metadata.value("buildkit-attachable-store-id")
        store = self._stores.get(name)
        if store is None:
            raise CallError(Status.NOT_FOUND, f"unknown store id {name!r}")
        return store

    async def _info(self, call: Call) -> None:
        store = self._store(call)
        request = await only_request(call, pb.ContentInfoRequest)
        blob = await _found(store, request.digest)
        await call.send(pb.ContentInfoResponse(info=_info(blob)).SerializeToString())

    async def _update(self, call: Call) -> None:
        # Labels serve containerd's garbage collector; a layout has neither.
        store = self._store(call)
        request = await only_request(call, pb.ContentUpdateRequest)
        blob = await _found(store, request.info.digest)
        await call.send(pb.ContentUpdateResponse(info=_info(blob)).SerializeToString())

    async def _list(self, call: Call) -> None:
        store = self._store(call)
        await _without_filters(call)
        blobs = await _on_disk(store, lambda: list(store.blobs()))
        for start in range(0, len(blobs), _INFOS_PER_MESSAGE):
            # ListContentResponse is "1: repeated Info", which is what several of these add up to.
            await call.send(
                b"".join(
                    pb.ContentInfoResponse(info=_info(blob)).SerializeToString()
                    for blob in blobs[start : start + _INFOS_PER_MESSAGE]
                )
            )

    async def _delete(self, call: Call) -> None:
        store = self._store(call)
        request = await only_request(call, pb.ContentInfoRequest)
        blob = await _found(store, request.digest)
        if not await _on_disk(store, store.delete, blob.digest):
            raise CallError(Status.PERMISSION_DENIED, "only added blobs can be deleted")
        await call.send(pb.Empty().SerializeToString())

    async def _read(self, call: Call) -> None:
        store = self._store(call)
        request = await only_request(call, pb.ContentReadRequest)
        blob = await _found(store, request.digest)
        if not 0 <= request.offset <= blob.size:
            raise CallError(Status.OUT_OF_RANGE, f"the blob has {blob.size} bytes")
        left, sent = request.size if request.size > 0 else blob.size, 0
        with closing(store.reader(blob.digest, request.offset)) as reader:
            while data := await _on_disk(store, reader.read, min(_READ_SIZE, left - sent)):
                # The offset counts from where this read began.
                await call.send(pb.ContentReadResponse(offset=sent, data=data).SerializeToString())
                sent += len(data)

    async def _status(self, call: Call) -> None:
        store = self._store(call)
        request = await only_request(call, pb.ContentStatusRequest)
        for ingest in store.ingests:
            if ingest.ref == request.ref:
                answer = pb.ContentStatusResponse(status=_progress(ingest))
                await call.send(answer.SerializeToString())
                return
        raise CallError(Status.NOT_FOUND, f"nothing is being written as {request.ref!r}")

    async def _list_statuses(self, call: Call) -> None:
        store = self._store(call)
        await _without_filters(call)
        statuses = [_progress(ingest) for ingest in store.ingests]
        await call.send(pb.ContentListStatusesResponse(statuses=statuses).SerializeToString())

    async def _abort(self, call: Call) -> None:
        # An operation does not outlive its call, so there is nothing left to remove.
        self._store(call)
        await only_request(call, pb.ContentAbortRequest)
        await call.send(pb.Empty().SerializeToString())

    async def _write(self, call: Call) -> None:
        store = self._store(call)
        if not store.writable:
            raise CallError(Status.PERMISSION_DENIED, "the store is read-only")
        request = await next_request(call, pb.ContentWriteRequest)
        if request is None:
            return
        if not request.ref:
            raise CallError(Status.INVALID_ARGUMENT, "the first message must have a ref")
        expected = _digest(request.expected) if request.expected else None
        algorithm = expected.algorithm if expected else "sha256"
        ingest = store.ingest(request.ref, algorithm)
        try:
            while request is not None:
                await _on_disk(store, _apply, store, ingest, request)
                await call.send(_written(request.action, ingest))
                if request.action == _Action.COMMIT:
                    return
                request = await next_request(call, pb.ContentWriteRequest)
        finally:
            await in_thread(ingest.close)


def _apply(store: ContentStore, ingest: Ingest, request: pb.ContentWriteRequest) -> None:
    """Do what one message of a write says (containerd, contentserver.go). Blocks."""
    if request.ref and request.ref != ingest.ref:
        raise CallError(Status.INVALID_ARGUMENT, "the ref may not change")
    ingest.total = request.total or ingest.total
    if request.expected:
        _expect(store, ingest, _digest(request.expected))
    if request.action == _Action.STAT:
        return
    if request.action not in {_Action.WRITE, _Action.COMMIT}:
        raise CallError(Status.INVALID_ARGUMENT, f"unknown action {request.action}")
    if request.offset == 0 and ingest.size and request.action == _Action.WRITE:
        ingest.restart()
    elif request.offset not in {0, ingest.size}:
        raise CallError(
            Status.OUT_OF_RANGE, f"write at {request.offset}, expected at {ingest.size}"
        )
    if request.data:
        ingest.write(request.data)
    if request.action == _Action.COMMIT:
        ingest.commit()


def _expect(store: ContentStore, ingest: Ingest, expected: Digest) -> None:
    if ingest.expected not in {None, expected} or expected.algorithm != ingest.digest.algorithm:
        raise CallError(Status.INVALID_ARGUMENT, "the expected digest may not change")
    ingest.expected = expected
    blob = store.find(expected)
    # A blob of another size is a damaged one: it is written again.
    if blob is not None and ingest.total in {0, blob.size}:
        raise CallError(Status.ALREADY_EXISTS, f"content {expected}: already exists")


async def _found(store: ContentStore, text: str) -> Blob:
    digest = _digest(text)
    blob = await _on_disk(store, store.find, digest)
    if blob is None:
        raise _missing(text)
    return blob


async def _without_filters(call: Call) -> None:
    request = await only_request(call, pb.ContentListStatusesRequest)
    if request.filters:
        raise CallError(Status.UNIMPLEMENTED, "filters are not supported")


def _missing(digest: str) -> CallError:
    return CallError(Status.NOT_FOUND, f"content {digest}: not found")


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except ContentError as error:
        raise CallError(Status.INVALID_ARGUMENT, str(error)) from None


async def _on_disk(
    store: ContentStore, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run something that uses the layout in a thread, and translate what it fails with."""
    try:
        return await in_thread(function, *args, **kwargs)
    except ContentError as error:
        raise CallError(Status.FAILED_PRECONDITION, error.summary) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        failure = OutputError(f"cannot use the OCI layout {str(store.layout)!r}: {reason}")
        raise CallError(Status.INTERNAL, failure.summary) from failure


def _time(nanoseconds: int) -> Timestamp:
    time = Timestamp()
    time.FromNanoseconds(nanoseconds)
    return time


def _info(blob: Blob) -> pb.ContentInfo:
    time = _time(blob.modified_ns)
    return pb.ContentInfo(digest=str(blob.digest), size=blob.size, created_at=time, updated_at=time)


def _progress(ingest: Ingest) -> pb.ContentStatus:
    return pb.ContentStatus(
        started_at=_time(ingest.started_ns),
        updated_at=_time(ingest.updated_ns),
        ref=ingest.ref,
        offset=ingest.size,
        total=ingest.total,
        expected=str(ingest.expected or ""),
    )


def _written(action: int, ingest: Ingest) -> bytes:
    return pb.ContentWriteResponse(
        action=action,
        started_at=_time(ingest.started_ns),
        updated_at=_time(ingest.updated_ns),
        offset=ingest.size,
        total=ingest.total,
        digest=str(ingest.digest),
    ).SerializeToString()
