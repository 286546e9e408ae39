"""What a client of a registry must never do.

* Send credentials to another host than the registry's own, or a password to one that takes tokens.
* Ask again, on the same connection, before the time that Retry-After named.
* Use another upload location than the last one, or change it.
* Leave a gap between two chunks, or send more than a chunk's range says.
* Put parameters into the media type of a manifest.
"""

from __future__ import annotations

import email.utils
import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.interfaces import Clock
    from bakex.testing.registry_faults import Fault
    from bakex.testing.registry_routes import Incoming

_SESSION = re.compile(r"/blobs/uploads/([^/?]+)")
_EARLY_S = 0.001  # what rounding may make of a wait


@dataclass(slots=True)
class _Session:
    query: str
    next: int = 0


class Audit:
    """Watches the requests of one client.

    Attributes:
        found: What it did wrong, in words.
    """

    def __init__(self, clock: Clock) -> None:
        """Take the client's clock."""
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[tuple[str, threading.Thread], float] = {}
        self._sessions: dict[str, _Session] = {}
        self._committed: Counter[str] = Counter()
        self.found: list[str] = []

    def due(self, request: str, fault: Fault) -> None:
        """Look whether a request comes too early; note how long the next one has to wait.

        Only on the connection that brought the refusal (each is served by a thread of its own): on
        the others, the same request for something else may have been on its way already.
        """
        place = request, threading.current_thread()
        with self._lock:
            if self._clock.monotonic() < self._until.get(place, 0.0) - _EARLY_S:
                self.found.append(f"{request}: again before the time that was asked for")
            wait_s = self._wait_s(fault.headers.get("Retry-After") or "")
            if fault.status and wait_s:
                self._until[place] = self._clock.monotonic() + wait_s

    def asked(self, request: Incoming, *, bearer: bool) -> None:
        """Look at a request to the registry."""
        shown = f"{request.method} {request.path}"
        is_basic = request.headers.get("authorization", "").lower().startswith("basic ")
        if bearer and is_basic and request.path.startswith("/v2"):
            self._add(f"{shown}: a password for a registry that takes tokens")
        is_manifest = request.method == "PUT" and "/manifests/" in request.path
        if is_manifest and ";" in request.headers.get("content-type", ""):
            self._add(f"{shown}: parameters in the media type")
        self._look_at_upload(request, shown)

    def asked_elsewhere(self, request: Incoming) -> None:
        """Look at a request to the other server."""
        shown = f"{request.method} {request.path}"
        if "authorization" in request.headers:
            self._add(f"{shown}: credentials for another host")
        self._look_at_upload(request, shown)

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Note what the client was answered."""
        named = {name.lower(): value for name, value in headers.items()}
        location = named.get("location", "")
        match = _SESSION.search(location)
        with self._lock:
            if match and status in {202, 204}:
                session = self._sessions.setdefault(match[1], _Session(""))
                session.query = urlsplit(location).query
                last = re.fullmatch(r"0-(\d+)", named.get("range", ""))
                if last:
                    session.next = int(last[1]) + 1 if int(last[1]) else 0

    def served(self, request: Incoming, status: int) -> None:
        """Note what the registry did, whether or not the client learns of it."""
        if request.method == "PUT" and status == 201 and _SESSION.search(request.path):
            with self._lock:
                self._committed.update(parse_qs(request.query).get("digest", []))

    def committed(self, digest: str) -> int:
        """Return how many uploads of a blob were completed."""
        return self._committed[digest]

    def _look_at_upload(self, request: Incoming, shown: str) -> None:
        match = _SESSION.search(request.path)
        session = self._sessions.get(match[1]) if match else None
        if session is None or request.method not in {"PATCH", "PUT"}:
            return
        if not request.query.startswith(session.query):
            self._add(f"{shown}: another location than the last one")
        chunk = re.fullmatch(r"(\d+)-(\d+)", request.headers.get("content-range", ""))
        if chunk and int(chunk[1]) != session.next:
            self._add(f"{shown}: a chunk that starts at {chunk[1]} instead of {session.next}")
        length = int(request.headers.get("content-length") or 0)
        if chunk and length != int(chunk[2]) - int(chunk[1]) + 1:
            self._add(f"{shown}: a chunk of another length than its range")

    def _wait_s(self, value: str) -> float:
        if value.isdigit():
            return float(value)
        try:
            date = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return 0.0
        return (date - self._clock.now()).total_seconds()

    def _add(self, text: str) -> None:
        with self._lock:
            self.found.append(text)
