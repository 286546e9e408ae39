"""A session: the gRPC server that we are, for one daemon, while builds need it.

A session has an unguessable id, because any client of the daemon could name it in a build of its
own, and a shared key, which is stable: with the same key the daemon compares a directory with what
it got last time and asks for changed files only. The daemon calls no method that was not
advertised in the request that opens the session. Source: buildkit session/manager.go, grpc.go.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from grpclib.const import Cardinality, Status
from grpclib.const import Handler as Method
from grpclib.events import _DispatchServerEvents  # pyright: ignore[reportPrivateUsage]
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.server import Handler

from bakex.errors import BakexError
from bakex.session.attachable import CallError, Metadata
from bakex.session.attachable import Status as CallStatus
from bakex.session.wire import (
    RawCodec,
    RawDetailsCodec,
    WireProtocol,
    read_messages,
    write_messages,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence

    from grpclib.server import Stream

    from bakex.session import attachable

    RawStream = Stream[bytes, bytes]

CLOSE_S = 1.0  # seconds that handlers get to end when the session is closed
_HEADER = "X-Docker-Expose-Session-"
_log = logging.getLogger(__name__)


class Session:
    """What one session serves.

    Attributes:
        id: Goes into `SolveRequest.session`.
        ended: Set once the daemon cannot reach us any more, whoever ended it.
        failure: The first error of ours that a service ended with; it explains a failed build
            better than the daemon, which sees only the text.
    """

    def __init__(self, attachables: Sequence[attachable.Attachable], *, shared_key: str) -> None:
        self.id = secrets.token_hex(16)
        self.ended = asyncio.Event()
        self.failure: BakexError | None = None
        self._shared_key = shared_key
        self._methods: dict[str, attachable.Handler] = {}
        for service in attachables:
            self._methods.update(service.services())
        self._handler: Handler | None = None
        self._protocol: WireProtocol | None = None

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers that open the session: who it is and what it offers."""
        found = [(_HEADER + "Uuid", self.id)]
        if key := _header_value(self._shared_key):
            found.append((_HEADER + "Sharedkey", key))
        found.extend((_HEADER + "Grpc-Method", method) for method in self._methods)
        return found

    def protocol(self) -> WireProtocol:
        """Return the protocol to attach to the session's byte stream; once."""
        codec, details = RawCodec(), RawDetailsCodec()
        mapping = _Methods()
        for path, handler in self._methods.items():
            mapping[path] = _method(self._serve(handler))
        self._handler = Handler(mapping, codec, details, _DispatchServerEvents())
        self._protocol = _SessionProtocol(self._handler, self.ended)
        return self._protocol

    def explain(self, message: str) -> None:
        """Raise the error of ours that the daemon's message only passes on, if it is one."""
        if self.failure is not None and self.failure.summary in message:
            raise self.failure from None

    @property
    def is_open(self) -> bool:
        """Whether the daemon can still reach us."""
        return (
            self._protocol is not None
            and hasattr(self._protocol, "connection")
            and not self._protocol.connection.is_closing()
        )

    async def aclose(self) -> None:
        """Stop serving; running calls are cancelled. Bounded by `CLOSE_S`; safe to repeat."""
        if self._protocol is None or self._handler is None:
            return
        if hasattr(self._protocol, "processor"):
            self._protocol.processor.close("the session was closed")
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._handler.wait_closed()
        except TimeoutError:
            _log.warning("a service of session %s did not end in %s s", self.id, CLOSE_S)

    def _serve(self, handler: attachable.Handler) -> Callable[[RawStream], Awaitable[None]]:
        async def answer(stream: RawStream) -> None:
            try:
                await handler(_Call(stream))
            except CallError as error:
                if isinstance(error.__cause__, BakexError):
                    self.failure = self.failure or error.__cause__
                raise GRPCError(Status(error.status.value), error.message) from None
            except (GRPCError, StreamTerminatedError):
                raise
            except BakexError as error:
                self.failure = self.failure or error
                raise GRPCError(Status.INTERNAL, error.summary) from None
            except Exception as error:  # noqa: BLE001 - the daemon gets an answer in any case
                _log.exception("a service of the session failed")
                raise GRPCError(Status.INTERNAL, f"{type(error).__name__} in the client") from None

        async def run(stream: RawStream) -> None:
            try:
                await answer(stream)
            finally:
                # Whatever a service still had to say, nobody hears it, and grpclib would print it.
                if _is_gone(stream):
                    raise asyncio.CancelledError

        return run


class _SessionProtocol(WireProtocol):
    """Tells when the connection is gone."""

    def __init__(self, handler: Handler, ended: asyncio.Event) -> None:
        super().__init__(handler, client=False)
        self._ended = ended

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._ended.set()


def _is_gone(stream: RawStream) -> bool:
    """Return whether the daemon has reset the call, or the connection is lost."""
    wrapper = stream._stream.wrapper  # noqa: SLF001 - # pyright: ignore[reportPrivateUsage]
    return wrapper is not None and bool(wrapper.cancelled)


class _Methods(dict[str, Method]):
    """Answers calls of unknown methods in the form that Go's gRPC accepts.

    grpclib's own answer has no content type; the daemon would report a malformed header instead of
    a service that is not there.
    """

    def get(self, key: str, default: Method | None = None) -> Method:  # type: ignore[override]
        del default
        return super().get(key) or _method(_unknown)


def _method(function: Callable[[RawStream], Awaitable[None]]) -> Method:
    return Method(function, Cardinality.STREAM_STREAM, bytes, bytes)


async def _unknown(stream: RawStream) -> None:
    del stream
    raise GRPCError(Status.UNIMPLEMENTED, "this session does not offer that method")


class _Call:
    """A grpclib stream as services see it."""

    def __init__(self, stream: RawStream) -> None:
        self._stream = stream
        items: Mapping[str, object] = stream.metadata or {}
        self.metadata = Metadata(
            tuple((key, value) for key, value in items.items() if isinstance(value, str))
        )

    async def receive(self) -> bytes | None:
        with _well_formed():
            return await self._stream.recv_message()

    async def receive_some(self) -> list[bytes]:
        with _well_formed():
            return await read_messages(self._stream._stream)  # noqa: SLF001 - # pyright: ignore[reportPrivateUsage]

    async def send(self, message: bytes) -> None:
        await self._stream.send_message(message)

    async def send_all(self, messages: Sequence[bytes]) -> None:
        if not self._stream._send_initial_metadata_done:  # noqa: SLF001 - # pyright: ignore[reportPrivateUsage]
            await self._stream.send_initial_metadata()
        await write_messages(self._stream._stream, messages)  # noqa: SLF001 - # pyright: ignore[reportPrivateUsage]


@contextmanager
def _well_formed() -> Generator[None]:
    try:
        yield
    except (AssertionError, NotImplementedError) as error:
        # grpclib's way to say that the stream ended within a message, or was compressed.
        raise CallError(CallStatus.INTERNAL, f"malformed message: {error}") from None


def _header_value(text: str) -> str:
    """Return a text that may stand in a header: printable ASCII."""
    return "".join(c if " " <= c <= "~" else "_" for c in text).strip()
