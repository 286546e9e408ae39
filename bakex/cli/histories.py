"""What `bakex history` does, and the text that it answers with."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from bakex.api.upkeep import described
from bakex.cli.keeping import lines, moment, table
from bakex.errors import UsageError
from bakex.progress.plain import Plain
from bakex.progress.text import clean, cut, seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path
    from typing import TextIO

    from bakex.api.upkeep import Upkeep
    from bakex.events import Event
    from bakex.model.upkeep import HistoryRecord

    Job = Callable[[Upkeep], Awaitable[str]]

_NAME = 50  # columns


class Printing:
    """An event sink that prints at once, line by line."""

    def __init__(self, out: TextIO) -> None:
        self._display = Plain(out)

    def emit(self, event: Event) -> None:
        """Print what an event says."""
        self._display.update([event])

    def close(self) -> None:
        """Print what was still waiting."""
        self._display.close()


def listed(*, as_json: bool) -> Job:
    """Return the job that answers with all builds, newest first."""

    async def job(upkeep: Upkeep) -> str:
        records = await upkeep.history()
        if as_json:
            return json.dumps([described(record) for record in records], indent=2) + "\n"
        rows: list[tuple[str, ...]] = [("REF", "NODE", "STATUS", "CREATED", "DURATION", "NAME")]
        rows.extend(_row(record) for record in records)
        return table(rows) if records else "there are no builds\n"

    return job


def logged(ref: str) -> Job:
    """Return the job that prints what a build has said."""

    async def job(upkeep: Upkeep) -> str:
        record = await upkeep.find(ref)
        printing = Printing(sys.stdout)
        await upkeep.replay(record, printing)
        printing.close()
        return ""

    return job


def inspected(ref: str, *, as_json: bool) -> Job:
    """Return the job that answers with all that is known about a build."""

    async def job(upkeep: Upkeep) -> str:
        record = await upkeep.find(ref)
        if as_json:
            return json.dumps(described(record), indent=2) + "\n"
        return lines(_facts(record))

    return job


def exported(ref: str, file: Path) -> Job:
    """Return the job that writes a build's record, logs and attestations into a file."""

    async def job(upkeep: Upkeep) -> str:
        record = await upkeep.find(ref)
        await upkeep.export(record, file)
        return f"{record.ref} written to {file}\n"

    return job


def forgotten(refs: Sequence[str], *, everything: bool) -> Job:
    """Return the job that removes builds from the histories.

    Raises:
        UsageError: Neither builds nor all of them were named, or both.
    """
    if bool(refs) == everything:
        raise UsageError("name builds, or all of them", hint="write REF..., or --all")

    async def job(upkeep: Upkeep) -> str:
        if everything:
            records = [r for r in await upkeep.history() if r.completed is not None]
        else:
            records = [await upkeep.find(ref) for ref in refs]
        await upkeep.forget(records)
        return "".join(f"{record.ref}\n" for record in records)

    return job


def _row(record: HistoryRecord) -> tuple[str, ...]:
    duration = record.duration
    return (
        record.ref,
        record.node,
        record.status,
        moment(record.created),
        seconds(duration.total_seconds()) if duration else "-",
        cut(clean(record.name), _NAME),
    )


def _facts(record: HistoryRecord) -> list[str]:
    duration = record.duration
    facts = [
        ("ref", record.ref),
        ("node", record.node),
        ("name", record.name),
        ("status", record.status),
        ("error", record.error),
        ("created", moment(record.created)),
        ("duration", seconds(duration.total_seconds()) if duration else ""),
        ("steps", f"{record.steps_completed} of {record.steps}, {record.steps_cached} cached"),
        ("warnings", str(record.warnings) if record.warnings else ""),
        ("frontend", record.frontend),
        ("exporters", ", ".join(record.exporters)),
    ]
    facts.extend((f"  {key}", value) for key, value in record.frontend_attrs.items())
    facts.extend(
        (f"{blob.role}", f"{blob.digest} ({blob.media_type}, {blob.size} bytes)")
        for blob in record.blobs
    )
    return [f"{name}: {value}" for name, value in facts if value]
