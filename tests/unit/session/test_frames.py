from __future__ import annotations

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived
from hyperframe.frame import DataFrame, Frame, PingFrame, WindowUpdateFrame

from bakex.session.frames import Merger

MAX = 16384


def data(stream: int, content: bytes, *flags: str) -> bytes:
    return DataFrame(stream, content, flags=flags).serialize()


def merged(*frames: bytes, max_size: int = MAX) -> bytes:
    return Merger(preface=0).feed(b"".join(frames), max_size)


def test_adjacent_data_of_a_stream_is_one_frame() -> None:
    assert merged(data(1, b"a"), data(1, b"bc"), data(1, b"d")) == data(1, b"abcd")


def test_other_streams_and_frames_keep_their_place() -> None:
    ping, window = PingFrame(0, b"12345678").serialize(), WindowUpdateFrame(1, 5).serialize()
    frames = [data(1, b"a"), data(3, b"b"), data(1, b"c"), ping, data(1, b"d"), window]
    assert merged(*frames) == b"".join(frames)


def test_what_says_more_than_its_content_stays_alone() -> None:
    padded = DataFrame(1, b"p", pad_length=3, flags=("PADDED",)).serialize()
    frames = [data(1, b"a"), padded, data(1, b""), data(1, b"z", "END_STREAM")]
    assert merged(*frames) == b"".join(frames)


def test_a_frame_is_not_larger_than_it_may_be() -> None:
    frames = [data(1, b"a" * 4), data(1, b"b" * 4), data(1, b"c" * 4)]
    assert merged(*frames, max_size=8) == data(1, b"aaaabbbb") + data(1, b"cccc")


@pytest.mark.parametrize("step", [1, 2, 9, 10, 11, 50])
def test_pieces_of_any_size_give_the_same_content(step: int) -> None:
    stream = b"".join([data(1, b"ab"), data(1, b"c" * 30), data(3, b"d"), data(3, b"e")])
    stream = b"PREFACE" + stream
    merger = Merger(preface=7)
    out = b"".join(merger.feed(stream[at : at + step], MAX) for at in range(0, len(stream), step))
    assert out.startswith(b"PREFACE")
    found: dict[int, bytes] = {}
    view = memoryview(out)[7:]
    while view:
        frame, size = Frame.parse_frame_header(view[:9])
        found[frame.stream_id] = found.get(frame.stream_id, b"") + bytes(view[9 : 9 + size])
        view = view[9 + size :]
    assert found == {1: b"ab" + b"c" * 30, 3: b"de"}


def test_an_overlong_frame_is_left_to_h2() -> None:
    merger = Merger(preface=0)
    long = data(1, b"x" * 9)
    assert merger.feed(data(1, b"a") + data(1, b"b") + long[:12], 8) == data(1, b"ab") + long[:12]
    assert merger.feed(long[12:] + b"more", 8) == long[12:] + b"more"


def test_h2_counts_the_same() -> None:
    def window(*, merge: bool) -> tuple[int, int, bytes]:
        client = H2Connection(H2Configuration(client_side=True))
        server = H2Connection(H2Configuration(client_side=False))
        client.initiate_connection()
        server.initiate_connection()
        server.receive_data(client.data_to_send())
        client.receive_data(server.data_to_send())
        client.send_headers(1, [(":method", "POST"), (":path", "/"), (":authority", "a"),
                                (":scheme", "http")])  # fmt: skip
        for number in range(100):
            client.send_data(1, bytes((number,)) * number)
        sent = client.data_to_send()
        if merge:
            sent = Merger(preface=0).feed(sent, server.max_inbound_frame_size)
        events = [e for e in server.receive_data(sent) if isinstance(e, DataReceived)]
        content = b"".join(event.data or b"" for event in events)
        assert (len(events) < 5) is merge
        return server.remote_flow_control_window(1), len(content), content

    assert window(merge=True) == window(merge=False)
