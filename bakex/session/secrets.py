"""The secrets service: values for secret mounts, and tokens for git and HTTP sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex._pb import bk_pb2 as pb
from bakex.errors import SessionError
from bakex.model.secrets import SecretValue
from bakex.session.attachable import CallError, Status
from bakex.session.blocking import in_thread
from bakex.session.requests import only_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bakex.model.secrets import Secret
    from bakex.session.attachable import Call, Handler

MAX_SECRET_SIZE = 500 * 1024
"""Bytes; BuildKit refuses more (session/secrets, MaxSecretSize)."""


class Secrets:
    """Hands out values by id; a value is fetched each time it is asked for, and never kept."""

    def __init__(self, values: Mapping[str, Callable[[], SecretValue]]) -> None:
        """Take the sources of the values; they may block and may raise SessionError."""
        self._values = dict(values)

    def services(self) -> Mapping[str, Handler]:
        """Return the method that hands out a secret."""
        return {"/moby.buildkit.secrets.v1.Secrets/GetSecret": self._get_secret}

    async def _get_secret(self, call: Call) -> None:
        request = await only_request(call, pb.GetSecretRequest)
        source = self._values.get(request.id)
        if source is None:
            # Makes a mount with required=false succeed without the secret.
            raise CallError(Status.NOT_FOUND, f"secret {request.id}: not found")
        try:
            data = (await in_thread(source)).reveal()
            _check_size(request.id, len(data))
        except SessionError as error:
            raise CallError(Status.INTERNAL, error.summary) from error
        await call.send(pb.GetSecretResponse(data=data).SerializeToString())


def secret_source(
    secret: Secret, *, environ: Mapping[str, str], cwd: Path
) -> Callable[[], SecretValue]:
    """Return what fetches a secret's value.

    A variable that was named but is not set is an empty secret, as with docker. The choice between
    variable and file is made now; the value itself is read on each call.

    Args:
        secret: The secret as it was defined.
        environ: The variables it may be taken from.
        cwd: The directory that its file's path is relative to.

    Raises:
        SessionError: The file is not there or too large; raised by the returned function as well.
    """
    name = secret.env or (secret.id if not secret.src and secret.id in environ else "")
    if name:
        return lambda: SecretValue(environ.get(name, "").encode("utf-8", "surrogateescape"))
    path = cwd / (secret.src or secret.id)
    try:
        _check_size(secret.id, path.stat().st_size)
    except OSError as error:
        raise _unreadable(secret.id, path, error) from error

    def read() -> SecretValue:
        try:
            with path.open("rb") as file:
                # One byte more, so that a file that grew is refused and not cut off.
                return SecretValue(file.read(MAX_SECRET_SIZE + 1))
        except OSError as error:
            raise _unreadable(secret.id, path, error) from error

    return read


def _check_size(secret_id: str, size: int) -> None:
    if size > MAX_SECRET_SIZE:
        raise SessionError(
            f"secret {secret_id!r} is larger than 500 KiB",
            detail="BuildKit does not take larger secrets.",
        )


def _unreadable(secret_id: str, path: Path, error: OSError) -> SessionError:
    reason = (error.strerror or "input/output error").lower()
    return SessionError(
        f"secret {secret_id!r}: cannot read {str(path)!r}: {reason}",
        hint="give the secret another src, or an env",
    )
