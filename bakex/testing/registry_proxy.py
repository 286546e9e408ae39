"""A proxy in front of a real registry that makes things go wrong, and watches the client.

    with RegistryProxy("127.0.0.1:5000") as proxy:
        proxy.fail(Fault(match="PUT .*/blobs/", reset="after"))
        ...  # push to f"{proxy.host}/app:1"
        assert proxy.violations == []

What a client must never do, faults or not, is noted in `RegistryProxy.violations`: see
`bakex.testing.registry_audit`. A second server, `RegistryProxy.elsewhere`, serves the same content
under another address, as object stores do; it must not see credentials.
"""

from __future__ import annotations

import http.client
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from bakex.testing.clock import ManualClock
from bakex.testing.registry_audit import Audit
from bakex.testing.registry_content import Refusal
from bakex.testing.registry_faults import NONE
from bakex.testing.registry_front import RegistryFront
from bakex.testing.registry_routes import Incoming, Outgoing
from bakex.testing.registry_server import RegistryServer

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.interfaces import Clock
    from bakex.testing.registry_auth import RegistryAuth
    from bakex.testing.registry_faults import Fault

_OWN = frozenset(
    {"authorization", "connection", "keep-alive", "transfer-encoding", "te", "upgrade"}
)
_TIMEOUT_S = 30.0


class RegistryProxy(RegistryFront):
    """A registry in front of another one; a context manager."""

    def __init__(
        self,
        upstream: str,
        *,
        port: int = 0,
        auth: RegistryAuth | None = None,
        certificate: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Prepare it; `start` opens the ports.

        Args:
            upstream: ``host:port`` of an open registry that speaks plain HTTP.
            port: On 127.0.0.1; 0 for any that is free.
            auth: Who is let in, instead of the registry's own ways; everybody if None.
            certificate: PEM file with a key and a certificate, to speak TLS.
            clock: The client's, to see whether it waits as it was told; None for one that stands
                still.
        """
        super().__init__(port=port, auth=auth, certificate=certificate)
        self._upstream = upstream
        self._audit = Audit(clock or ManualClock())

    def start(self) -> Self:
        """Open the ports and serve from now on."""
        other = RegistryServer(
            ("127.0.0.1", 0),
            serve=self._serve_elsewhere,
            take=lambda _: replace(NONE),
            note=self._note,
            sent=self._sent,
        )
        self.elsewhere = f"http://127.0.0.1:{self.listen(other)}"
        return super().start()

    @property
    def violations(self) -> list[str]:
        """What the client did wrong, in words."""
        return self._audit.found

    def committed(self, digest: str) -> int:
        """Return how many uploads of a blob the registry has completed."""
        return self._audit.committed(digest)

    def _serve(self, request: Incoming) -> Outgoing:
        self._audit.asked(request, bearer=self.auth.is_bearer)
        answer = super()._serve(request)
        self._audit.served(request, answer.status)
        return answer

    def _sent(self, request: Incoming, answer: Outgoing) -> None:
        del request
        self._audit.answered(answer.status, answer.headers)

    def _take(self, request: str) -> Fault:
        fault = super()._take(request)
        self._audit.due(request, fault)
        return fault

    def _serve_elsewhere(self, request: Incoming) -> Outgoing:
        self._audit.asked_elsewhere(request)
        return self.answer(request)

    def answer(self, request: Incoming) -> Outgoing:
        """Have the registry answer a request.

        Raises:
            Refusal: It does not answer.
        """
        connection = http.client.HTTPConnection(self._upstream, timeout=_TIMEOUT_S)
        target = request.path + (f"?{request.query}" if request.query else "")
        sent = {name: value for name, value in request.headers.items() if name not in _OWN}
        has_body = "content-length" in sent or "transfer-encoding" in request.headers
        try:
            connection.request(
                request.method, target, headers=sent, body=request.body() if has_body else None
            )
            found = connection.getresponse()
            body = found.read()
        except (http.client.HTTPException, ConnectionRefusedError) as error:
            raise Refusal(502, "UNKNOWN", f"no answer: {error!r}") from None
        finally:
            connection.close()
        headers = {
            name: ", ".join(found.headers.get_all(name, []))
            for name in found.headers
            if name.lower() not in _OWN
        }
        if request.method != "HEAD":
            headers.pop("Content-Length", None)
        return Outgoing(status=found.status, headers=headers, body=body)
