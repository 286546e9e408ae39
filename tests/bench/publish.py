"""Bakes many images for a registry: ``publish.py HOST IMAGES PLATFORM...``.

Everything but the builds is real: each cell's image is made in an instant and pushed by digest, as
a node does it; then come the indexes, the checks, and the tags. Prints how long it took from the
last cell on, in seconds, and the most memory that was used, in KiB.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.api import define
from bakex.api.client import Client
from bakex.api.connect import Connected
from bakex.config import load
from bakex.registry.client import RegistryClient
from bakex.run.clock import SystemClock
from bakex.testing.engine import ImageEngine
from bakex.testing.fakes import fake_node
from bakex.testing.keychain import StaticKeychain
from tests.bench.push import peak

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.events import Event

BAKE = """\
target "default" {{
  name      = "app-${{n}}"
  matrix    = {{ n = [{numbers}] }}
  platforms = [{platforms}]
  tags      = ["{host}/bench/app-${{n}}:1"]
  output    = ["type=registry"]
}}
"""


class LastCell:
    """An `EventSink` that knows when the last cell was done."""

    def __init__(self) -> None:
        self.at = time.monotonic()

    def emit(self, event: Event) -> None:
        """Take an event."""
        if type(event).__name__ == "CellFinished":
            self.at = time.monotonic()


def prepare(host: str, images: int, platforms: Sequence[str]) -> None:
    """Write the files of the bake to the working directory."""
    numbers = ", ".join(f'"{number}"' for number in range(images))
    listed = ", ".join(f'"{platform}"' for platform in platforms)
    Path("docker-bake.hcl").write_text(BAKE.format(numbers=numbers, platforms=listed, host=host))
    Path("Dockerfile").write_text("FROM scratch\n")


async def publish(platforms: Sequence[str]) -> float:
    """Bake what the working directory says; return the seconds from the last cell on."""
    settings, clock = load(), SystemClock()
    registry, nodes = (
        RegistryClient(keychain=StaticKeychain(), settings=settings, clock=clock) for _ in range(2)
    )
    engines = [
        ImageEngine(
            info=fake_node(f"node-{number}", native=[platform]),
            registry=nodes,  # what they know of the registry, the client does not
            content=platform.encode(),
        )
        for number, platform in enumerate(platforms)
    ]
    last = LastCell()
    client = Client(
        settings=settings,
        nodes=[Connected(info=engine.info, engine=engine) for engine in engines],
        registry=registry,
        loader=None,
        events=last,
        clock=clock,
    )
    try:
        await client.bake(define(settings))
    finally:
        await registry.aclose()
        await nodes.aclose()
    return time.monotonic() - last.at


if __name__ == "__main__":
    prepare(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
    seconds = asyncio.run(publish(sys.argv[3:]))
    sys.stdout.write(f"{seconds} {peak()}\n")
