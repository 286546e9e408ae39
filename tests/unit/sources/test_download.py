from __future__ import annotations

import io
import tarfile
import time
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DefinitionError
from bakex.sources.download import download
from bakex.sources.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from tests.unit.conftest import Web


def direct(scheme: str, host: str, port: int) -> None:
    """Return no proxy."""


def get(
    url: str,
    to: Path,
    *,
    limits: Limits | None = None,
    seconds: float = 20,
    environ: Mapping[str, str] | None = None,
) -> bytes | None:
    return download(
        url,
        to,
        environ=environ or {},
        proxy=direct,
        limits=limits or Limits(silence=10),
        deadline=time.monotonic() + seconds,
    )


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def tar(size: int = 0) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("a")
        info.size = size
        archive.addfile(info, io.BytesIO(bytes(size)))
    return buffer.getvalue()


def redirect(place: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", place)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@pytest.mark.parametrize("body", [b"", b"x = 1", b"x" * 1024, b"x" * 200_000])
def test_a_file(web: Web, to: Path, body: bytes) -> None:
    web.pages["/a.hcl"] = body
    assert get(f"{web.url}/a.hcl", to) == body
    assert not to.exists()


def test_an_archive(web: Web, to: Path) -> None:
    content = tar(300_000)
    web.pages["/a"] = content
    assert get(f"{web.url}/a", to) is None
    assert to.read_bytes() == content


def test_a_redirect(web: Web, to: Path) -> None:
    web.pages["/a"] = redirect("/b")
    web.pages["/b"] = b"x"
    assert get(f"{web.url}/a", to) == b"x"


def test_too_many_redirects(web: Web, to: Path) -> None:
    web.pages["/a"] = redirect("/a")
    with pytest.raises(DefinitionError, match="cannot fetch"):
        get(f"{web.url}/a", to)


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://host/x", "http://[::/"])
def test_redirects_to_elsewhere(web: Web, to: Path, place: str) -> None:
    web.pages["/a"] = redirect(place)
    with pytest.raises(DefinitionError, match="cannot fetch"):
        get(f"{web.url}/a", to)


def test_limits_of_size(web: Web, to: Path) -> None:
    limits = Limits(file=2000, download=20_000)
    web.pages["/fits"] = b"x" * 2000
    web.pages["/file"] = b"x" * 2001
    web.pages["/archive"] = tar(20_000)
    assert get(f"{web.url}/fits", to, limits=limits) == b"x" * 2000
    for name in ("file", "archive"):
        with pytest.raises(DefinitionError, match="is too large"):
            get(f"{web.url}/{name}", to, limits=limits)


def test_the_limit_of_a_file_is_two_megabytes() -> None:
    assert Limits().file == 2 * 1024 * 1024


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x" * 100)
            time.sleep(0.01)
    except OSError:
        handler.close_connection = True


@pytest.mark.slow
def test_time_is_limited(web: Web, to: Path) -> None:
    web.pages["/a"] = endless
    with pytest.raises(DefinitionError, match="too long"):
        get(f"{web.url}/a", to, seconds=0.2)


def test_a_server_that_says_nothing(web: Web, to: Path) -> None:
    def silent(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(1)
        handler.close_connection = True

    web.pages["/a"] = silent
    with pytest.raises(DefinitionError, match="cannot fetch"):
        get(f"{web.url}/a", to, limits=Limits(silence=0.1))


def test_a_page_that_is_not_there(web: Web, to: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot fetch") as caught:
        get(f"{web.url}/nope", to)
    assert "404" in caught.value.detail
    assert ".git" in caught.value.hint


def test_a_server_that_is_not_there(to: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot fetch"):
        get("http://127.0.0.1:1/x", to)


@pytest.mark.parametrize("url", ["http://", "https://[::", "http://host:port/", "http://a\0b/"])
def test_urls_that_are_none(to: Path, url: str) -> None:
    with pytest.raises(DefinitionError, match="cannot fetch"):
        get(url, to)


def test_credentials_are_sent_and_not_shown(web: Web, to: Path) -> None:
    web.pages["/a"] = b"x"
    url = web.url.replace("://", "://me:passw0rd@")
    assert get(f"{url}/a", to) == b"x"
    assert web.seen[-1].headers["Authorization"].startswith("Basic ")
    with pytest.raises(DefinitionError) as caught:
        get(f"{url}/nope?token=s3cret", to)
    told = caught.value.summary + caught.value.detail
    assert "passw0rd" not in told
    assert "s3cret" not in told


def test_a_proxy(web: Web, to: Path) -> None:
    web.pages["/x"] = b"of the proxy"
    asked: list[tuple[str, str, int]] = []

    def proxy(scheme: str, host: str, port: int) -> str:
        asked.append((scheme, host, port))
        return web.url

    content = download(
        "http://elsewhere.example/x",
        to,
        environ={},
        proxy=proxy,
        limits=Limits(),
        deadline=time.monotonic() + 20,
    )
    assert content == b"of the proxy"
    assert asked == [("http", "elsewhere.example", 80)]


def test_certificates_that_cannot_be_read(web: Web, to: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot fetch"):
        get(f"{web.url}/a", to, environ={"SSL_CERT_FILE": "/nope"})


def test_an_archive_that_cannot_be_kept(web: Web, tmp_path: Path) -> None:
    web.pages["/a"] = tar()
    with pytest.raises(DefinitionError, match="cannot fetch"):
        get(f"{web.url}/a", tmp_path)
