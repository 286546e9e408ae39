"""`bakex merge`: the records of shards, and one publication."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.api.outcome import read
from bakex.cli.completing import Unheard
from bakex.cli.interrupts import watched
from bakex.cli.recording import selecting
from bakex.cli.selection import warn
from bakex.cli.streams import say
from bakex.progress.report import summary, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.cli.backend import Invocation
    from bakex.config import Settings
    from bakex.model.publication import PublishPolicy


def merge(
    run: Invocation,
    settings: Settings,
    names: Sequence[str],
    *,
    policy: PublishPolicy,
    metadata_file: str,
) -> None:
    """Read the records and the bake files, publish, and sum up.

    Args:
        run: This run of the command.
        settings: Where the bake files are.
        names: Of the records; at least one.
        policy: How to publish.
        metadata_file: Where to write what was published; empty for nowhere.

    Raises:
        BakexError: They are not the parts of one whole, or cannot be published.
        StoppedError: A signal ended it.
    """
    records = {name: read(settings.cwd / name) for name in names}
    resolution = run.backend.define(settings, **selecting(next(iter(records.values()))))
    warn(run, resolution.warnings)
    job = partial(run.backend.merge, settings, resolution, records, policy=policy, events=Unheard())
    with watched() as interrupts:
        report = interrupts.run(job)
    if metadata_file:
        write(report, settings.cwd / Path(metadata_file))
    if not run.as_json:
        say("\n".join(summary(report)))
