"""Bake files to targets: finding, evaluating, selecting. No daemon; no network for local files."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from bakex.bake import definition as definitions
from bakex.bake.functions.function import Context
from bakex.bake.resolve import resolve
from bakex.errors import UsageError
from bakex.sources import inputs, local
from bakex.sources.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from bakex.bake.definition import Definition
    from bakex.bake.remote_context import Origin
    from bakex.bake.resolve import Resolution
    from bakex.config import Settings
    from bakex.diagnostics import Diagnostic
    from bakex.interfaces import DefinitionReader
    from bakex.model.bakefile import BakeFile


def read(
    settings: Settings,
    *,
    files: Sequence[str] = (),
    variables: Sequence[str] = (),
    env_files: Sequence[str] = (),
    strict: bool = False,
    url: str = "",
    context_url: str = "",
    stdin: Callable[[], bytes] | None = None,
) -> Definition:
    """Find, read and evaluate bake files.

    Args:
        settings: Working directory and environment; see `bakex.config.load`.
        files: Names as after ``-f``; none for the default names.
        variables: ``NAME=VALUE`` overrides, before the environment.
        env_files: Files whose values of variables go behind the environment.
        strict: Whether to refuse what is bakex's own; see `bakex.bake.extensions`.
        url: Of a remote definition; empty for local files. See `bakex.sources.arguments.split`.
        context_url: What ``BAKE_CMD_CONTEXT`` is; empty for the working directory.
        stdin: Reads standard input, for the file name ``-``.

    Raises:
        DefinitionError: A file is missing or wrong; all independent syntax errors are carried. Or
            the remote definition cannot be fetched.
        UsageError: A variable override is malformed.
    """
    values, warnings = _values(settings, variables, env_files)
    found, reader, origin = _find(settings, url, files, stdin or sys.stdin.buffer.read)
    definition = definitions.load(
        found,
        variables=values,
        environ=settings.environ,
        platform=settings.machine,
        context=Context(now=_now, random_bytes=os.urandom, home=str(settings.home)),
        command_context=context_url or "cwd://",
        origin=origin,
        reader=reader,
        dotenv=lambda: _dotenv(settings.cwd),
    )
    if strict:
        from bakex.bake import extensions  # noqa: PLC0415 - start-up: rarely asked for

        if env_files:
            raise UsageError(
                "--env-file is no part of the reference's language",
                hint="set the variables in the environment, or leave --strict out",
            )
        extensions.strict(definition)
    return replace(definition, warnings=(*warnings, *definition.warnings))


def define(
    settings: Settings,
    *,
    files: Sequence[str] = (),
    targets: Sequence[str] = (),
    overrides: Sequence[str] = (),
    variables: Sequence[str] = (),
    env_files: Sequence[str] = (),
    strict: bool = False,
    url: str = "",
    context_url: str = "",
    check: bool = False,
    stdin: Callable[[], bytes] | None = None,
) -> Resolution:
    """Return the targets that are asked for, ready to plan.

    Args:
        settings: Working directory and environment; see `bakex.config.load`.
        files: Names as after ``-f``; none for the default names.
        targets: Names of targets and groups; none for ``default``.
        overrides: ``--set`` expressions, in order.
        variables: ``NAME=VALUE`` overrides, before the environment.
        env_files: Files whose values of variables go behind the environment.
        strict: Whether to refuse what is bakex's own; see `bakex.bake.extensions`.
        url: Of a remote definition; empty for local files. See `bakex.sources.arguments.split`.
        context_url: What ``BAKE_CMD_CONTEXT`` is; empty for the working directory.
        check: Whether to do what `check` does, too.
        stdin: Reads standard input, for the file name ``-``.

    Raises:
        DefinitionError: A file, a name or an override is wrong.
        UsageError: A variable override is malformed.
    """
    definition = read(
        settings,
        files=files,
        variables=variables,
        env_files=env_files,
        strict=strict,
        url=url,
        context_url=context_url,
        stdin=stdin,
    )
    resolution = resolve(definition, targets, overrides)
    if strict:
        from bakex.bake import extensions  # noqa: PLC0415 - start-up: rarely asked for

        extensions.strict_targets(resolution.targets.values())
    if any(target.device for target in resolution.targets.values()):
        from bakex.api import devices  # noqa: PLC0415 - start-up: rarely asked for

        resolution = devices.applied(settings, resolution)
    if check:
        _check(settings, resolution)
    return resolution


def check(settings: Settings, resolution: Resolution) -> None:
    """Check what targets need of this machine: secrets, SSH agents and keys, destinations.

    The reference does so for ``--print``, too (spec/bake-file 5.2); listings are not checked.
    Nothing is read but whether a key is one.

    Args:
        settings: Working directory and environment.
        resolution: What will be built.

    Raises:
        DefinitionError: Names the target and what is missing; the first fault only.
    """
    if resolution.origin is not None:
        from bakex.api import remote  # noqa: PLC0415 - start-up: few definitions are remote

        remote.check_dockerfiles(settings, resolution)
        resolution = remote.as_built(settings, resolution)
    targets = resolution.targets.values()
    inputs.check_inputs(targets, cwd=settings.cwd, environ=settings.environ)


_check = check  # the function has an argument of that name


def _find(
    settings: Settings, url: str, files: Sequence[str], stdin: Callable[[], bytes]
) -> tuple[tuple[BakeFile, ...], DefinitionReader, Origin | None]:
    if url:
        from bakex.api import remote  # noqa: PLC0415 - start-up: few definitions are remote

        return remote.fetch(settings, url, files, stdin)
    found = local.find(files, cwd=settings.cwd, environ=settings.environ, stdin=stdin)
    return found, Folder(settings.cwd), None


def _values(
    settings: Settings, variables: Sequence[str], env_files: Sequence[str]
) -> tuple[Mapping[str, str], Sequence[Diagnostic]]:
    given = _variables(variables)
    if not env_files:
        return given, ()
    from bakex.api import environment  # noqa: PLC0415 - start-up: rarely asked for

    visible = definitions.visible(settings.environ)
    found, warnings = environment.read(settings, env_files, visible)
    # The environment goes before the files, so only what it does not set becomes a value here.
    unset = {name: value for name, value in found.items() if name not in visible}
    return {**unset, **given}, warnings


def _dotenv(cwd: Path) -> bytes | None:
    # Always that of the working directory, also for remote definitions; a directory is skipped.
    return None if (cwd / ".env").is_dir() else Folder(cwd).read(".env")


def _variables(items: Sequence[str]) -> Mapping[str, str]:
    pairs: dict[str, str] = {}
    for item in filter(None, items):
        name, equals, value = item.partition("=")
        if not (name and equals):
            raise UsageError(f"invalid variable {item!r}", hint="write --var NAME=VALUE")
        pairs[name] = value
    return pairs


def _now() -> datetime:
    # Not the SystemClock: that one imports asyncio, which reading a bake file does not need.
    from datetime import UTC, datetime  # noqa: PLC0415 - start-up: few files ask for the time

    return datetime.now(UTC)  # noqa: TID251 - the edge where the real time comes in
