from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bakex._pb import bk_pb2 as pb
from bakex.errors import DigestMismatchError, OutputError
from bakex.model.digest import Digest
from bakex.session.attachable import CallError, Status
from bakex.session.content import Content, ContentStore
from bakex.testing.calls import MemoryCall, exchange, serve, unary

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.message import Message

SERVICE = "/containerd.services.content.v1.Content"
STORE = ("buildkit-attachable-store-id", "export")
STAT, WRITE, COMMIT = range(3)
HELLO = Digest.of(b"hello")


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    return ContentStore(tmp_path, writable=True)


def put(store: ContentStore, data: bytes) -> str:
    digest = Digest.of(data)
    store.path(digest).parent.mkdir(parents=True, exist_ok=True)
    store.path(digest).write_bytes(data)
    return str(digest)


async def call(store: ContentStore, method: str, request: Message) -> bytes:
    handler = Content({"export": store}).services()[f"{SERVICE}/{method}"]
    return await unary(handler, request.SerializeToString(), STORE)


async def refusal(store: ContentStore, method: str, request: Message) -> CallError:
    handler = Content({"export": store}).services()[f"{SERVICE}/{method}"]
    with pytest.raises(CallError) as caught:
        await exchange(handler, [request.SerializeToString()], STORE)
    return caught.value


async def read(store: ContentStore, digest: str, offset: int = 0, size: int = 0) -> list[bytes]:
    handler = Content({"export": store}).services()[f"{SERVICE}/Read"]
    request = pb.ContentReadRequest(digest=digest, offset=offset, size=size)
    answers = [
        pb.ContentReadResponse.FromString(message)
        for message in await exchange(handler, [request.SerializeToString()], STORE)
    ]
    # Offsets count from where the read began.
    at = 0
    for answer in answers:
        assert answer.offset == at
        at += len(answer.data)
    return [answer.data for answer in answers]


class Writer:
    """One Write call, in lock-step."""

    def __init__(self, store: ContentStore) -> None:
        self.service, self.daemon = MemoryCall.pair(STORE)
        handler = Content({"export": store}).services()[f"{SERVICE}/Write"]
        self.serving = asyncio.ensure_future(serve(handler, self.service))

    async def say(self, action: int, **fields: object) -> pb.ContentWriteResponse:
        request = pb.ContentWriteRequest(action=action, **fields)  # type: ignore[arg-type]
        await self.daemon.send(request.SerializeToString())
        async with asyncio.timeout(10):
            message = await self.daemon.receive()
        assert message is not None
        answer = pb.ContentWriteResponse.FromString(message)
        assert answer.action == action
        return answer

    async def refused(self, action: int, **fields: object) -> CallError:
        with pytest.raises(CallError) as caught:
            await self.say(action, **fields)
        with pytest.raises(CallError):
            await self.serving
        return caught.value


async def test_info(store: ContentStore) -> None:
    digest = put(store, b"hello")
    answer = await call(store, "Info", pb.ContentInfoRequest(digest=digest))
    info = pb.ContentInfoResponse.FromString(answer).info
    assert (info.digest, info.size) == (digest, 5)
    assert info.created_at.ToNanoseconds() == store.path(HELLO).stat().st_mtime_ns
    update = pb.ContentUpdateRequest(info=pb.ContentInfo(digest=digest, labels={"a": "b"}))
    answer = await call(store, "Update", update)
    assert pb.ContentUpdateResponse.FromString(answer).info == info


@pytest.mark.parametrize("method", ["Info", "Read", "Delete"])
async def test_blobs_that_are_not_there(store: ContentStore, method: str) -> None:
    missing = pb.ContentInfoRequest(digest=str(HELLO))
    assert (await refusal(store, method, missing)).status is Status.NOT_FOUND
    for text in ("", "sha256:../../x", "md5:0"):
        error = await refusal(store, method, pb.ContentInfoRequest(digest=text))
        assert error.status is Status.INVALID_ARGUMENT


async def test_unknown_stores(store: ContentStore) -> None:
    for method, handler in Content({"export": store}).services().items():
        with pytest.raises(CallError, match="'other'") as caught:
            await exchange(handler, [b""], ("buildkit-attachable-store-id", "other"))
        assert caught.value.status is Status.NOT_FOUND, method


