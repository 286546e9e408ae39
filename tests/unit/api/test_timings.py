"""The metadata file says how long steps took, and how they ran."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bakex.api.timings import Timings
from bakex.events import StepChanged
from bakex.model.node import Speed
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.model.publication import Report, TargetReport
from bakex.testing.fakes import EventRecorder

ARM64 = CellId("app", Platform.parse("linux/arm64"))
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def step(
    name: str, begin: float = 0, end: float | None = None, *, cell: CellId = ARM64,
    cached: bool = False, error: str = "", speed: Speed | None = None,
) -> StepChanged:  # fmt: skip
    return StepChanged(
        at=BEGUN,
        cell=cell,
        step=name,
        name=name,
        started=BEGUN + timedelta(seconds=begin),
        completed=None if end is None else BEGUN + timedelta(seconds=end),
        cached=cached,
        error=error,
        speed=speed,
    )


def test_the_steps_that_ran() -> None:
    recorder = EventRecorder()
    timings = Timings(recorder)
    told = [
        step("RUN make", 1),
        step("RUN make", 1, 9.5, speed=Speed.EMULATED),
        step("COPY", 0, 0.25),
        step("RUN old", 0, 1, cached=True),
        step("RUN bad", 0, 1, error="exit code: 1"),
        step("[internal] load", 0, 1),
        step("RUN other", 0, 1, cell=CellId("db", ARM64.platform)),
    ]
    for event in told:
        timings.emit(event)
    assert recorder.events == told
    plain = TargetReport(name="app", metadata={"bakex.platforms": []})
    report = timings.noted(Report(targets={"app": plain, "idle": TargetReport(name="idle")}))
    assert report["app"].metadata == {
        "bakex.platforms": [],
        "bakex.steps": [
            {"platform": "linux/arm64", "name": "COPY", "seconds": 0.25, "speed": None},
            {"platform": "linux/arm64", "name": "RUN make", "seconds": 8.5, "speed": "emulated"},
        ],
    }
    assert report["idle"].metadata == {}
