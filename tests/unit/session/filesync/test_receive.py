from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakex.errors import OutputError
from bakex.session.filesync import packets
from bakex.session.filesync.packets import GoMode, Stat
from bakex.session.filesync.receive import Limits, Order, Received, Receiver, receive_tree
from bakex.testing.calls import MemoryCall

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def entry(path: bytes, size: int = 0, mode: int = 0o644, linkname: bytes = b"") -> bytes:
    return packets.encode_stat(Stat(path, mode, size=size, linkname=linkname))


def directory(path: bytes) -> bytes:
    return entry(path, mode=GoMode.DIR | 0o755)


def link(path: bytes, target: bytes) -> bytes:
    return entry(path, mode=GoMode.SYMLINK | 0o777, linkname=target)


REQUEST = packets.encode_request
DATA = packets.encode_data
END = packets.END_OF_LIST
FIN = packets.FIN


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def receiver(root: Path) -> Iterator[Receiver]:
    made = Receiver(root, Limits(requests=2, entries=20, metadata=2000, path=50), Received())
    made.open()
    yield made
    made.close()


def test_an_exchange(root: Path, receiver: Receiver) -> None:
    assert receiver.accept([directory(b"d"), entry(b"d/a", 3), entry(b"d/b")]) == [REQUEST(1)]
    assert (root / "d/b").read_bytes() == b""
    assert receiver.accept([entry(b"e", 1), END]) == [REQUEST(3)]
    assert receiver.accept([DATA(3, b"e"), DATA(1, b"12"), DATA(3, b"")]) == []
    assert receiver.accept([DATA(1, b"3"), DATA(1, b"")]) == [FIN]
    assert (root / "d/a").read_bytes() == b"123"
    assert receiver.accept([FIN, b"whatever comes after it"]) == []
    assert receiver.done
    receiver.check_end()
    assert receiver.received == Received(entries=4, files=3, size=4, complete=True)


def test_an_empty_tree(root: Path, receiver: Receiver) -> None:
    assert receiver.accept([END]) == [FIN]
    assert list(root.iterdir()) == []


def test_requests_are_bounded(receiver: Receiver) -> None:
    assert receiver.accept([entry(str(n).encode(), 1) for n in range(5)]) == [
        REQUEST(0),
        REQUEST(1),
    ]
    assert receiver.accept([DATA(0, b"x"), END]) == []
    assert receiver.accept([DATA(0, b""), DATA(1, b"x"), DATA(1, b"")]) == [REQUEST(2), REQUEST(3)]


PATHS = [b"a", b"/a", b"..", b".", b"", b"a/../b", b"../a", b"a//b", b"a/", b"./a", b"a/.", b"a\0b"]


@pytest.mark.parametrize("path", PATHS[1:])
def test_unclean_paths(path: bytes) -> None:
    order = Order()
    order.check(b"a", is_dir=True)
    with pytest.raises(OutputError):
        order.check(path, is_dir=False)


@pytest.mark.parametrize(
    "paths",
    [
        [b"b", b"a"],
        [b"a", b"a"],
        [b"a/b"],
        [b"d/", b"x"],
        [b"D", b"d/x", b"D/x"],
        [b"D", b"D/E", b"D/F", b"D/E/x"],
        [b"f", b"f/x"],
    ],
)
def test_paths_out_of_order(paths: list[bytes]) -> None:
    order = Order()

    def check() -> None:
        for path in paths:
            order.check(path, is_dir=path.rpartition(b"/")[2].isupper())

    with pytest.raises(OutputError):
        check()


