"""`bakex ci matrix`: the jobs that bake a project in parts, for the CI systems that start them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bakex.api.shards import platforms_of
from bakex.errors import DefinitionError, UsageError
from bakex.model.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.bake.resolve import Resolution

_BY = ("platform", "target")
_FORMATS = ("github", "gitlab")
_JOB = "bakex-shard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One job.

    Attributes:
        name: Safe in names of files and artifacts.
        target: What it bakes; empty for all that is asked for.
        platform: Of which platforms, separated by commas.
        runner: On what it runs; empty if that was not said.
    """

    name: str
    target: str
    platform: str
    runner: str = ""


def matrix(
    resolution: Resolution, *, format_: str, by: str, runners: Sequence[str], default: str
) -> str:
    """Return the matrix in the words of a CI system; ends with a newline.

    Args:
        resolution: What is to be baked.
        format_: ``github`` or ``gitlab``.
        by: ``platform`` for shards that are merged, ``target`` for bakes of their own.
        runners: ``PLATFORM=RUNNER``: what a platform's job runs on.
        default: The runner of the others; empty for none.

    Raises:
        UsageError: An option has a value that it cannot have, or a target does not name its
            platforms.
    """
    for option, given, words in (("--format", format_, _FORMATS), ("--by", by, _BY)):
        if given not in words:
            raise UsageError(f"invalid {option} {given!r}", hint=f"use {' or '.join(words)}")
    chosen = _runners(runners)
    rows = _by_target(resolution) if by == "target" else _by_platform(resolution)
    unknown = set(chosen) - {word for row in rows for word in row.platform.split(",")}
    if unknown:
        raise UsageError(
            f"--runner: nothing is built for {', '.join(sorted(unknown))}",
            hint="name a platform of the targets",
        )
    found = [replace(row, runner=chosen.get(row.platform.split(",")[0], default)) for row in rows]
    return _github(found) if format_ == "github" else _gitlab(found)


def _runners(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        word, _, runner = text.partition("=")
        try:
            platform = Platform.parse(word)
        except DefinitionError:
            platform = None
        if platform is None or not runner:
            raise UsageError(f"invalid --runner {text!r}", hint="write --runner linux/arm64=LABEL")
        found[str(platform)] = runner
    return found


def _by_platform(resolution: Resolution) -> list[Row]:
    return [
        Row(name=_slug(str(item)), target="", platform=str(item))
        for item in platforms_of(resolution)
    ]


def _by_target(resolution: Resolution) -> list[Row]:
    alone = ((name, replace(resolution, requested=(name,))) for name in resolution.requested)
    return [
        Row(
            name=_slug(name),
            target=name,
            platform=",".join(map(str, platforms_of(only))),
        )
        for name, only in alone
    ]


def _slug(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_.-]+", "-", text)


def _entry(row: Row, spell: Mapping[str, str]) -> dict[str, str]:
    values = {
        "name": row.name,
        "target": row.target,
        "platform": row.platform,
        "runner": row.runner,
    }
    return {spell[key]: value for key, value in values.items() if value}


def _github(rows: Sequence[Row]) -> str:
    """Return one line, as ``$GITHUB_OUTPUT`` takes it, for ``matrix: ${{ fromJSON(...) }}``."""
    spell = {key: key for key in ("name", "target", "platform", "runner")}
    return json.dumps({"include": [_entry(row, spell) for row in rows]}) + "\n"


def _gitlab(rows: Sequence[Row]) -> str:
    """Return a file for a child pipeline: a job for each row, which extends ``.bakex-shard``.

    JSON texts are YAML texts, too, and need no thought about quoting.
    """
    spell = {key: f"BAKEX_{key.upper()}" for key in ("name", "target", "platform", "runner")}
    lines = [f"{_JOB}:", f"  extends: .{_JOB}", "  parallel:", "    matrix:"]
    for row in rows:
        entry = _entry(row, spell)
        prefix = "      - "
        for key, value in entry.items():
            lines.append(f"{prefix}{key}: {json.dumps(value)}")
            prefix = "        "
    return "\n".join(lines) + "\n"
