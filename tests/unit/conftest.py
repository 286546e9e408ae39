"""A web server and git repositories on this machine."""

from __future__ import annotations

import os
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_ALLOW_PROTOCOL": "file:http",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request that came in."""

    path: str
    headers: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Web:
    """A web server; `/git/` is served by git itself, `/dumb/` as files, both from `root`.

    Attributes:
        pages: Path -> body, or what writes the answer itself.
        authorization: The header that git repositories want; empty for none.
    """

    url: str
    root: Path
    pages: dict[str, bytes | Callable[[BaseHTTPRequestHandler], None]] = field(
        default_factory=dict[str, "bytes | Callable[[BaseHTTPRequestHandler], None]"]
    )
    seen: list[Seen] = field(default_factory=list[Seen])
    authorization: str = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.web.seen.append(Seen(path=self.path, headers=dict(self.headers)))
        page = self.web.pages.get(url.path)
        if callable(page):
            page(self)
        elif page is not None:
            self.answer(200, page)
        elif url.path.startswith(("/git/", "/dumb/")) and not self.allowed():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif url.path.startswith("/git/"):
            self.backend(url.path.removeprefix("/git"), url.query)
        else:
            file = self.web.root / unquote(url.path.removeprefix("/dumb/"))
            if file.is_file():
                self.answer(200, file.read_bytes())
            else:
                self.answer(404, b"not here")

    do_POST = do_GET  # noqa: N815 - its name there

    def allowed(self) -> bool:
        wanted = self.web.authorization
        return not wanted or self.headers.get("Authorization") == wanted

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def backend(self, path: str, query: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        environ = {
            **GIT,
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.web.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"],
            input=self.rfile.read(length),
            capture_output=True,
            env=environ,
            check=False,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(headers.pop("Status", "200 OK").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """Return a server on a free port of the loopback interface."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    root = tmp_path / "served"
    root.mkdir()
    found = Web(url=f"http://127.0.0.1:{server.server_address[1]}", root=root)
    server.RequestHandlerClass = type("Bound", (Handler,), {"web": found})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A bare repository, and a clone of it to work in."""

    work: Path
    bare: Path

    def git(self, *argv: str) -> str:
        done = subprocess.run(
            ["git", *argv],
            cwd=self.work,
            env={**GIT, "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str], message: str = "x") -> str:
        """Commit files on the current branch, publish everything, and return the commit."""
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        self.publish()
        return self.git("rev-parse", "HEAD")

    def publish(self) -> None:
        self.git("push", "-q", "--all", "origin")
        self.git("push", "-q", "--tags", "origin")
        self.git("--git-dir", str(self.bare), "update-server-info")


def repository(root: Path, name: str = "repo.git") -> Repository:
    """Make an empty repository that is served."""
    bare, work = root / name, root / f"{name}.work"
    environ = {**GIT, "PATH": os.environ["PATH"]}
    for argv in (
        ["git", "init", "-q", "--bare", "-b", "main", str(bare)],
        ["git", "init", "-q", "-b", "main", str(work)],
        ["git", "-C", str(work), "remote", "add", "origin", str(bare)],
    ):
        subprocess.run(argv, env=environ, check=True)
    return Repository(work=work, bare=bare)


@pytest.fixture
def new_repository(web: Web) -> Callable[[str], Repository]:
    """Return a function that makes an empty repository of a name below `web.root`."""
    return lambda name: repository(web.root, name)


@pytest.fixture
def repo(web: Web) -> Repository:
    """Return a repository with one bake file; `/git/repo.git` and `/dumb/repo.git`."""
    found = repository(web.root)
    found.commit({"docker-bake.hcl": 'target "default" {}', "sub/x.hcl": 'target "x" {}'})
    return found
