"""What must hold on this machine before a target is built: secrets, SSH, destinations.

Apart from resolution, which is pure. The reference makes these checks for ``--print``, too
(spec/bake-file 3.2.2 to 3.2.4). No value of a secret is read.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from bakex.errors import DefinitionError
from bakex.model.outputs import STDOUT
from bakex.model.remote import is_git_over_ssh
from bakex.model.ssh import Ssh

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bakex.model.outputs import Output
    from bakex.model.secrets import Secret
    from bakex.model.target import Target

MAX_SECRET_SIZE = 500 * 1024  # bytes; BuildKit session/secrets MaxSecretSize
_AGENT = "SSH_AUTH_SOCK"


def check_inputs(targets: Iterable[Target], *, cwd: Path, environ: Mapping[str, str]) -> None:
    """Check what the targets need of the file system and the environment.

    Args:
        targets: Those that will be built.
        cwd: What relative paths are relative to.
        environ: Where secrets and the SSH agent are looked up.

    Raises:
        DefinitionError: Names the target and what is missing; the first fault only.
    """
    for target in targets:
        try:
            for form in target.effective():
                _check(form, cwd, environ)
        except DefinitionError as error:
            error.summary = f"target {target.name!r}: {error.summary}"
            error.args = (error.summary,)
            raise


def _check(target: Target, cwd: Path, environ: Mapping[str, str]) -> None:
    for secret in target.secret:
        _secret(secret, cwd, environ)
    ssh = target.ssh
    if not ssh and target.context and is_git_over_ssh(target.context):
        ssh = (Ssh(),)
    for entry in ssh:
        _ssh(entry, cwd, environ)
    for output in target.output:
        _output(output, cwd)


def _secret(secret: Secret, cwd: Path, environ: Mapping[str, str]) -> None:
    if not secret.id:
        raise DefinitionError("secret without an id", hint="add id=NAME")
    # A variable that is not set makes an empty secret, as in the reference.
    if secret.env or (not secret.src and secret.id in environ):
        return
    path = secret.src or secret.id
    status = _status(cwd / path)
    if status is None:
        raise DefinitionError(
            f"secret {secret.id!r}: no such file: {path!r}",
            hint="name a file with src= or a variable with env=",
        )
    if stat.S_ISDIR(status.st_mode):
        raise DefinitionError(f"secret {secret.id!r}: {path!r} is a directory")
    if status.st_size > MAX_SECRET_SIZE:
        raise DefinitionError(
            f"secret {secret.id!r}: {path!r} is larger than {MAX_SECRET_SIZE} bytes"
        )


def _ssh(entry: Ssh, cwd: Path, environ: Mapping[str, str]) -> None:
    if not entry.paths:
        agent = environ.get(_AGENT, "")
        if not agent:
            raise DefinitionError(
                f"ssh {entry.id!r}: there is no agent",
                detail=f"{_AGENT} is not set.",
                hint="start an agent, or name a key file in ssh",
            )
        status = _status(cwd / agent)
        if status is None or not stat.S_ISSOCK(status.st_mode):
            raise DefinitionError(f"ssh {entry.id!r}: {_AGENT} is no socket: {agent!r}")
        return
    for path in entry.paths:
        status = _status(cwd / path)
        if status is None:
            raise DefinitionError(f"ssh {entry.id!r}: no such file: {path!r}")
        if not stat.S_ISSOCK(status.st_mode) and not _is_key(cwd / path):
            raise DefinitionError(
                f"ssh {entry.id!r}: {path!r} is neither a socket nor a private key"
            )


def _is_key(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return b"PRIVATE KEY-----" in stream.read(MAX_SECRET_SIZE)
    except OSError:
        return False


def _output(output: Output, cwd: Path) -> None:
    if output.dest in {"", STDOUT}:
        return
    status = _status(cwd / output.dest)
    if status is None:
        return
    is_directory = stat.S_ISDIR(status.st_mode)
    to_directory = output.type == "local" or (output.type in {"oci", "docker"} and output.unpacked)
    if to_directory and not is_directory:
        raise DefinitionError(f"the destination {output.dest!r} is a file, not a directory")
    if output.type in {"tar", "oci", "docker"} and not to_directory and is_directory:
        raise DefinitionError(
            f"the destination {output.dest!r} is a directory", hint="name a file in it"
        )


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):
        return None
