"""`bakex resume`: the rest of a run that failed or was stopped, and then the whole is published."""

from __future__ import annotations

from contextlib import ExitStack, chdir
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bakex.api.outcome import read
from bakex.api.resume import check_definition
from bakex.cli.building import BuildOptions, build
from bakex.cli.recording import Recording, selecting
from bakex.cli.streams import say
from bakex.diagnostics import Diagnostic
from bakex.errors import ConfigError
from bakex.model import verification
from bakex.model.outcome import CellState
from bakex.model.platform import Platform
from bakex.model.publication import Expectation, PublishPolicy
from bakex.progress.display import Mode
from bakex.sources.checkout import revision

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bakex.cli.backend import Invocation
    from bakex.config import Settings
    from bakex.model.outcome import Outcome
    from bakex.model.running import RunPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeOptions:
    """The options that say how to go on; what is built is in the record.

    Attributes:
        result: Another file for the record of this run; empty for none.
        publishing: Conditions beside those of the first run.
    """

    progress: str
    builder: str
    metadata_file: str
    result: str
    allow: Sequence[str]
    publishing: PublishPolicy
    running: RunPolicy


def resume(run: Invocation, settings: Settings, result: Path, options: ResumeOptions) -> None:
    """Build what is missing, where the first run was, and publish everything.

    Raises:
        ConfigError: The record cannot be read, or its directory is not there.
        ChangedDefinitionError: The bake files say something else now.
        BakexError: What went wrong.
        StoppedError: A signal ended it.
    """
    outcome = read(settings.cwd / result)
    # A file that is named now is meant where the user is now.
    metadata_file, kept = (
        str(settings.cwd / name) if name else "" for name in (options.metadata_file, options.result)
    )
    options = replace(options, metadata_file=metadata_file, result=kept)
    with ExitStack() as stack:
        try:
            stack.enter_context(chdir(outcome.directory))
        except OSError as error:
            raise ConfigError(
                f"cannot go to {outcome.directory}, where the recorded run was: {error.strerror}",
                hint="resume where the bake ran, or bake again",
            ) from None
        _resume(run, run.backend.settings(), result, outcome, options)


def _resume(
    run: Invocation, settings: Settings, result: Path, outcome: Outcome, options: ResumeOptions
) -> None:
    given = selecting(outcome)
    whole = run.backend.define(settings, **given)
    check_definition(outcome, whole, str(result))
    policy = _policy(outcome, options.publishing)
    platforms = tuple(map(Platform.parse, outcome.shard))
    resolution = replace(whole, warnings=(*whole.warnings, *_warnings(outcome, settings)))
    if platforms:
        from bakex.api import shards  # noqa: PLC0415 - only for records of shards

        resolution = shards.shard(resolution, platforms)
    if not run.as_json and options.progress not in {Mode.QUIET, Mode.RAWJSON}:
        done = sum(cell.state is CellState.DONE and cell.complete for cell in outcome.cells)
        say(f"{done} of {len(outcome.cells)} builds are recorded as done")
    build(
        run,
        settings,
        resolution,
        BuildOptions(
            progress=options.progress,
            builder=options.builder,
            metadata_file=options.metadata_file,
            allow=options.allow,
            policy=policy,
            running=options.running,
            recording=Recording(
                resolution=whole,
                selecting=given,
                publishing=policy,
                shard=platforms,
                result=options.result,
            ),
            recorded=outcome.cells,
        ),
    )


def _policy(outcome: Outcome, given: PublishPolicy) -> PublishPolicy:
    """Return the conditions of the first run, and those that were added; the last word counts."""
    recorded = outcome.options
    known = str(recorded.get("verify", ""))
    return PublishPolicy(
        each=recorded.get("publishEach") is True,
        rollback=recorded.get("rollback") is not False and given.rollback,
        expect=(*map(Expectation.parse, recorded.get("expectDigest", ())), *given.expect),
        immutable=tuple(
            dict.fromkeys([*map(str, recorded.get("immutableTags", ())), *given.immutable])
        ),
        verify=verification.Mode.parse(known) if known else None,
    )


def _warnings(outcome: Outcome, settings: Settings) -> list[Diagnostic]:
    now = revision(settings.cwd, settings.environ)
    if now == outcome.revision:
        return []
    return [
        Diagnostic(
            code="BX3103",
            severity="warning",
            summary="another commit is checked out than in the recorded run",
            detail=f"It was {outcome.revision or 'none'}, and is {now or 'none'}."
            " What both have built is published together.",
            hint="bake everything again if that is not meant",
        )
    ]
