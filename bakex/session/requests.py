"""Requests of unary and streaming calls, decoded; nothing of protobuf gets further."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError, Message

from bakex.session.attachable import CallError, Status

if TYPE_CHECKING:
    from bakex.session.attachable import Call

M = TypeVar("M", bound=Message)


async def only_request(call: Call, kind: type[M]) -> M:
    """Receive and decode the one request of a call.

    Raises:
        CallError: There is none, or it is malformed.
    """
    request = await next_request(call, kind)
    if request is None:
        raise CallError(Status.INVALID_ARGUMENT, "the call has no request")
    return request


async def next_request(call: Call, kind: type[M]) -> M | None:
    """Receive and decode the next request of a call; None after the last.

    Raises:
        CallError: It is malformed.
    """
    message = await call.receive()
    if message is None:
        return None
    try:
        return kind.FromString(message)
    except DecodeError as error:
        raise CallError(Status.INVALID_ARGUMENT, f"malformed {kind.__name__}") from error
