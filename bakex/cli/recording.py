"""The record of a run from the command line: what goes in, and how to go on from it."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from bakex._util.redact import redact_text
from bakex.api.outcome import Recorder, begin
from bakex.cli.stop import StoppedError
from bakex.errors import PublicationError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from bakex.bake.resolve import Resolution
    from bakex.cli.backend import Invocation
    from bakex.cli.seam import Selecting
    from bakex.config import Settings
    from bakex.model.outcome import Outcome
    from bakex.model.platform import Platform
    from bakex.model.publication import PublishPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a record says of its run beside what happens in it.

    Attributes:
        resolution: What was asked for, of which a shard is a part.
        selecting: What it was resolved from.
        publishing: How it is to be published.
        shard: The platforms of a part; none for the whole.
        result: Another file for the record; empty for none.
    """

    resolution: Resolution
    selecting: Selecting
    publishing: PublishPolicy
    shard: Sequence[Platform] = ()
    result: str = ""

    def options(self) -> dict[str, Any]:
        """Return what it takes to resolve the same again; credentials in URLs are left out."""
        given = self.selecting
        return {
            "targets": list(given["targets"]),
            "files": list(given["files"]),
            "set": list(given["overrides"]),
            "var": list(given["variables"]),
            "envFiles": list(given["env_files"]),
            "strict": given["strict"],
            "url": redact_text(given["url"]),
            "contextUrl": redact_text(given["context_url"]),
            "publishEach": self.publishing.each,
            "rollback": self.publishing.rollback,
            "expectDigest": [item.format() for item in self.publishing.expect],
            "immutableTags": list(self.publishing.immutable),
            "verify": str(self.publishing.verify or ""),
        }


@contextmanager
def recorded(
    run: Invocation, settings: Settings, recording: Recording, *, flags: Sequence[str] = ()
) -> Generator[Recorder]:
    """Keep the record of what happens in the block; if it fails, say how to go on.

    Args:
        run: Gets the last line of what is said.
        settings: Where the run is, and where records are kept.
        recording: What goes into the record.
        flags: Options that a resumption needs again.

    Raises:
        OutputError: The file that the user wants cannot be written.
    """
    clock = run.backend.clock()
    head = begin(
        settings,
        recording.resolution,
        options=recording.options(),
        created=clock.now(),
        shard=recording.shard,
    )
    recorder = Recorder(
        head,
        clock=clock,
        state=settings.state,
        result=settings.cwd / recording.result if recording.result else None,
        stops=(StoppedError,),
    )
    try:
        with recorder:
            yield recorder
    except PublicationError:
        raise  # what is left to do is said in its hint
    except Exception:
        place = settings.cwd / recording.result if recording.result else recorder.path
        if place is not None and recorder.is_worth_resuming:
            run.last_line = resumption(place, flags)
        raise


def resumption(place: Path, flags: Sequence[str]) -> str:
    """Return the line that says how to go on with a run."""
    return f"resume with: {shlex.join(['bakex', 'resume', str(place), *flags])}"


def selecting(outcome: Outcome, *, check: bool = False) -> Selecting:
    """Return what a recorded run was resolved from."""
    options: Mapping[str, Any] = outcome.options
    return {
        "targets": _texts(options, "targets"),
        "files": _texts(options, "files"),
        "overrides": _texts(options, "set"),
        "variables": _texts(options, "var"),
        "env_files": _texts(options, "envFiles"),
        "strict": options.get("strict") is True,
        "url": str(options.get("url", "")),
        "context_url": str(options.get("contextUrl", "")),
        "check": check,
    }


def _texts(options: Mapping[str, Any], name: str) -> list[str]:
    found = options.get(name)
    return [str(item) for item in cast("list[object]", found)] if isinstance(found, list) else []
