"""A plan from the command line: connects to the nodes and asks what `bake` would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.cli.interrupts import watched
from bakex.cli.streams import say
from bakex.events import NodeChosen
from bakex.plan import explain
from bakex.progress.text import clean

if TYPE_CHECKING:
    from bakex.bake.resolve import Resolution
    from bakex.cli.backend import Invocation
    from bakex.config import Settings
    from bakex.events import Event


class _Notes:
    """An `EventSink` that tells people why nodes were passed over."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent

    def emit(self, event: Event) -> None:
        if isinstance(event, NodeChosen) and event.note and not self._silent:
            say(f"note: {clean(event.note)}")


def show(run: Invocation, settings: Settings, resolution: Resolution, *, builder: str) -> str:
    """Return the plan for a resolution as text, or as JSON if asked for; ends in a newline.

    Raises:
        NodeError: A node does not answer.
        PlanError: Something cannot be placed.
        StoppedError: A signal ended it.
    """

    async def main() -> str:
        connected = run.backend.connect(
            settings, builder=builder, events=_Notes(silent=run.as_json)
        )
        async with connected as client:
            plan, nodes = client.plan(resolution), client.nodes
        if not run.as_json:
            return explain.text(plan, nodes)
        import json  # noqa: PLC0415 - only for this format

        return json.dumps(explain.document(plan, nodes), indent=2, ensure_ascii=False) + "\n"

    with watched() as interrupts:
        return interrupts.run(main)
