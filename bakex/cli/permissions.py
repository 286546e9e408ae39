"""Asking for privileges that a build needs and nobody has granted yet (spec/bake-file 5.9)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bakex.api.privileges import request
from bakex.bake.entitlements import Grant, Kind, refusal
from bakex.cli.streams import say
from bakex.diagnostics import Diagnostic, render
from bakex.progress.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.entitlements import Entitlement
    from bakex.bake.resolve import Resolution
    from bakex.config import Settings

_QUESTION = "Do you want to grant requested privileges and continue? [y/N] "


def permitted(
    settings: Settings,
    resolution: Resolution,
    *,
    allow: Sequence[str],
    overrides: Sequence[str],
    rawjson: bool = False,
    ask: bool = True,
) -> tuple[str, ...]:
    """Return the ``--allow`` options with which the build may go on, after asking if need be.

    Args:
        settings: Working directory and environment.
        resolution: What is to be built.
        allow: ``--allow`` options as given.
        overrides: ``--set`` options as given.
        rawjson: Progress is for a program: as in the reference it decides what may be built, and
            only the deletion of files is refused.
        ask: Whether a person may be asked, if one is there.

    Raises:
        EntitlementError: Something is missing, and nobody granted it.
        UsageError: An ``--allow`` option that is malformed.
        ConfigError: ``BUILDX_BAKE_ENTITLEMENTS_FS`` is no boolean.
    """
    asked = request(settings, resolution, allow=allow, overrides=overrides)
    blocking, told = asked.blocking, asked.lacking
    if rawjson:
        blocking = told = tuple(item for item in asked.blocking if item.kind is Kind.DELETE)
    if blocking and not (ask and sys.stdin.isatty() and _granted(told)):
        raise refusal(told)
    if told and not blocking:
        say(_notice(told))
    granted = (*Grant.parse((), overrides).entitlements, *asked.lacking)
    return (*allow, *(str(item) for item in granted))


def _granted(lacking: Sequence[Entitlement]) -> bool:
    say(_notice(lacking))
    sys.stderr.write(_QUESTION)
    sys.stderr.flush()
    return sys.stdin.readline().strip() in {"y", "Y"}


def _notice(lacking: Sequence[Entitlement]) -> str:
    error = refusal(lacking)
    notice = Diagnostic(
        code=error.code,
        severity="warning",
        summary=error.summary,
        detail=error.detail,
        hint=error.hint,
    )
    return "\n".join(clean(line) for line in render(notice).split("\n"))
