"""What emulation has cost a run: steps that a native stage would have done faster.

What a step would have taken without emulation is known only if the same instruction ran natively
in the same run, for another platform or in another stage; then the factor is told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.model.node import Speed
from bakex.progress.step import Status
from bakex.progress.text import clean, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from bakex.progress.state import RunState
    from bakex.progress.step import Step

LEAST_S = 3.0  # shorter steps are not worth a stage of their own
LEAST_MEASURED_S = 1.0  # unless it is known what they would gain
_MOST = 5  # steps that are named
_MEASURABLE_S = 0.05  # what is shorter natively gives no factor
_WIDTH = 90
_WHERE = re.compile(r"\[[^\]]*\] ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """An emulated step.

    Attributes:
        name: As displays call it.
        took_s: How long it ran.
        native_s: How long the same instruction ran natively; 0 if it did not.
    """

    name: str
    took_s: float
    native_s: float = 0.0

    @property
    def factor(self) -> float:
        """How many times longer it ran than natively; 0 if that is not known."""
        return self.took_s / self.native_s if self.native_s >= _MEASURABLE_S else 0.0

    @property
    def lost_s(self) -> float:
        """What would be gained, as far as that is known: at most all of it."""
        return max(0.0, self.took_s - self.native_s)


def costs(state: RunState, now: datetime) -> Sequence[Cost]:
    """Return the emulated steps that ran for some time, the most expensive ones first."""
    native: dict[str, float] = {}
    emulated: list[Step] = []
    for step in state.shown:
        if step.status is not Status.DONE:
            continue
        if step.speed is Speed.NATIVE:
            known = native.get(_instruction(step), 0.0)
            native[_instruction(step)] = max(known, step.elapsed_s(now))
        elif step.speed is Speed.EMULATED:
            emulated.append(step)
    found = [
        Cost(
            name=state.label(step),
            took_s=step.elapsed_s(now),
            native_s=native.get(_instruction(step), 0.0),
        )
        for step in emulated
    ]
    found = [c for c in found if c.took_s >= (LEAST_MEASURED_S if c.factor else LEAST_S)]
    return sorted(found, key=lambda cost: (-cost.lost_s, cost.name))


def advice(state: RunState, now: datetime) -> Iterator[str]:
    """Yield what is to be said about emulated steps at the end of a run; nothing if all is well."""
    found = costs(state, now)
    if not found:
        return
    total = seconds(sum(cost.took_s for cost in found))
    yield (
        f"emulated steps took {total}; what needs no program of the target, such as a cross"
        " compiler, is faster in a stage that starts with FROM --platform=$BUILDPLATFORM:"
    )
    for cost in found[:_MOST]:
        name = clean(cost.name)
        name = name if len(name) <= _WIDTH else f"{name[: _WIDTH - 3]}..."
        factor = (
            f", {cost.factor:.1f} times the {seconds(cost.native_s)} that it took natively"
            if cost.factor
            else ""
        )
        yield f"  {seconds(cost.took_s)} {name}{factor}"
    if len(found) > _MOST:
        yield f"  and {len(found) - _MOST} more"


def _instruction(step: Step) -> str:
    return _WHERE.sub("", step.name, count=1)