async def test_reading(store: ContentStore) -> None:
    digest = put(store, b"hello")
    assert await read(store, digest) == [b"hello"]
    assert await read(store, digest, 1, 3) == [b"ell"]
    assert await read(store, digest, 3, 100) == [b"lo"]
    assert await read(store, digest, 5) == []
    for offset in (6, -1):
        request = pb.ContentReadRequest(digest=digest, offset=offset)
        assert (await refusal(store, "Read", request)).status is Status.OUT_OF_RANGE
    large = put(store, bytes(range(256)) * 10_000)
    pieces = await read(store, large, 7)
    assert max(map(len, pieces)) == 1024 * 1024
    assert b"".join(pieces) == (bytes(range(256)) * 10_000)[7:]


async def test_writing(store: ContentStore, tmp_path: Path) -> None:
    writer = Writer(store)
    answer = await writer.say(STAT, ref="layer", total=5, expected=str(HELLO))
    assert (answer.offset, answer.total) == (0, 5)
    answer = await writer.say(WRITE, data=b"hel")
    assert (answer.offset, answer.digest) == (3, str(Digest.of(b"hel")))
    assert answer.updated_at.ToNanoseconds() >= answer.started_at.ToNanoseconds() > 0
    status = pb.ContentStatusResponse.FromString(
        await call(store, "Status", pb.ContentStatusRequest(ref="layer"))
    ).status
    assert (status.ref, status.offset, status.total) == ("layer", 3, 5)
    assert status.expected == str(HELLO)
    statuses = pb.ContentListStatusesResponse.FromString(
        await call(store, "ListStatuses", pb.ContentListStatusesRequest())
    ).statuses
    assert list(statuses) == [status]
    await writer.say(WRITE, ref="layer", offset=3, data=b"lo")
    answer = await writer.say(COMMIT, offset=5, total=5, expected=str(HELLO))
    assert (answer.offset, answer.digest) == (5, str(HELLO))
    await writer.serving
    assert await read(store, str(HELLO)) == [b"hello"]
    assert names(tmp_path) == ["blobs"]
    assert (await refusal(store, "Status", pb.ContentStatusRequest(ref="layer"))).status is (
        Status.NOT_FOUND
    )


async def test_a_write_in_one_message_and_without_announcements(store: ContentStore) -> None:
    writer = Writer(store)
    assert (await writer.say(COMMIT, ref="r", data=b"hello")).digest == str(HELLO)
    await writer.serving
    assert store.find(HELLO)


async def test_a_write_may_begin_again(store: ContentStore) -> None:
    writer = Writer(store)
    await writer.say(WRITE, ref="r", data=b"wrong")
    assert (await writer.say(WRITE, offset=0, data=b"hello")).offset == 5
    # A commit without a position does not begin again.
    await writer.say(COMMIT, expected=str(HELLO))
    await writer.serving


async def test_sha512(store: ContentStore) -> None:
    expected = "sha512:" + "0" * 128
    error = await Writer(store).refused(COMMIT, ref="r", expected=expected, data=b"x")
    assert error.status is Status.FAILED_PRECONDITION
    assert isinstance(error.__cause__, DigestMismatchError)


async def test_what_is_there_is_not_written_again(store: ContentStore) -> None:
    put(store, b"hello")
    for fields in ({"total": 5}, {}):
        error = await Writer(store).refused(STAT, ref="r", expected=str(HELLO), **fields)
        assert error.status is Status.ALREADY_EXISTS
    writer = Writer(store)
    await writer.say(WRITE, ref="r", data=b"hello")
    error = await writer.refused(COMMIT, offset=5, expected=str(HELLO))
    assert error.status is Status.ALREADY_EXISTS


async def test_a_damaged_blob_is_written_again(store: ContentStore) -> None:
    put(store, b"hello")
    store.path(HELLO).write_bytes(b"hel")
    writer = Writer(store)
    await writer.say(COMMIT, ref="r", total=5, expected=str(HELLO), data=b"hello")
    await writer.serving
    assert store.path(HELLO).read_bytes() == b"hello"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"offset": 2}, Status.OUT_OF_RANGE),
        ({"offset": 9}, Status.OUT_OF_RANGE),
        ({"action": COMMIT, "offset": 3, "total": 4}, Status.FAILED_PRECONDITION),
        ({"action": COMMIT, "offset": 3, "expected": str(HELLO)}, Status.FAILED_PRECONDITION),
        ({"ref": "other"}, Status.INVALID_ARGUMENT),
        ({"expected": "sha512:" + "0" * 128}, Status.INVALID_ARGUMENT),
        ({"expected": "nonsense"}, Status.INVALID_ARGUMENT),
        ({"action": 7}, Status.INVALID_ARGUMENT),
    ],
)
async def test_wrong_writes(
    store: ContentStore, tmp_path: Path, fields: dict[str, object], status: Status
) -> None:
    writer = Writer(store)
    await writer.say(WRITE, ref="r", data=b"hel")
    error = await writer.refused(**{"action": WRITE, **fields})  # type: ignore[arg-type]
    assert error.status is status
    assert names(tmp_path) == []


