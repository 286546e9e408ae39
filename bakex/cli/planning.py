"""A plan from the command line: connects to the nodes and asks what `bake` would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.cli.interrupts import watched
from bakex.cli.selection import warn
from bakex.cli.streams import say
from bakex.events import NodeChosen, WarningRaised
from bakex.model.running import Emulation
from bakex.plan import explain
from bakex.progress.text import clean

if TYPE_CHECKING:
    from bakex.bake.resolve import Resolution
    from bakex.cli.backend import Invocation
    from bakex.config import Settings
    from bakex.events import Event


class _Notes:
    """An `EventSink` that tells why nodes were passed over or left out."""

    def __init__(self, run: Invocation) -> None:
        self._run = run

    def emit(self, event: Event) -> None:
        if isinstance(event, WarningRaised):
            warn(self._run, [event.diagnostic])
        elif isinstance(event, NodeChosen) and event.note and not self._run.as_json:
            say(f"note: {clean(event.note)}")


def show(
    run: Invocation,
    settings: Settings,
    resolution: Resolution,
    *,
    builder: str,
    emulation: Emulation = Emulation.FALLBACK,
) -> str:
    """Return the plan for a resolution as text, or as JSON if asked for; ends in a newline.

    Args:
        run: This run of the command.
        settings: Environment and terminal.
        resolution: What would be baked.
        builder: Where; empty to look for it.
        emulation: When nodes that emulate are taken.

    Raises:
        NodeError: A node does not answer.
        PlanError: Something cannot be placed.
        StoppedError: A signal ended it.
    """

    async def main() -> str:
        connected = run.backend.connect(settings, builder=builder, events=_Notes(run))
        async with connected as client:
            plan, nodes = client.plan(resolution, emulation=emulation), client.nodes
        if not run.as_json:
            return explain.text(plan, nodes)
        import json  # noqa: PLC0415 - only for this format

        return json.dumps(explain.document(plan, nodes), indent=2, ensure_ascii=False) + "\n"

    with watched() as interrupts:
        return interrupts.run(main)
