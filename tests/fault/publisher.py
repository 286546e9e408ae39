"""Publishes over and over, each time in a process of its own that can be killed.

Reads lines ``WORD SECONDS CONTENT`` and answers each with what became of it. ``bake`` bakes two
targets with that content, ``finish`` finishes what the record in the state directory says. The
process is killed after that time, and never for a time of 0. Everything is imported once, so that
an attempt takes no longer than its requests.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from bakex.api import define
from bakex.api.client import Client
from bakex.api.connect import Connected
from bakex.api.publication import complete, unfinished
from bakex.config import Settings, load
from bakex.registry.client import RegistryClient
from bakex.run.clock import SystemClock
from bakex.testing.engine import ImageEngine
from bakex.testing.fakes import EventRecorder, fake_node
from bakex.testing.keychain import StaticKeychain


async def bake(settings: Settings, host: str, content: bytes) -> None:
    resolution = define(settings, targets=["app", "db"], variables=[f"HOST={host}"])
    registry = RegistryClient(
        keychain=StaticKeychain(), settings=settings, clock=SystemClock(), certificates=()
    )
    engines = [
        ImageEngine(info=fake_node(name, native=[platform]), registry=registry, content=content)
        for name, platform in (("one", "linux/amd64"), ("two", "linux/arm64"))
    ]
    client = Client(
        settings=settings,
        nodes=[Connected(info=engine.info, engine=engine) for engine in engines],
        registry=registry,
        loader=None,
        events=EventRecorder(),
        clock=SystemClock(),
    )
    await client.bake(resolution)
    await registry.aclose()


async def finish(settings: Settings) -> None:
    for path, _ in unfinished(settings):
        await complete(settings, path, events=EventRecorder())


def attempt(word: str, host: str, content: str) -> None:
    settings = load()
    job = finish(settings) if word == "finish" else bake(settings, host, content.encode())
    asyncio.run(job)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main() -> None:
    host = sys.argv[1]
    asyncio.run(bake(load(), host, b"warm-up"))
    say("ready")
    for line in sys.stdin:
        word, seconds, content = line.split()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                attempt(word, host, content)
                code = 0
            finally:
                os._exit(code)
        started = time.monotonic()
        if float(seconds):
            time.sleep(float(seconds))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        say(os.waitstatus_to_exitcode(status), time.monotonic() - started)


if __name__ == "__main__":
    assert Path("docker-bake.hcl").is_file()
    main()
