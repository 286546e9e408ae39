"""What can go wrong with a registry, on schedule."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True, kw_only=True)
class Fault:
    """Something that happens to the next requests that match.

    Attributes:
        match: A regular expression, searched in ``METHOD /path?query``.
        times: How often it happens.
        skip: How many matching requests are served well before.
        status: Answer with this instead of serving the request; 0 to serve it.
        body: The body of that answer.
        headers: Of any answer; None removes one.
        reset: ``before``: drop the connection before the body of the request is read. ``body``:
            drop it after `after` bytes of that body, which are served. ``after``: serve the
            request, then drop the connection instead of answering.
        after: See `reset`.
        early: Answer without reading the body of the request, and close the connection.
        keep: Serve only so many bytes of the request's body, as if it had no more; -1 for all.
        query: Serve the request with this query; None for its own.
        garbage: Send this instead of an answer, and close the connection.
        elsewhere: ``redirect``: answer with a redirect to another server of the same registry.
            ``location``: let the answer's Location lead there.
        location: ``relative``: without the host. ``opaque``: with parameters that do not survive
            being read and written again.
        truncate: Send so many bytes of the answer's body, then drop the connection; -1 for all.
        corrupt: Flip a bit in the first byte of the answer's body.
        corrupt_request: Flip a bit in the first byte of the request's body.
        revoke: End all tokens before the request is served.
    """

    match: str
    times: int = 1
    skip: int = 0
    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    reset: str = ""
    after: int = 0
    early: bool = False
    keep: int = -1
    query: str | None = None
    garbage: bytes = b""
    elsewhere: str = ""
    location: str = ""
    truncate: int = -1
    corrupt: bool = False
    corrupt_request: bool = False
    revoke: bool = False


NONE = Fault(match="", times=0)


class Schedule:
    """The faults that are still to come; the first that matches a request is used up by it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Put a fault behind the others."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._faults.clear()

    @property
    def is_over(self) -> bool:
        """Whether all faults have happened."""
        return not any(fault.times for fault in self._faults)

    def take(self, request: str) -> Fault:
        """Return what happens to a request; `NONE` if nothing."""
        with self._lock:
            for fault in self._faults:
                if fault.times and re.search(fault.match, request):
                    if fault.skip:
                        fault.skip -= 1
                        return NONE
                    fault.times -= 1
                    return fault
        return NONE
