"""Credential helpers: ``docker-credential-NAME get|store|erase`` (docker-credential-helpers).

The server, or what is to be stored as JSON, goes in on standard input; JSON comes out on standard
output. What the program prints is never logged or shown: it may be a password.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from bakex.registry.credential import Credential

if TYPE_CHECKING:
    from asyncio.subprocess import Process

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
TOKEN_USER = "<token>"  # noqa: S105 - the protocol's marker for an identity token
_NOTHING = b"credentials not found"  # what the protocol's own library prints, with some more words
_GRACE_S = 2.0  # between SIGTERM and SIGKILL
_MAX_OUTPUT = 1 << 20


class HelperFailedError(Exception):
    """The helper is missing, failed, or took too long; the message is safe to show."""


async def ask(
    name: str, server: str, environ: Mapping[str, str], *, timeout_s: float = 30.0
) -> Credential | None:
    """Return what a helper has for a server; None if it has nothing.

    The program runs in its own process group, which does not outlive this call: it is stopped when
    the time is over and when the caller is cancelled.

    Raises:
        HelperFailedError: It is missing, failed, took too long, or gave something else than JSON.
    """
    status, output = await _run(name, "get", server.encode(), environ, timeout_s)
    return _read(_program(name), status, output)


async def store(
    name: str,
    server: str,
    credential: Credential,
    environ: Mapping[str, str],
    *,
    timeout_s: float = 30.0,
) -> None:
    """Have a helper keep the credentials for a server, in place of those that it has.

    Raises:
        HelperFailedError: It is missing, failed, or took too long.
    """
    document = {
        "ServerURL": server,
        "Username": TOKEN_USER if credential.is_token else credential.username,
        "Secret": credential.secret,
    }
    status, _ = await _run(name, "store", json.dumps(document).encode(), environ, timeout_s)
    if status:
        raise HelperFailedError(f"{_program(name)} failed with status {status}")


async def erase(
    name: str, server: str, environ: Mapping[str, str], *, timeout_s: float = 30.0
) -> None:
    """Have a helper forget the credentials for a server; nothing to forget is no failure.

    Raises:
        HelperFailedError: It is missing, failed, or took too long.
    """
    status, output = await _run(name, "erase", server.encode(), environ, timeout_s)
    if status and _NOTHING not in output:
        raise HelperFailedError(f"{_program(name)} failed with status {status}")


def _program(name: str) -> str:
    return f"docker-credential-{name}"


async def _run(
    name: str, verb: str, sent: bytes, environ: Mapping[str, str], timeout_s: float
) -> tuple[int, bytes]:
    program = _program(name)
    path = shutil.which(program, path=environ.get("PATH", "")) if _NAME.fullmatch(name) else None
    if path is None:
        raise HelperFailedError(f"the credential helper {program} is not on the PATH")
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            verb,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(environ),
            start_new_session=True,
        )
    except OSError as error:
        raise HelperFailedError(f"cannot run {program}: {error.strerror}") from None
    try:
        async with asyncio.timeout(timeout_s):
            output, _ = await process.communicate(sent)
    except TimeoutError:
        raise HelperFailedError(f"{program} gave no answer in {timeout_s:.0f} seconds") from None
    finally:
        await _stop(process)
    return process.returncode or 0, output


def _read(program: str, status: int, output: bytes) -> Credential | None:
    if status:
        if _NOTHING in output:
            return None
        raise HelperFailedError(f"{program} failed with status {status}")
    try:
        document: object = json.loads(output[:_MAX_OUTPUT])
    except (ValueError, RecursionError):
        raise HelperFailedError(f"{program} gave no valid JSON") from None
    if not isinstance(document, Mapping):
        raise HelperFailedError(f"{program} gave no JSON object")
    fields = cast("Mapping[str, object]", document)
    username, secret = str(fields.get("Username") or ""), str(fields.get("Secret") or "")
    if username == TOKEN_USER:
        return Credential(secret=secret, is_token=True)
    return Credential(username=username, secret=secret) if username else None


async def _stop(process: Process) -> None:
    """End whatever is left of the helper's process group; bounded."""
    if process.returncode is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await process.wait()
                return