@given(st.lists(st.lists(st.binary(min_size=1, max_size=2), min_size=1, max_size=3), max_size=12))
def test_order_is_that_of_components(parts: list[list[bytes]]) -> None:
    clean = [p for p in parts if all(not set(c) & {0, 47} and c not in {b".", b".."} for c in p)]
    wanted = {tuple(p[: n + 1]) for p in clean for n in range(len(p))}
    order = Order()
    for path in sorted(wanted):
        order.check(b"/".join(path), is_dir=True)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([entry(b"../x")], "'../x'"),
        ([entry(b"/etc/passwd")], "'/etc/passwd'"),
        ([link(b"l", b"/etc"), entry(b"l/passwd")], "out of order"),
        ([entry(b"h", linkname=b"/etc/passwd")], "a link to something"),
        ([entry(b"h", linkname=b"../../etc/passwd")], "a link to something"),
        ([entry(b"h", linkname=b"i"), entry(b"i")], "a link to something"),
        ([link(b"g", b"/etc/passwd"), entry(b"h", linkname=b"g")], "a link to something"),
        ([directory(b"g"), entry(b"h", linkname=b"g")], "a link to something"),
        ([entry(b"s", mode=GoMode.SOCKET)], "unknown kind"),
        ([entry(b"s", mode=GoMode.IRREGULAR)], "unknown kind"),
        ([entry(b"s", mode=GoMode.CHAR_DEVICE)], "unknown kind"),
        ([link(b"l", b"a\0b")], "unknown kind"),
        ([packets.encode_stat(Stat(b"n", 0, size=(1 << 64) - 5))], "invalid path"),
        ([entry(b"x" * 51)], "invalid path"),
        ([entry(b"%02d" % n) for n in range(21)], "more entries"),
        ([link(b"l", b"x" * 2000)], "more entries"),
        ([entry(b"a", 1), DATA(1, b"x")], "not asked for"),
        ([DATA(0, b"")], "not asked for"),
        ([entry(b"a", 1), END, DATA(0, b"xx")], "not asked for"),
        ([FIN], "unexpected packet of type 3"),
        ([END, END], "unexpected packet of type 0"),
        ([END, entry(b"a")], "unexpected packet of type 0"),
        ([REQUEST(0)], "unexpected packet of type 1"),
        ([b"\x08\x63"], "unexpected packet of type 99"),
        ([b"\x08"], "malformed"),
        ([packets.encode_error("no space")], "no space"),
        ([entry(b"y" * 49), directory(b"z"), entry(b"z/" + b"q" * 49)], "invalid path"),
    ],
)
def test_hostile_senders(
    root: Path, tmp_path: Path, receiver: Receiver, messages: list[bytes], reason: str
) -> None:
    with pytest.raises(OutputError, match=reason):
        receiver.accept(messages)
    receiver.close()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert root.is_dir()


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ([DATA(0, b"")], "0 of 3 bytes"),
        ([DATA(0, b"12"), DATA(0, b"")], "2 of 3 bytes"),
        ([DATA(0, b"1234")], "more than 3 bytes"),
        ([DATA(0, b"123"), DATA(0, b"4")], "more than 3 bytes"),
        ([DATA(0, b"123"), DATA(0, b""), DATA(0, b"")], "not asked for"),
    ],
)
def test_a_file_has_the_announced_size(
    root: Path, receiver: Receiver, contents: list[bytes], reason: str
) -> None:
    receiver.accept([entry(b"a", 3)])
    with pytest.raises(OutputError, match=reason):
        receiver.accept(contents)
    receiver.close()
    assert [p.read_bytes() for p in root.iterdir()] in ([], [b"123"])


def test_what_cannot_be_written(root: Path, receiver: Receiver) -> None:
    receiver = Receiver(root, Limits(), Received())
    receiver.open()
    with pytest.raises(OutputError, match="out: file name too long"):
        receiver.accept([entry(b"x" * 300)])
    receiver.close()
    (root / "f").touch()
    with pytest.raises(OutputError, match="cannot write to"):
        Receiver(root / "f", Limits(), Received()).open()


# ----------------------------------------------------------------------------- over a call


async def run(
    root: Path, script: Sequence[bytes], *, end: bool = True
) -> tuple[Received, list[bytes]]:
    """Receive a whole script that was sent without waiting for requests."""
    service, daemon = MemoryCall.pair(depth=0)
    for message in script:
        await daemon.send(message)
    if end:
        await daemon.end()
    async with asyncio.timeout(10):
        received = await receive_tree(service, root)
    await service.end()
    return received, await daemon.receive_all()


async def test_the_end_is_the_senders_fin(root: Path) -> None:
    """A daemon does not end its side after its FIN, so nobody may wait for that."""
    service, daemon = MemoryCall.pair()
    receiving = asyncio.ensure_future(receive_tree(service, root))
    for message in (entry(b"a", 1), END):
        await daemon.send(message)
    assert await daemon.receive() == REQUEST(0)
    for message in (DATA(0, b"x"), DATA(0, b"")):
        await daemon.send(message)
    assert await daemon.receive() == FIN
    await daemon.send(FIN)
    async with asyncio.timeout(10):
        assert await receiving == Received(entries=1, files=1, size=1, complete=True)


async def test_a_sender_that_ends_after_our_fin(root: Path) -> None:
    received, answers = await run(root, [directory(b"d"), END])
    assert received == Received(entries=1, complete=True)
    assert answers == [FIN]


