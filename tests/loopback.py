"""Ports of the loopback address, and Debian's docker-registry on one."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_S = 30


def free_port() -> int:
    """Return a loopback port that nobody uses at this moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    program: Path,
    folder: Path,
    port: int,
    *,
    http: str = "",
    auth: str = "",
    access_log: bool = False,
    deletes: bool = True,
) -> Iterator[None]:
    """Run a registry with its content in ``data`` and its messages in ``log`` of a folder.

    Args:
        program: docker-registry.
        folder: Where everything of it is.
        port: On which it listens.
        http: More of its section ``http``, beginning with a comma.
        auth: Its section ``auth``.
        access_log: Whether requests are in the log, too.
        deletes: Whether it lets clients delete.
    """
    config, log = folder / "config.yml", folder / "log"
    config.write_text(
        f"""\
version: 0.1
log: {{level: warn, accesslog: {{disabled: {str(not access_log).lower()}}}}}
storage:
  filesystem: {{rootdirectory: {folder / "data"}}}
  delete: {{enabled: {str(deletes).lower()}}}
http: {{addr: "127.0.0.1:{port}"{http}}}
{auth}
"""
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "serve", config], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + START_S
        while not _answers(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the registry does not answer"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False
