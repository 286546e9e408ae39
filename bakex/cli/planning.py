"""A plan from the command line: connects to the nodes and asks what `bake` would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.cli.interrupts import watched
from bakex.cli.streams import say
from bakex.errors import UsageError
from bakex.events import NodeChosen
from bakex.plan import explain
from bakex.progress.text import clean

if TYPE_CHECKING:
    from bakex.bake.resolve import Resolution
    from bakex.cli.backend import Backend
    from bakex.config import Settings
    from bakex.events import Event

_TEXT, _JSON = "text", "json"


class _Notes:
    """An `EventSink` that tells why nodes were passed over."""

    def emit(self, event: Event) -> None:
        if isinstance(event, NodeChosen) and event.note:
            say(f"note: {clean(event.note)}")


def show(
    backend: Backend, settings: Settings, resolution: Resolution, *, builder: str, format_: str
) -> str:
    """Return the plan for a resolution as text or JSON, ending in a newline.

    Raises:
        UsageError: The format is neither.
        NodeError: A node does not answer.
        PlanError: Something cannot be placed.
        StoppedError: A signal ended it.
    """
    if format_ not in {_TEXT, _JSON}:
        raise UsageError(f"invalid format {format_!r}", hint="use --format text or --format json")

    async def main() -> str:
        async with backend.connect(settings, builder=builder, events=_Notes()) as client:
            plan, nodes = client.plan(resolution), client.nodes
        if format_ == _TEXT:
            return explain.text(plan, nodes)
        import json  # noqa: PLC0415 - only for this format

        return json.dumps(explain.document(plan, nodes), indent=2, ensure_ascii=False) + "\n"

    with watched() as interrupts:
        return interrupts.run(main)
