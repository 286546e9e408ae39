"""How long the steps of a run took, for machines: part of what the metadata file says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bakex.events import StepChanged

if TYPE_CHECKING:
    from bakex.events import Event, EventSink
    from bakex.model.plan import CellId
    from bakex.model.publication import Report

_OWN = "[internal]"  # steps that no Dockerfile asks for


@dataclass(slots=True)
class Timings:
    """Notes when steps ran, and passes events on; an `EventSink`.

    Attributes:
        events: Gets all events.
    """

    events: EventSink
    _steps: dict[tuple[CellId, str], StepChanged] = field(
        default_factory=dict["tuple[CellId, str]", StepChanged]
    )

    def emit(self, event: Event) -> None:
        """Pass an event on; see `bakex.events.EventSink`."""
        if isinstance(event, StepChanged) and event.started and event.completed:
            self._steps[event.cell, event.step] = event
        self.events.emit(event)

    def noted(self, report: Report) -> Report:
        """Return a report whose metadata has the steps that ran, in the order of their starts.

        Those that were found in a cache, and those that failed, are left out. A step that several
        platforms share is listed for each.
        """
        steps = sorted(self._steps.values(), key=lambda step: (step.started, step.name))
        targets = dict(report.targets)
        for name, target in report.targets.items():
            rows = [
                _row(step)
                for step in steps
                if step.cell.target == name and not step.cached and not step.error
                if not step.name.startswith(_OWN)
            ]
            if rows:
                metadata = {**target.metadata, "bakex.steps": rows}
                targets[name] = replace(target, metadata=metadata)
        return replace(report, targets=targets)


def _row(step: StepChanged) -> dict[str, object]:
    took = 0.0
    if step.started is not None and step.completed is not None:
        took = max(0.0, (step.completed - step.started).total_seconds())
    return {
        "platform": str(step.cell.platform),
        "name": step.name,
        "seconds": round(took, 3),
        "speed": None if step.speed is None else str(step.speed),
    }
