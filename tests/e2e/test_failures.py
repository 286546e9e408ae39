"""What a person sees when something goes wrong, with a real engine."""

from __future__ import annotations

import http.server
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.config import load
from bakex.nodes.drivers.private import PrivateEngine
from bakex.run.clock import SystemClock
from tests.loopback import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.conftest import TestEngine
    from tests.e2e.conftest import Bakex

DOCKERFILE = "FROM base\nRUN echo before-the-failure && false\n"
SLOW = "FROM base\nRUN echo it-has-begun && sleep 300\n"


@pytest.fixture
def project(tmp_path: Path, hello_base: str) -> Path:
    target = {
        "contexts": {"base": hello_base},
        "platforms": ["linux/amd64"],
        "output": ["type=cacheonly"],
    }
    (tmp_path / "docker-bake.json").write_text(json.dumps({"target": {"app": target}}))
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    return tmp_path


def pushed_to(host: str) -> tuple[str, ...]:
    """Return the flags that have the result pushed."""
    return ("--set", f"app.tags={host}/app:1", "--set", "app.output=type=registry")


def test_a_syntax_error(bakex: Bakex, tmp_path: Path) -> None:
    (tmp_path / "docker-bake.hcl").write_text('target "app" {\n  tags = [\n}\n')
    done = bakex("bake", cwd=tmp_path, code=3)
    assert "docker-bake.hcl:3:1" in done.stderr
    assert "3 | }" in done.stderr
    assert "^" in done.stderr


def test_an_unknown_target(bakex: Bakex, project: Path) -> None:
    done = bakex("bake", "ap", cwd=project, code=3)
    assert "'ap'" in done.stderr
    assert "app" in done.stderr.partition("hint:")[2] or "did you mean" in done.stderr


def test_a_failing_step(bakex: Bakex, project: Path, allow: list[str]) -> None:
    done = bakex("bake", "app", *allow, cwd=project, code=1)
    assert "Dockerfile:2" in done.stderr
    assert "RUN echo before-the-failure && false" in done.stderr
    assert "before-the-failure" in done.stderr
    assert "BX4002" in done.stderr


def test_no_node_for_a_platform(bakex: Bakex, project: Path, allow: list[str]) -> None:
    done = bakex("bake", "app", *allow, "--platform", "linux/sparc64", cwd=project, code=4)
    assert "BX3001" in done.stderr
    assert "linux/sparc64" in done.stderr


@pytest.fixture
def refusing_registry() -> Iterator[str]:
    """Return a registry that lets nobody push."""

    class Handler(http.server.BaseHTTPRequestHandler):
        # To a TLS handshake, too, the answer has a status line: clients then fall back to HTTP.
        default_request_version = "HTTP/1.1"

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self) -> None:
            self.answer(200, b"{}")

        def do_HEAD(self) -> None:
            self.answer(404, b"")

        def do_POST(self) -> None:
            denied = {"code": "DENIED", "message": "requested access is denied"}
            self.answer(403, json.dumps({"errors": [denied]}).encode())

        do_PUT = do_POST  # noqa: N815 - a name that the base class looks for

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_registry_that_refuses(
    bakex: Bakex, project: Path, allow: list[str], refusing_registry: str
) -> None:
    (project / "Dockerfile").write_text("FROM base\n")
    done = bakex("bake", "app", *allow, *pushed_to(refusing_registry), cwd=project, code=5)
    assert refusing_registry in done.stderr
    assert "403" in done.stderr or "denied" in done.stderr


def test_a_registry_that_is_not_there(bakex: Bakex, project: Path, allow: list[str]) -> None:
    host = f"127.0.0.1:{free_port()}"
    (project / "Dockerfile").write_text("FROM base\n")
    done = bakex("bake", "app", *allow, *pushed_to(host), cwd=project, code=5)
    assert host in done.stderr


def test_no_engine_at_the_address(bakex: Bakex, project: Path, allow: list[str]) -> None:
    done = bakex(
        *("bake", "app", *allow, "--builder", f"unix://{project}/none.sock"), cwd=project, code=4
    )
    assert "there is no such socket" in done.stderr
    assert "BX3501" in done.stderr


def until_output_has(process_output: Iterator[str], text: str) -> str:
    """Read lines until one has a text; return what was read."""
    read = ""
    for line in process_output:
        read += line
        if text in line and "RUN" not in line:
            return read
    pytest.fail(f"{text!r} did not come:\n{read}")


def commands_running(text: str) -> list[str]:
    """Return the command lines of processes that have an argument with a text."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if text in line:
                found.append(line)
    return found


def test_ctrl_c_stops_the_steps(bakex: Bakex, project: Path, allow: list[str]) -> None:
    # A duration that nothing else on this machine sleeps for.
    marked = f"sleep {300 + os.getpid() / 1e7:.7f}"
    (project / "Dockerfile").write_text(f"FROM base\nRUN echo it-has-begun && {marked}\n")
    with bakex.start("bake", "app", *allow, "--progress", "plain", cwd=project) as process:
        assert process.stdout is not None
        until_output_has(iter(process.stdout), "it-has-begun")
        assert commands_running(marked)
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(timeout=30) == 130, rest
        while commands_running(marked):
            assert time.monotonic() - began < 3, "the step goes on"
            time.sleep(0.05)
        assert "Traceback" not in rest


@pytest.fixture
async def own_engine(engine: TestEngine, tmp_path: Path) -> AsyncIterator[PrivateEngine]:
    """Return an engine that may be killed."""
    settings = load({**engine.environment, "XDG_CACHE_HOME": str(tmp_path / "cache")})
    private = PrivateEngine(settings, SystemClock())
    await private.start()
    yield private
    await private.prune()


async def test_a_daemon_that_goes_away(
    bakex: Bakex, project: Path, allow: list[str], own_engine: PrivateEngine, tmp_path: Path
) -> None:
    (project / "Dockerfile").write_text(SLOW)
    status = await own_engine.status()
    arguments = ("bake", "app", *allow, "--progress", "plain", "--builder", "private")
    with bakex.start(*arguments, cwd=project, XDG_CACHE_HOME=str(tmp_path / "cache")) as process:
        assert process.stdout is not None
        until_output_has(iter(process.stdout), "it-has-begun")
        os.kill(status.pid, signal.SIGKILL)
        rest = process.stdout.read()
        assert process.wait(timeout=60) in {1, 4}, rest
        assert "BX3502" in rest
        assert "Traceback" not in rest