@pytest.mark.parametrize("length", range(5))
async def test_every_truncation_is_an_error(root: Path, length: int) -> None:
    service, daemon = MemoryCall.pair(depth=0)
    script = [directory(b"d"), entry(b"d/a", 2), END, DATA(1, b"1"), DATA(1, b"")]
    receiving = asyncio.ensure_future(receive_tree(service, root))
    for message in script[:length]:
        if message.startswith(DATA(1, b"")):
            assert await daemon.receive() == REQUEST(1)
        await daemon.send(message)
        if message.startswith(DATA(1, b"")):
            break
    await daemon.end()
    with pytest.raises(OutputError, match="the transfer broke off"):
        await receiving
    assert not (root / "d/a").exists()


@given(st.data())
@settings(max_examples=60, deadline=None)
@pytest.mark.slow
def test_damaged_streams_stay_inside(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever is sent, nothing but OutputError comes out, and nothing is written outside."""
    base = tmp_path_factory.mktemp("hostile")
    paths = st.sampled_from([b"a", b"a/b", b"..", b"../x", b"/x", b"a/../x", b"b", b"b/c", b"c"])
    modes = st.sampled_from([0o644, GoMode.DIR | 0o755, GoMode.SYMLINK, GoMode.FIFO | 0o600])
    links = st.sampled_from([b"", b"a", b"..", b"../..", b"/"])
    stats = st.builds(entry, paths, st.sampled_from([0, 1, 2]), modes, links)
    contents = st.builds(DATA, st.integers(0, 3), st.sampled_from([b"", b"1", b"12"]))
    message = st.one_of(stats, contents, st.just(END), st.just(FIN))
    script: list[bytes] = data.draw(st.lists(message, max_size=12))
    cut: bool = data.draw(st.booleans())
    at = data.draw(st.integers(0, max(0, len(script) - 1)))
    if script and cut:
        script[at] = script[at][: data.draw(st.integers(0, len(script[at])))]

    async def receive() -> None:
        with suppress(OutputError):
            await run(base / "out", script)

    asyncio.run(receive())
    assert {p.name for p in base.iterdir()} <= {"out"}


async def test_the_sender_is_told(root: Path) -> None:
    service, daemon = MemoryCall.pair(depth=0)
    await daemon.send(entry(b"../x"))
    with pytest.raises(OutputError):
        await receive_tree(service, root)
    message = await daemon.receive()
    assert message is not None
    assert packets.decode(message).type == packets.PacketType.ERR


async def test_telling_is_bounded(root: Path) -> None:
    service, daemon = MemoryCall.pair(depth=1)
    await service.send(b"nobody takes this")
    await daemon.send(entry(b"../x"))
    with pytest.raises(OutputError):
        async with asyncio.timeout(10):
            await receive_tree(service, root, limits=Limits(tell_s=0))


async def test_a_lost_connection(root: Path) -> None:
    service, daemon = MemoryCall.pair()
    receiving = asyncio.ensure_future(receive_tree(service, root))
    await daemon.send(entry(b"a", 2))
    assert await daemon.receive() == REQUEST(0)
    await daemon.send(DATA(0, b"1"))
    await daemon.abort(ConnectionResetError("gone"))
    with pytest.raises(ConnectionResetError):
        await receiving
    assert names(root) == []


async def test_cancelling_removes_incomplete_files(root: Path) -> None:
    service, daemon = MemoryCall.pair()
    receiving = asyncio.ensure_future(receive_tree(service, root, limits=Limits(requests=2)))
    for message in (entry(b"a", 1), entry(b"b", 2), entry(b"c", 1), END):
        await daemon.send(message)
    assert [await daemon.receive(), await daemon.receive()] == [REQUEST(0), REQUEST(1)]
    for message in (DATA(1, b"1"), DATA(0, b"1"), DATA(0, b"")):
        await daemon.send(message)
    assert await daemon.receive() == REQUEST(2)
    assert names(root) == ["a", "b"]
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    assert names(root) == ["a"]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def test_descriptors_are_closed(root: Path) -> None:
    await run(root, [END])
    before = descriptors()
    await run(root, [directory(b"d"), directory(b"d/e"), entry(b"d/e/f"), END])
    with pytest.raises(OutputError):
        await run(root, [directory(b"d"), entry(b"d/e"), entry(b"x", 1)])
    assert descriptors() == before


def descriptors() -> list[str]:
    listing = Path("/proc/self/fd")
    if not listing.is_dir():
        pytest.skip("this system does not list open descriptors")
    return names(listing)
