"""Definitions on the web: one file, or an archive (spec/bake-file 1.6)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bakex._util.redact import redact_text
from bakex._util.tls import client_context
from bakex.errors import DefinitionError
from bakex.sources.archive import HEAD, is_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import httpx

    from bakex.sources.limits import Limits

    Proxy = Callable[[str, str, int], str | None]

_REDIRECTS = 10
_CHUNK = 64 * 1024


def download(
    url: str,
    to: Path,
    *,
    environ: Mapping[str, str],
    proxy: Proxy,
    limits: Limits,
    deadline: float,
) -> bytes | None:
    """Fetch a URL; return its content, or None if it is an archive, which is then in a file.

    Args:
        url: An http or https URL; a user and password in it are sent to its own host only.
        to: Where an archive is written to.
        environ: For ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``.
        proxy: Returns the URL of the proxy for a scheme, host and port, or None.
        limits: Bounds of size and silence.
        deadline: When it must be done, by `time.monotonic`.

    Raises:
        DefinitionError: The server does not answer or refuses, or there is more than a limit
            allows.
    """
    import httpx  # noqa: PLC0415 - start-up: few definitions are remote

    shown = redact_text(url)
    try:
        with (
            _client(environ, proxy, limits) as client,
            client.stream("GET", url) as response,
        ):
            if not response.is_success:
                raise _refused(shown, response)
            return _save(response.iter_bytes(_CHUNK), to, shown, limits, deadline)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        reason = redact_text(str(error)) or type(error).__name__
        raise DefinitionError(f"cannot fetch {shown!r}", detail=f"{reason}.") from None
    except (OSError, ValueError, ImportError) as error:
        # Certificates that cannot be read, an impossible proxy, a full disk.
        raise DefinitionError(
            f"cannot fetch {shown!r}", detail=f"{redact_text(str(error))}."
        ) from None


def _client(environ: Mapping[str, str], proxy: Proxy, limits: Limits) -> httpx.Client:
    import httpx  # noqa: PLC0415 - as above

    context = client_context(
        authorities=environ.get("SSL_CERT_FILE") or None,
        directory=environ.get("SSL_CERT_DIR") or None,
    )

    class Routes(httpx.BaseTransport):
        """Chooses the proxy for each request: a redirect may lead elsewhere."""

        def __init__(self) -> None:
            self._open: dict[str | None, httpx.HTTPTransport] = {}

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            way = request.url
            port = way.port or (443 if way.scheme == "https" else 80)
            via = proxy(way.scheme, way.host, port)
            if via not in self._open:
                self._open[via] = httpx.HTTPTransport(verify=context, trust_env=False, proxy=via)
            return self._open[via].handle_request(request)

        def close(self) -> None:
            for transport in self._open.values():
                transport.close()

    return httpx.Client(
        transport=Routes(),
        trust_env=False,
        timeout=limits.silence,
        follow_redirects=True,
        max_redirects=_REDIRECTS,
        # What is compressed on the way could be any size; archives are compressed by themselves.
        headers={"User-Agent": "bakex", "Accept-Encoding": "identity"},
    )


def _save(
    chunks: Iterator[bytes], to: Path, shown: str, limits: Limits, deadline: float
) -> bytes | None:
    timed = _timed(chunks, shown, deadline)
    head = b""
    for chunk in timed:
        head += chunk
        if len(head) >= HEAD:
            break
    if not is_archive(head[:HEAD]):
        for chunk in timed if len(head) <= limits.file else ():
            head += chunk
            if len(head) > limits.file:
                break
        if len(head) > limits.file:
            raise _too_large(shown, limits.file, "a definition that is no archive")
        return head
    size = 0
    with to.open("wb") as file:
        while head:
            size += len(head)
            if size > limits.download:
                raise _too_large(shown, limits.download, "an archive")
            file.write(head)
            head = next(timed, b"")
    return None


def _timed(chunks: Iterator[bytes], shown: str, deadline: float) -> Iterator[bytes]:
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise DefinitionError(f"fetching {shown!r} takes too long")
        yield chunk


def _too_large(shown: str, limit: int, what: str) -> DefinitionError:
    return DefinitionError(
        f"{shown!r} is too large", detail=f"The limit for {what} is {limit} bytes."
    )


def _refused(shown: str, response: httpx.Response) -> DefinitionError:
    place = redact_text(str(response.url))
    return DefinitionError(
        f"cannot fetch {shown!r}",
        detail=f"{place} answered {response.status_code} {response.reason_phrase}.",
        hint="a repository's URL ends in .git" if response.status_code == 404 else "",
    )
