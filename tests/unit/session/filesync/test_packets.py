from __future__ import annotations

import stat as posix
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex._pb import bk_pb2 as pb
from bakex.session.filesync import packets
from bakex.session.filesync.packets import GoMode, Packet, PacketError, PacketType, Stat

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
SIZES = st.integers(0, (1 << 63) - 1)
STATS = st.builds(
    Stat,
    path=st.text(min_size=1).map(str.encode),
    mode=st.integers(0, (1 << 32) - 1),
    size=SIZES,
    mtime_ns=INT64,
    linkname=st.text().map(str.encode),
    devmajor=SIZES,
    devminor=SIZES,
    xattrs=st.dictionaries(st.text().map(str.encode), st.binary()).map(
        lambda found: tuple(sorted(found.items()))
    ),
)


@given(STATS)
def test_a_stat_is_what_protobuf_reads(stat: Stat) -> None:
    packet = pb.Packet.FromString(packets.encode_stat(stat))
    assert (packet.type, packet.id, packet.data) == (PacketType.STAT, 0, b"")
    read = packet.stat
    assert (read.path.encode(), read.mode, read.size, read.mod_time) == stat[:4]
    assert (read.linkname.encode(), read.devmajor, read.devminor) == stat[4:7]
    assert {k.encode(): v for k, v in read.xattrs.items()} == dict(stat.xattrs)
    assert (read.uid, read.gid) == (0, 0)


@given(STATS, st.integers(0, 1 << 32))
def test_what_protobuf_writes_is_read(stat: Stat, owner: int) -> None:
    written = pb.FsStat(
        path=stat.path.decode(),
        mode=stat.mode,
        uid=owner % (1 << 32),
        size=stat.size,
        mod_time=stat.mtime_ns,
        linkname=stat.linkname.decode(),
        devmajor=stat.devmajor,
        devminor=stat.devminor,
        xattrs={k.decode(): v for k, v in stat.xattrs},
    )
    packet = packets.decode(pb.Packet(stat=written).SerializeToString())
    assert packet == Packet(PacketType.STAT, stat, 0, memoryview(b""))


@given(STATS)
def test_a_stat_survives(stat: Stat) -> None:
    assert packets.decode(packets.encode_stat(stat)).stat == stat


@given(STATS.map(packets.encode_stat), st.data())
def test_a_truncated_packet_is_refused_or_shorter(message: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(message) - 1))
    with pytest.raises(PacketError):
        packets.decode(message[:cut])


@given(st.binary(max_size=200))
@pytest.mark.slow
def test_anything_is_either_a_packet_or_an_error(message: bytes) -> None:
    for decode in (packets.decode, packets.decode_bytes):
        with suppress(PacketError):
            decode(message)


@given(st.integers(0, (1 << 32) - 1), st.binary(min_size=1))
def test_content_and_requests_are_what_protobuf_reads(file_id: int, data: bytes) -> None:
    content = pb.Packet.FromString(packets.encode_data(file_id, data))
    assert (content.type, content.id, content.data) == (PacketType.DATA, file_id, data)
    assert pb.Packet.FromString(packets.encode_data(file_id, b"")).data == b""
    request = pb.Packet.FromString(packets.encode_request(file_id))
    assert (request.type, request.id) == (PacketType.REQ, file_id)
    assert packets.decode(packets.encode_data(file_id, data)).data == data


def test_the_other_packets_are_what_protobuf_reads() -> None:
    assert pb.Packet.FromString(packets.FIN) == pb.Packet(type=PacketType.FIN)
    assert pb.Packet.FromString(packets.END_OF_LIST) == pb.Packet()
    error = pb.Packet.FromString(packets.encode_error("no \udcff"))
    assert (error.type, error.data) == (PacketType.ERR, b"no ?")


@given(st.binary())
def test_bytes_messages(data: bytes) -> None:
    assert pb.BytesMessage.FromString(packets.encode_bytes(data)).data == data
    assert packets.decode_bytes(pb.BytesMessage(data=data).SerializeToString()) == data