async def test_the_expected_digest_may_not_change(store: ContentStore) -> None:
    writer = Writer(store)
    await writer.say(STAT, ref="r", expected=str(HELLO))
    error = await writer.refused(WRITE, expected=str(Digest.of(b"other")))
    assert error.status is Status.INVALID_ARGUMENT


async def test_a_write_needs_a_name(store: ContentStore) -> None:
    assert (await Writer(store).refused(STAT)).status is Status.INVALID_ARGUMENT


async def test_abandoned_writes_leave_nothing(store: ContentStore, tmp_path: Path) -> None:
    handler = Content({"export": store}).services()[f"{SERVICE}/Write"]
    assert await exchange(handler, [], STORE) == []
    for ending in ("end", "lost", "cancelled"):
        writer = Writer(store)
        await writer.say(WRITE, ref="r", data=b"hel")
        assert [name.startswith(".ingest-") for name in names(tmp_path)] == [True]
        if ending == "end":
            await writer.daemon.end()
            await writer.serving
        elif ending == "lost":
            await writer.daemon.abort(ConnectionResetError("gone"))
            with pytest.raises(ConnectionResetError):
                await writer.serving
        else:
            writer.serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writer.serving
        assert names(tmp_path) == []
        assert store.ingests == []
    assert await call(store, "Abort", pb.ContentAbortRequest(ref="r")) == b""


async def test_several_sessions_write_the_same_blob(tmp_path: Path) -> None:
    data = b"x" * 100_000
    writers = [Writer(ContentStore(tmp_path, writable=True)) for _ in range(5)]
    for writer in writers:
        await writer.say(WRITE, ref="same", data=data)
    for writer in writers:
        await writer.say(COMMIT, offset=len(data), total=len(data))
        await writer.serving
    assert ContentStore(tmp_path).path(Digest.of(data)).read_bytes() == data
    assert names(tmp_path) == ["blobs"]


async def test_a_read_only_store(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    digest = put(store, b"hello")
    error = await Writer(store).refused(STAT, ref="r")
    assert error.status is Status.PERMISSION_DENIED
    error = await refusal(store, "Delete", pb.ContentInfoRequest(digest=digest))
    assert error.status is Status.PERMISSION_DENIED


async def test_deleting_what_was_added(store: ContentStore) -> None:
    writer = Writer(store)
    await writer.say(COMMIT, ref="r", data=b"hello")
    await writer.serving
    assert await call(store, "Delete", pb.ContentInfoRequest(digest=str(HELLO))) == b""
    assert store.find(HELLO) is None


async def test_listing(store: ContentStore) -> None:
    handler = Content({"export": store}).services()[f"{SERVICE}/List"]
    assert await exchange(handler, [b""], STORE) == []
    digests = sorted(put(store, b"%d" % n) for n in range(150))
    found: list[str] = []
    for message in await exchange(handler, [b""], STORE):
        at = 0
        while at < len(message):
            # Each entry is field 1 with a length below 128.
            end = at + 2 + message[at + 1]
            found.append(pb.ContentInfoResponse.FromString(message[at:end]).info.digest)
            at = end
    assert found == digests
    for method in ("List", "ListStatuses"):
        error = await refusal(store, method, pb.ContentListStatusesRequest(filters=["size>1"]))
        assert error.status is Status.UNIMPLEMENTED


async def test_a_layout_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "layout").touch()
    store = ContentStore(tmp_path / "layout", writable=True)
    error = await Writer(store).refused(WRITE, ref="r", data=b"x")
    assert error.status is Status.INTERNAL
    assert isinstance(error.__cause__, OutputError)
    assert "file exists" in error.message
