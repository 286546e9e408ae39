"""`bakex repro`: two builds with their displays, and what differs."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.api.repro import FIRST, SECOND, Reproducer, verdict
from bakex.cli.building import console_of, displayed
from bakex.cli.comparing import files_to_tell, told_images
from bakex.cli.interrupts import watched
from bakex.cli.keeping import lines
from bakex.cli.permissions import permitted
from bakex.cli.streams import put, say
from bakex.errors import UsageError
from bakex.model.difference import SCHEMA_VERSION
from bakex.progress.display import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bakex.api.repro import Reproduction
    from bakex.bake.resolve import Resolution
    from bakex.cli.backend import Invocation
    from bakex.config import Settings

_TITLES = {FIRST: "first build", SECOND: "second build, without cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReproOptions:
    """The options that say where to build twice, and what to tell.

    Attributes:
        nodes: Names, separated by commas; empty to choose.
        keep: Where the layouts stay; None to remove them.
        files: How many files to tell of for each layer; 0 for all.
    """

    progress: str
    builder: str
    nodes: str = ""
    keep: Path | None = None
    files: int = 20
    allow: Sequence[str] = ()
    overrides: Sequence[str] = ()


def reproduce(
    run: Invocation, settings: Settings, resolution: Resolution, options: ReproOptions
) -> None:
    """Build twice, compare, and print the report.

    Raises:
        NotReproducibleError: Something differs; the report was printed.
        UsageError: The directory to keep is not empty, or an option makes no sense.
        BakexError: A build failed.
        StoppedError: A signal ended it.
    """
    most = files_to_tell(options.files)
    console = console_of(run, settings, options.progress)
    with ExitStack() as stack:
        place = _directory(settings, options.keep, stack)
        allow = (*options.allow, f"fs.write={place}")
        reproducer = Reproducer(
            resolution,
            place,
            nodes=[name.strip() for name in options.nodes.split(",") if name.strip()],
        )
        reproducer.allow = permitted(
            settings,
            reproducer.prepared(FIRST),
            allow=allow,
            overrides=options.overrides,
            rawjson=console.mode is Mode.RAWJSON,
            ask=not run.as_json,
        )
        warnings = resolution.warnings
        for which, title in _TITLES.items():
            if console.mode in {Mode.PLAIN, Mode.TTY}:
                say(title)
            job = partial(reproducer.build, which=which)
            displayed(run, settings, console, job, builder=options.builder, warnings=warnings)
            warnings = ()
        with watched() as interrupts:
            found = interrupts.run(partial(reproducer.compare, files=most))
    put(_answer(found, options.keep, as_json=run.as_json))
    verdict(found)


def _directory(settings: Settings, keep: Path | None, stack: ExitStack) -> Path:
    if keep is None:
        # On the cache's disk: two times all images may be larger than /tmp.
        scratch = settings.cache / "run"
        scratch.mkdir(parents=True, exist_ok=True)
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="repro-", dir=scratch)))
    place = settings.cwd / keep
    if place.exists() and not (place.is_dir() and not any(place.iterdir())):
        raise UsageError(f"--keep {keep}: it is there already", hint="name a new directory")
    return place


def _answer(found: Sequence[Reproduction], keep: Path | None, *, as_json: bool) -> str:
    if not as_json:
        return lines(line for item in found for line in _told(item))
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "reproducible": all(item.is_equal for item in found),
        "kept": str(keep) if keep else None,
        "targets": [item.to_json() for item in found],
    }
    return json.dumps(document, indent=2) + "\n"


def _told(item: Reproduction) -> Iterator[str]:
    yield f"{item.target}: {'' if item.is_equal else 'not '}reproducible"
    for platform, (a, b) in item.nodes.items():
        yield f"  {platform} was built on {a}" + (f" and on {b}" if a != b else " twice")
    yield from (f"  {line}" for line in told_images(item.comparison))
    if item.suspects:
        yield "  likely causes"
    for suspect in item.suspects:
        yield f"    {suspect.summary} ({suspect.where}):"
        yield f"      {suspect.hint}"
