"""What `bakex platform install`, `uninstall` and `test` do, and what they print."""

import json
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from bakex.cli import options as o

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.api.emulators import Emulators, Pending
    from bakex.api.trials import Trial
    from bakex.cli.backend import Invocation

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Node = Annotated[
    str, typer.Option("--node", metavar="NAME", help="A node of the builder; see bakex node ls.")
]
Builder = Annotated[
    str,
    typer.Option("--builder", metavar="NAME", help="The node's builder; the one in use if none."),
]


# No "from __future__ import annotations" here: Typer reads the options off these annotations.
class Where(NamedTuple):
    """Which kernel, and what may be done to it."""

    node: Node = ""
    builder: Builder = ""
    yes: Yes = False
    debug: o.Debug = False


class Answer(NamedTuple):
    """About which nodes, and in which form."""

    node: Node = ""
    builder: Builder = ""
    format_: o.Format = "text"
    debug: o.Debug = False


def listing(call: "Invocation", answer: Answer) -> str:
    """Return how this machine, or a node, runs each platform.

    Raises:
        UsageError: The builder has no such node.
        NodeError: The node cannot be used.
    """
    from bakex.cli import platforms  # noqa: PLC0415 - not for --help
    from bakex.cli.keeping import as_json  # noqa: PLC0415 - not for --help
    from bakex.cli.noding import perform, state_of  # noqa: PLC0415 - not for --help
    from bakex.errors import NodeError  # noqa: PLC0415 - not for --help

    call.debug |= answer.debug
    shape = as_json(answer.format_)
    known = call.backend.platforms(call.backend.settings())
    if not answer.node:
        return platforms.listing(known, as_json=shape)
    state = state_of(call, answer.builder, answer.node, fresh=True)
    if state.error:
        raise NodeError(state.error, detail=state.detail, hint=state.hint)
    table = perform(lambda: known.handlers_of(answer.builder, answer.node))
    return platforms.listing_of(known.catalogue, state, table, as_json=shape)


def install(call: "Invocation", names: "Sequence[str]", where: Where, image: str) -> str:
    """Set up emulation and return what to say.

    Raises:
        UsageError: A platform or a node is not known, or there is nobody to ask.
        NodeError: It cannot be done.
    """
    from bakex.api.emulators import wanted  # noqa: PLC0415 - not for --help
    from bakex.cli.noding import perform  # noqa: PLC0415 - not for --help

    emulators = _emulators(call, where, image)
    profiles = wanted(call.backend.platforms(call.backend.settings()).catalogue, names)
    platforms = ", ".join(str(profile.platform) for profile in profiles)
    pending = perform(lambda: emulators.planned(profiles))
    if not pending.changes:
        return f"{pending.place} runs {platforms} already\n"
    if not _agreed(pending, [str(change) for change in pending.changes], where):
        return "nothing was changed\n"
    perform(lambda: emulators.install(pending, profiles))
    return f"{pending.place} runs {platforms} now\n"


def uninstall(call: "Invocation", names: "Sequence[str]", where: Where) -> str:
    """Undo what was set up and return what to say.

    Raises:
        UsageError: A platform or a node is not known, or there is nobody to ask.
        NodeError: It cannot be done.
    """
    from bakex.api.emulators import wanted  # noqa: PLC0415 - not for --help
    from bakex.cli.noding import perform  # noqa: PLC0415 - not for --help

    emulators = _emulators(call, where, "")
    profiles = wanted(call.backend.platforms(call.backend.settings()).catalogue, names)
    pending = perform(lambda: emulators.undoing(profiles))
    if not pending.changes:
        return f"bakex has installed nothing of that on {pending.place} since it was started\n"
    if not _agreed(pending, [change.undone for change in pending.changes], where):
        return "nothing was changed\n"
    perform(lambda: emulators.uninstall(pending))
    return f"{pending.place} is as it was\n" if not pending.stays else f"{pending.place}: done\n"


def _emulators(call: "Invocation", where: Where, image: str) -> "Emulators":
    call.debug |= where.debug
    known = call.backend.platforms(call.backend.settings())
    return known.emulators(builder=where.builder, node=where.node, image=image)


def _agreed(pending: "Pending", words: "Sequence[str]", where: Where) -> bool:
    from bakex.cli.keeping import confirm  # noqa: PLC0415 - not for --help
    from bakex.cli.streams import put  # noqa: PLC0415 - not for --help

    put("".join([f"on {pending.place}:\n", *(f"  {word}\n" for word in words)]))
    return confirm("Do that?", force=where.yes, flag="--yes")


def tried(call: "Invocation", names: "Sequence[str]", answer: Answer) -> tuple[str, int]:
    """Try platforms on nodes; return what to print, and the exit code.

    Raises:
        UsageError: A platform or a node is not known.
        NodeError: No node answers.
    """
    from bakex.api.trials import Trials  # noqa: PLC0415 - not for --help
    from bakex.cli.keeping import Warnings, as_json  # noqa: PLC0415 - not for --help
    from bakex.cli.noding import perform  # noqa: PLC0415 - not for --help

    call.debug |= answer.debug
    shape = as_json(answer.format_)
    backend = call.backend
    settings = backend.settings()
    known = backend.platforms(settings).catalogue
    words = [word for name in names for word in name.split(",") if word.strip()]
    platforms = [known.find(word).platform for word in words]
    trials = Trials(settings, known, clock=backend.clock(), events=Warnings())
    found = perform(lambda: trials.run(platforms, builder=answer.builder, node=answer.node))
    return document(found) if shape else overview(found), int(any(t.error for t in found))


def overview(trials: "Sequence[Trial]") -> str:
    """Return trials as a table, then what is wrong."""
    from bakex.cli.keeping import table  # noqa: PLC0415 - not for --help

    rows: list[tuple[str, ...]] = [("NODE", "PLATFORM", "HOW", "RESULT", "START", "WORK", "FACTOR")]
    for trial in trials:
        how = str(trial.speed) if trial.speed else "missing"
        times = ("-", "-", "-")
        if not trial.error:
            factor = f"{trial.factor:.1f}" if trial.factor else "-"
            times = (f"{trial.start_s:.2f} s", f"{trial.work_s:.2f} s", factor)
        rows.append(
            (trial.node, str(trial.platform), how, "fails" if trial.error else "runs", *times)
        )
    lines = [
        f"{trial.node}: {trial.platform}: {trial.error}\n"
        + (f"  hint: {trial.hint}\n" if trial.hint else "")
        for trial in trials
        if trial.error
    ]
    return table(rows) + "".join(lines)


def document(trials: "Sequence[Trial]") -> str:
    """Return trials for programs; times in seconds."""
    rows = [
        {
            "node": trial.node,
            "platform": str(trial.platform),
            "how": str(trial.speed) if trial.speed else "missing",
            "runs": not trial.error,
            "error": trial.error or None,
            "start": round(trial.start_s, 4) if not trial.error else None,
            "work": round(trial.work_s, 4) if not trial.error else None,
            "factor": round(trial.factor, 2) if trial.factor else None,
        }
        for trial in trials
    ]
    return json.dumps({"schemaVersion": 1, "trials": rows}, indent=2) + "\n"
