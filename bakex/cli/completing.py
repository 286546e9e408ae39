"""Interrupted publications from the command line: listed, and finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.cli.interrupts import watched
from bakex.progress.report import published

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bakex.cli.seam import Backend
    from bakex.config import Settings
    from bakex.events import Event
    from bakex.model.publication import Publication


class Unheard:
    """An `EventSink` for which the result is enough."""

    def emit(self, event: Event) -> None:
        """Drop it."""
        del event


def listed(backend: Backend, settings: Settings) -> str:
    """Return the interrupted publications as text: the record's file, then its tags.

    Raises:
        ConfigError: A record cannot be read.
    """
    lines: list[str] = []
    for path, record in backend.unfinished(settings):
        lines.append(f"{path}  {record.created}")
        lines.extend(f"  {move.reference}@{move.root.digest}" for move, _ in record.tags)
    return "".join(f"{line}\n" for line in lines) or "no publication was interrupted\n"


def finish(backend: Backend, settings: Settings, record: Path) -> str:
    """Finish a publication, and return what was published as text.

    Raises:
        ConfigError: There is no such record.
        ContentNotFoundError: Content that is to be tagged is not there any more.
        RegistryError: A tag cannot be moved.
        StoppedError: A signal ended it; what had moved was put back.
    """

    async def main() -> Sequence[Publication]:
        return await backend.complete(settings, record, events=Unheard())

    with watched() as interrupts:
        found = interrupts.run(main)
    return "".join(f"{item.target}: {published(item)}\n" for item in found)
