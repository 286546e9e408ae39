"""Bake files to targets: reading, evaluating, selecting. No daemon and no network."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from bakex.bake import definition as definitions
from bakex.bake import source
from bakex.bake.functions.function import Context
from bakex.bake.resolve import resolve
from bakex.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from bakex.bake.definition import Definition
    from bakex.bake.resolve import Resolution
    from bakex.config import Settings


def read(
    settings: Settings,
    *,
    files: Sequence[str] = (),
    variables: Sequence[str] = (),
    stdin: Callable[[], bytes] | None = None,
) -> Definition:
    """Find, read and evaluate bake files.

    Args:
        settings: Working directory and environment; see `bakex.config.load`.
        files: Names as after ``-f``; none for the default names.
        variables: ``NAME=VALUE`` overrides, before the environment.
        stdin: Reads standard input, for the file name ``-``.

    Raises:
        DefinitionError: A file is missing or wrong; all independent syntax errors are carried.
        UsageError: A variable override is malformed.
    """
    return definitions.load(
        source.find(
            files,
            cwd=settings.cwd,
            environ=settings.environ,
            stdin=stdin or sys.stdin.buffer.read,
        ),
        variables=_variables(variables),
        environ=settings.environ,
        platform=settings.machine,
        context=Context(now=_now, random_bytes=os.urandom, home=str(settings.home)),
    )


def define(
    settings: Settings,
    *,
    files: Sequence[str] = (),
    targets: Sequence[str] = (),
    overrides: Sequence[str] = (),
    variables: Sequence[str] = (),
    stdin: Callable[[], bytes] | None = None,
) -> Resolution:
    """Return the targets that are asked for, ready to plan.

    Args:
        settings: Working directory and environment; see `bakex.config.load`.
        files: Names as after ``-f``; none for the default names.
        targets: Names of targets and groups; none for ``default``.
        overrides: ``--set`` expressions, in order.
        variables: ``NAME=VALUE`` overrides, before the environment.
        stdin: Reads standard input, for the file name ``-``.

    Raises:
        DefinitionError: A file, a name or an override is wrong.
        UsageError: A variable override is malformed.
    """
    definition = read(settings, files=files, variables=variables, stdin=stdin)
    return resolve(definition, targets, overrides)


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
