"""Calls to one daemon: a grpclib channel over any dialer, and what its failures mean.

Every failure of grpclib, HTTP/2 or the socket becomes either a `NodeError` or, when the daemon
itself answered with a status other than OK, an `RpcError`. `RpcError` is for this package: the
engine turns it into what the user should read.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import h2.exceptions
from google.protobuf.message import DecodeError
from grpclib.client import Channel, Handler
from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError
from grpclib.utils import Wrapper
from multidict import MultiDict

from bakex.errors import NodeError, NodeLostError
from bakex.model.node import Wire
from bakex.session.upgrade import upgrade
from bakex.session.wire import RawCodec, RawDetailsCodec, WireProtocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from google.protobuf.message import Message
    from grpclib.client import Stream
    from grpclib.protocol import H2Protocol

    from bakex.carriers import Dialer
    from bakex.model.node import Endpoint

_M = TypeVar("_M", bound="Message")
# grpclib's own words for answers that are no gRPC; a daemon's text never begins like this.
_NO_GRPC = (
    "Received :status = ",
    "Missing content-type header",
    "Invalid content-type: ",
    "Missing grpc-status header",
    "Invalid grpc-status: ",
)


class RpcError(Exception):
    """The daemon answered a call with a status other than OK.

    Attributes:
        status: The gRPC status.
        message: Its text.
        details: ``google.rpc.Status`` as sent in ``grpc-status-details-bin``; may be empty.
    """

    def __init__(self, status: Status, message: str, details: bytes = b"") -> None:
        super().__init__(f"{status.name}: {message}")
        self.status = status
        self.message = message
        self.details = details


class _Interruption(Wrapper):
    """Wakes a waiting call by cancelling its task, once.

    grpclib does so again for each further sign of the end (a reset, then the loss), and nobody
    could tell the second time from a cancellation by somebody else.
    """

    def cancel(self, error: Exception) -> None:
        if self._error is None:
            super().cancel(error)


class WireChannel(Channel):
    """A grpclib channel whose connection comes from a dialer, upgraded if the daemon is dockerd."""

    def __init__(self, dialer: Dialer) -> None:
        # The authority that these make is not looked at by daemons, but it must be one.
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - `ssl` may be a lazy module
            "localhost", 80, codec=RawCodec(), status_details_codec=RawDetailsCodec()
        )
        self._dialer = dialer

    def _protocol_factory(self) -> H2Protocol:
        return WireProtocol(Handler(), client=True)

    async def _create_connection(self) -> H2Protocol:
        if self._dialer.endpoint.wire is Wire.DOCKER:
            _, upgraded = await upgrade(self._dialer, "/grpc", (), self._protocol_factory)
            return cast("H2Protocol", upgraded)
        made: list[H2Protocol] = []

        def factory() -> H2Protocol:
            made.append(self._protocol_factory())
            return made[-1]

        await self._dialer.connect(factory)
        return made[-1]

    def __del__(self) -> None:
        # grpclib warns here, from whatever thread collects garbage; owners close explicitly.
        pass


class Connection:
    """One HTTP/2 connection to a daemon, opened by the first call and again after a loss."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._channel: WireChannel | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where the daemon is."""
        return self._dialer.endpoint

    @property
    def channel(self) -> WireChannel:
        """The channel; for what is neither a unary call nor a stream of answers."""
        if self._channel is None:
            self._channel = WireChannel(self._dialer)
        return self._channel

    async def unary(
        self,
        method: str,
        request: Message,
        reply: type[_M],
        *,
        metadata: Sequence[tuple[str, str]] = (),
        timeout_s: float | None = None,
    ) -> _M:
        """Make a call with one answer.

        Args:
            method: ``/package.Service/Method``.
            request: The one message that is sent.
            reply: Class of the answer.
            metadata: Request metadata; names may repeat.
            timeout_s: Longest time until the answer; None for calls that last as long as a build.

        Raises:
            RpcError: The daemon refused or failed.
            NodeError: The daemon cannot be reached, was lost, or speaks something else.

        Cancelling this cancels the call on the daemon.
        """
        with translated(self.endpoint):
            async with (
                asyncio.timeout(timeout_s),
                self._request(method, Cardinality.UNARY_UNARY, metadata) as stream,
            ):
                await stream.send_message(request.SerializeToString(), end=True)
                message = await stream.recv_message()
            return decode(reply, message or b"", self.endpoint)

    async def replies(
        self,
        method: str,
        request: Message,
        reply: type[_M],
        *,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> AsyncGenerator[_M, None]:
        """Make a call with a stream of answers; close the iterator to cancel it.

        Raises:
            RpcError: The daemon refused or failed.
            NodeError: The daemon cannot be reached, was lost, or speaks something else.
        """
        with translated(self.endpoint):
            async with self._request(method, Cardinality.UNARY_STREAM, metadata) as stream:
                await stream.send_message(request.SerializeToString(), end=True)
                while (message := await stream.recv_message()) is not None:
                    yield decode(reply, message, self.endpoint)

    @asynccontextmanager
    async def _request(
        self, method: str, cardinality: Cardinality, metadata: Sequence[tuple[str, str]]
    ) -> AsyncGenerator[Stream[bytes, bytes], None]:
        pairs: MultiDict[Any] = MultiDict(metadata)
        call = self.channel.request(method, cardinality, bytes, bytes, metadata=pairs)
        async with call as stream:
            # The library has no public place for it.
            stream._wrapper = _Interruption()  # noqa: SLF001 - # pyright: ignore[reportPrivateUsage]
            yield stream

    def close(self) -> None:
        """Drop the connection; calls in flight fail. Safe to repeat."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def decode(reply: type[_M], message: bytes, endpoint: Endpoint) -> _M:
    """Return a decoded message.

    Raises:
        NodeError: It is no message of that type.
    """
    try:
        return reply.FromString(message)
    except DecodeError as error:
        raise NodeError(
            f"{endpoint.address} sent a malformed {reply.__name__}", detail=str(error)
        ) from None


@contextmanager
def translated(endpoint: Endpoint) -> Generator[None]:
    """Turn whatever grpclib, h2 or the socket raise into `RpcError` or `NodeError`."""
    task = asyncio.current_task()
    pending = task.cancelling() if task else 0
    try:
        yield
    except GRPCError as error:
        raise _answered(error, endpoint) from None
    except (
        StreamTerminatedError,
        ProtocolError,
        h2.exceptions.H2Error,
        OSError,
        AssertionError,
        AttributeError,
        NotImplementedError,
    ) as error:
        if task is not None and task.cancelling() > pending:
            # grpclib wakes a waiting call by cancelling its task, and leaves that counted. Another
            # cancellation may have come at the same time; that one is honoured.
            task.uncancel()
            if task.cancelling() > pending:
                raise asyncio.CancelledError from None
        raise _lost(error, endpoint) from None


def _answered(error: GRPCError, endpoint: Endpoint) -> RpcError | NodeError:
    message = error.message or ""
    if message.startswith(_NO_GRPC):
        return NodeError(
            f"{endpoint.address} does not speak gRPC",
            detail=f"It answered with {message!r}.",
            hint="check that the address is BuildKit's own",
        )
    if error.status is Status.UNAVAILABLE:
        return NodeLostError(
            f"{endpoint.name} ({endpoint.address}) is going away",
            detail=message,
            hint="look at the daemon's log",
        )
    return RpcError(error.status, message, error.details or b"")


def _lost(error: Exception, endpoint: Endpoint) -> NodeError:
    if isinstance(error, TimeoutError):
        return NodeError(
            f"{endpoint.name} ({endpoint.address}) does not answer",
            detail="A request that takes milliseconds got no answer within its time.",
            hint="restart the daemon",
        )
    return NodeLostError(
        f"lost the connection to {endpoint.name} ({endpoint.address})",
        detail=str(error).rstrip(".") + "." if str(error) else "",
        hint="look at the daemon's log",
    )