def test_unknown_fields_are_skipped() -> None:
    unknown = b"\xf8\x07\x05" + b"\xfa\x07\x02ab" + b"\xf9\x07" + b"8" * 8 + b"\xfd\x07" + b"4" * 4
    assert bytes(packets.decode(unknown + packets.encode_data(3, b"x") + unknown).data) == b"x"
    assert bytes(packets.decode_bytes(unknown + packets.encode_bytes(b"x"))) == b"x"
    path = b"\x0a\x01f"
    stat = packets.decode(b"\x12" + packets.varint(len(unknown + path)) + unknown + path).stat
    assert stat == Stat(path=b"f", mode=0)
    pair = unknown + b"\x0a\x01k\x12\x01v"
    attribute = b"\x52" + packets.varint(len(pair)) + pair
    stat = packets.decode(b"\x12" + packets.varint(len(attribute)) + attribute).stat
    assert stat is not None
    assert stat.xattrs == ((b"k", b"v"),)


@pytest.mark.parametrize(
    "message",
    [
        b"\x0b",  # a group, which protobuf 3 does not have
        b"\x80",
        b"\x08" + b"\xff" * 11,
        b"\x22\x05abc",
        b"\xfa\x07\x05abc",
        b"\xf9\x07abc",
        b"\x12\x02\x0a\x05",
    ],
)
def test_malformed_packets(message: bytes) -> None:
    with pytest.raises(PacketError):
        packets.decode(message)


@pytest.mark.parametrize(
    ("posix_mode", "mode"),
    [
        (posix.S_IFREG | 0o644, 0o644),
        (posix.S_IFDIR | 0o1777, GoMode.DIR | GoMode.STICKY | 0o777),
        (posix.S_IFLNK | 0o777, GoMode.SYMLINK | 0o777),
        (posix.S_IFREG | 0o6755, GoMode.SETUID | GoMode.SETGID | 0o755),
        (posix.S_IFCHR | 0o600, GoMode.DEVICE | GoMode.CHAR_DEVICE | 0o600),
        (posix.S_IFBLK | 0o600, GoMode.DEVICE | 0o600),
        (posix.S_IFIFO | 0o600, GoMode.FIFO | 0o600),
        (posix.S_IFSOCK | 0o755, 0o755),
    ],
)
def test_modes(posix_mode: int, mode: int) -> None:
    assert packets.go_mode(posix_mode) == mode
    assert packets.permissions(mode) == posix.S_IMODE(posix_mode)
    stat = Stat(b"x", mode)
    assert stat.is_dir is posix.S_ISDIR(posix_mode)
    assert stat.is_regular is (posix.S_ISREG(posix_mode) or posix.S_ISSOCK(posix_mode))


@given(st.integers(0, (1 << 32) - 1) | st.integers(0, 1 << 22))
def test_a_request_is_decoded_fast_or_not_at_all(file_id: int) -> None:
    message = packets.encode_request(file_id)
    assert packets.decode(message).id == file_id
    assert packets.decode_request(message) in {file_id, -1}


@pytest.mark.parametrize("file_id", [128, 16383, 16384, 2097151])
def test_the_usual_requests_are_decoded_fast(file_id: int) -> None:
    assert packets.decode_request(packets.encode_request(file_id)) == file_id


@given(st.binary(max_size=8) | st.binary(max_size=4).map(b"\x08\x01\x18".__add__))
def test_what_is_no_request_is_not_decoded_as_one(message: bytes) -> None:
    found = packets.decode_request(message)
    if found >= 0:
        assert packets.decode(message) == Packet(PacketType.REQ, None, found, memoryview(b""))


@given(st.integers(0, (1 << 64) - 1) | st.integers(1 << 55, 1 << 63))
def test_a_number_is_encoded_as_protobuf_does(value: int) -> None:
    written = pb.FsStat(size=value - (1 << 64) if value >> 63 else value).SerializeToString()
    assert packets.varint(value) == written[1:] or not value
