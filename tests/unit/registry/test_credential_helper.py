"""Credential helpers as programs."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from bakex.registry.credential import Credential
from bakex.registry.credential_helper import HelperFailedError, ask, erase, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": f"{tmp_path}:/usr/bin:/bin", "MARK": str(tmp_path / "mark")}


@pytest.fixture
def helper(tmp_path: Path) -> Callable[[str], None]:
    def write(script: str) -> None:
        file = tmp_path / "docker-credential-test"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    return write


async def test_a_name_and_a_secret(helper: Callable[[str], None], environ: dict[str, str]) -> None:
    helper("""test "$1" = get && read -r server
printf '{"ServerURL":"%s","Username":"joe","Secret":"%s!"}' "$server" "$server" """)
    found = await ask("test", "reg:5000", environ)
    assert found == Credential(username="joe", secret="reg:5000!")


async def test_an_identity_token(helper: Callable[[str], None], environ: dict[str, str]) -> None:
    helper("""echo '{"Username":"<token>","Secret":"id"}'""")
    assert await ask("test", "reg", environ) == Credential(secret="id", is_token=True)


@pytest.mark.parametrize(
    "script",
    [
        "echo credentials not found in native keychain; exit 1",
        """echo '{"Username":"","Secret":""}'""",
        "echo '{}'",
    ],
)
async def test_nothing(helper: Callable[[str], None], environ: dict[str, str], script: str) -> None:
    helper(script)
    assert await ask("test", "reg", environ) is None


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo hunter2; exit 3", "failed with status 3"),
        ("echo hunter2", "no valid JSON"),
        ("""echo '["hunter2"]'""", "no JSON object"),
        ("kill -9 $$", "failed with status"),
    ],
)
async def test_failures_do_not_show_the_output(
    helper: Callable[[str], None], environ: dict[str, str], script: str, message: str
) -> None:
    helper(script)
    with pytest.raises(HelperFailedError, match=message) as caught:
        await ask("test", "reg", environ)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing", "../evil", "", "a/b"])
async def test_what_is_not_there_fails(environ: dict[str, str], name: str) -> None:
    with pytest.raises(HelperFailedError, match="is not on the PATH"):
        await ask(name, "reg", environ)


async def test_what_cannot_run_fails(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "docker-credential-test").write_text("#!/nonexistent/interpreter\n")
    (tmp_path / "docker-credential-test").chmod(0o755)
    with pytest.raises(HelperFailedError, match="cannot run"):
        await ask("test", "reg", environ)


@pytest.mark.slow
async def test_a_slow_helper_and_its_children_are_ended(
    helper: Callable[[str], None], environ: dict[str, str], tmp_path: Path
) -> None:
    helper('sleep 60 & echo $! > "$MARK"; wait')
    with pytest.raises(HelperFailedError, match="gave no answer"):
        await ask("test", "reg", environ, timeout_s=0.5)
    await _gone(int((tmp_path / "mark").read_text()))


async def test_cancelling_ends_the_helper(
    helper: Callable[[str], None], environ: dict[str, str], tmp_path: Path
) -> None:
    helper('echo $$ > "$MARK.part"; mv "$MARK.part" "$MARK"; exec sleep 60')
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ask("test", "reg", environ))
        while not (tmp_path / "mark").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
        task.cancel()
    await _gone(int((tmp_path / "mark").read_text()))


async def _gone(process: int) -> None:
    deadline = time.monotonic() + 5
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(process, 0)
            await asyncio.sleep(0.01)
        pytest.fail("the process is still there")


async def test_storing_and_erasing(
    helper: Callable[[str], None], environ: dict[str, str], tmp_path: Path
) -> None:
    helper('echo "$1 $(cat)" >> "$MARK"')
    await store("test", "reg:5000", Credential(username="joe", secret='a"b'), environ)
    await store("test", "reg", Credential(secret="id", is_token=True), environ)
    await erase("test", "reg:5000", environ)
    assert (tmp_path / "mark").read_text().splitlines() == [
        r'store {"ServerURL": "reg:5000", "Username": "joe", "Secret": "a\"b"}',
        'store {"ServerURL": "reg", "Username": "<token>", "Secret": "id"}',
        "erase reg:5000",
    ]


async def test_storing_and_erasing_may_fail(
    helper: Callable[[str], None], environ: dict[str, str]
) -> None:
    helper("echo hunter2; exit 3")
    for job in (store("test", "reg", Credential(), environ), erase("test", "reg", environ)):
        with pytest.raises(HelperFailedError, match="failed with status 3") as caught:
            await job
        assert "hunter2" not in str(caught.value)
    helper("echo credentials not found in native keychain; exit 1")
    await erase("test", "reg", environ)
