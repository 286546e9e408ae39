"""HTTP status and OCI error codes -> one error that names host, repository, reason and remedy."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from bakex._util.redact import redact_text
from bakex.errors import (
    DeniedError,
    NameUnknownError,
    RateLimitedError,
    RegistryError,
    UnauthorizedError,
)
from bakex.registry.retry import RETRIED

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

_SHOWN = 300  # characters of a server's message
_MEANINGS = {
    403: "access is denied",
    404: "it is not there",
    413: "it is too large for the registry, or for a proxy in front of it",
    429: "too many requests",
}
_MISSING = frozenset({"NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer of a registry.

    Attributes:
        url: Where it came from, after redirects.
        body: At most as much as was asked for.
        authorized: Whether credentials or a token were sent.
    """

    status: int
    headers: httpx.Headers
    url: str
    body: bytes = b""
    authorized: bool = False

    @property
    def codes(self) -> tuple[str, ...]:
        """The OCI error codes, such as ``MANIFEST_UNKNOWN``."""
        return tuple(str(error.get("code") or "") for error in self._errors())

    @property
    def message(self) -> str:
        """What the server says about the failure, for people; made safe to show."""
        texts = [str(error.get("message") or "") for error in self._errors()]
        texts = [text for text in texts if text]
        if not texts and "html" not in self.headers.get("content-type", ""):
            texts = [self.body[: 4 * _SHOWN].decode(errors="replace")]
        shown = redact_text(" ".join("; ".join(texts).split()))
        printable = "".join(c for c in shown if c.isprintable())
        return printable if len(printable) <= _SHOWN else printable[:_SHOWN] + " ..."

    def _errors(self) -> list[Mapping[str, Any]]:
        try:
            document: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return []
        if not isinstance(document, Mapping):
            return []
        errors = cast("Mapping[str, Any]", document).get("errors")
        if not isinstance(errors, list):
            return []
        return [
            cast("Mapping[str, Any]", error)
            for error in cast("list[object]", errors)
            if isinstance(error, Mapping)
        ]


def refused(answer: Answer, action: str, place: str) -> RegistryError:
    """Return the error for an answer that is not the one that was hoped for.

    Args:
        answer: What came.
        action: What was tried, as in "push a blob to".
        place: The repository or reference, with its host.
    """
    status, codes = answer.status, [code for code in answer.codes if code]
    reason = " ".join([f"HTTP {status}", *codes])
    summary = f"cannot {action} {place}: {_meaning(answer)} ({reason})"
    kind = _kind(answer)
    return kind(
        summary,
        status=status,
        transient=status in RETRIED,
        codes=tuple(codes),
        detail=_detail(answer),
        hint=_hint(answer, place),
    )


def _kind(answer: Answer) -> type[RegistryError]:
    by_status: dict[int, type[RegistryError]] = {
        401: UnauthorizedError,
        403: DeniedError,
        404: NameUnknownError,
        429: RateLimitedError,
    }
    if answer.status not in by_status and _MISSING.intersection(answer.codes):
        return NameUnknownError
    return by_status.get(answer.status, RegistryError)


def _meaning(answer: Answer) -> str:
    if answer.status == 401:
        return "the credentials were refused" if answer.authorized else "it wants a login"
    if answer.status >= 500:
        return "the registry failed"
    return _MEANINGS.get(answer.status, "the registry refused")


def _hint(answer: Answer, place: str) -> str:
    host = place.partition("/")[0]
    login = "bakex login" if host == "docker.io" else f"bakex login {host}"
    match answer.status:
        case 401:
            return f"log in with: {login}"
        case 403 if not answer.authorized:
            return f"log in with: {login}"
        case 403:
            return f"check that the account logged in to {host} may write to this repository"
        case 429:
            return "try again later, or log in for a higher limit"
        case _:
            return ""


def _detail(answer: Answer) -> str:
    parts = [answer.message]
    request = answer.headers.get("x-request-id", "")
    if request:
        parts.append(f"Request ID: {redact_text(request[:100])}")
    return "\n".join(part for part in parts if part)


def unreachable(error: Exception, action: str, place: str) -> RegistryError:
    """Return the error for a request without an answer."""
    host = place.partition("/")[0]
    tls = _cause(error, ssl.SSLError)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return RegistryError(
            f"cannot {action} {place}: its certificate is not trusted",
            detail=tls.verify_message,
            hint=f"put the registry's authority into /etc/docker/certs.d/{host}/ca.crt",
        )
    if tls is not None and not isinstance(tls, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return RegistryError(
            f"cannot {action} {place}: no secure connection to {host}",
            detail=str(getattr(tls, "reason", None) or ""),
            hint="set registry.insecure=true on the output if the registry speaks plain HTTP",
        )
    reason = redact_text(str(error)) or type(error).__name__
    return RegistryError(
        f"cannot {action} {place}: no answer from {host}", detail=reason, transient=True
    )


def most_telling(failures: Sequence[RegistryError]) -> RegistryError:
    """Return the failure to show of a host that was tried with TLS and without.

    A server whose certificate is not trusted does speak TLS, and what it says to plain HTTP is of
    no interest; nor is what a server of plain HTTP makes of TLS.
    """

    def rank(failure: RegistryError) -> int:
        tls = _cause(failure, ssl.SSLError)
        if isinstance(tls, ssl.SSLCertVerificationError):
            return 0
        return 1 if tls is None and failure.status != 400 else 2

    return min(failures, key=rank)


def _cause(error: BaseException, kind: type[ssl.SSLError]) -> ssl.SSLError | None:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kind):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
