"""Everything that happens during a run, as values.

Producers call `EventSink.emit`, which never blocks and never fails. Consumers fold the stream.
No event carries a secret's value, a password or a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from bakex.diagnostics import Diagnostic
    from bakex.model.node import NodeName, Speed
    from bakex.model.plan import CellId, Plan
    from bakex.model.publication import Publication
    from bakex.model.result import CellResult
    from bakex.model.verification import Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeChosen:
    """A node answered and will take part.

    Attributes:
        reason: Why this node: "DOCKER_HOST", "private engine", ...
        note: Something the user should know, such as a daemon that was passed over.
    """

    at: datetime
    node: NodeName
    address: str
    reason: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReady:
    """Planning ended; nothing has run yet."""

    at: datetime
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStarted:
    """A cell got its slot on a node.

    Attributes:
        attempt: 1 for the first time.
        beside: Where an earlier attempt goes on meanwhile; None if none does. `RaceEnded` follows.
    """

    at: datetime
    cell: CellId
    node: NodeName
    attempt: int = 1
    beside: NodeName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRetried:
    """An attempt came to nothing, and another one will be made.

    Attributes:
        attempt: The one that ended.
        reason: Why, in a line.
    """

    at: datetime
    cell: CellId
    node: NodeName
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceEnded:
    """Of two attempts at a cell at the same time, one does not count; all depends on the other.

    Attributes:
        attempt: The one that does not count.
        node: Where that was.
        reason: Why, in a line.
        left: Where the other one is.
        since: When that had begun.
    """

    at: datetime
    cell: CellId
    attempt: int
    node: NodeName
    reason: str
    left: NodeName
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLost:
    """A node can run nothing; what it had to do goes to others, if there are any.

    Attributes:
        reason: Why, in a line.
    """

    at: datetime
    node: NodeName
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReturned:
    """A node that was lost answers again, and takes part again."""

    at: datetime
    node: NodeName


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChanged:
    """A step of a cell is known, started, or ended; repeated with more fields as it goes on.

    Attributes:
        step: The step's digest; the same step in two cells has the same digest.
        name: As BuildKit names it, such as ``[stage-1 2/3] RUN make``.
        inputs: Digests of the steps it needs.
        started: When it (last) started; None if it did not yet.
        completed: When it ended; None while it runs.
        cached: It was not run because its result was known.
        error: Why it failed; empty if it did not. ``cancelled`` if it was stopped from outside.
        speed: How the node runs its programs; None if it runs none, or that is not known.
    """

    at: datetime
    cell: CellId
    step: str
    name: str
    inputs: tuple[str, ...] = ()
    started: datetime | None = None
    completed: datetime | None = None
    cached: bool = False
    error: str = ""
    speed: Speed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferMoved:
    """Bytes moved within a step: a context, a layer, an export.

    Attributes:
        step: The step it belongs to.
        id: What moves: ``transferring context:``, a blob's digest, ``exporting layers``.
        current: Bytes so far.
        total: Bytes in all; 0 if unknown.
    """

    at: datetime
    cell: CellId
    step: str
    id: str
    current: int
    total: int
    started: datetime | None = None
    completed: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWritten:
    """A step wrote bytes; they may end in the middle of a line or of a character.

    Attributes:
        stream: 1 standard output, 2 standard error.
    """

    at: datetime
    cell: CellId
    step: str
    stream: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningRaised:
    """Something is suspicious but does not stop the run."""

    at: datetime
    cell: CellId | None
    diagnostic: Diagnostic
    step: str = ""  # the digest of the step that it is about; empty if it is about none


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFinished:
    """A cell ended: well (result), badly (error), or because of another one.

    A result may be announced more than once: one that was lost with its node, and was still needed,
    is made again.

    Attributes:
        cancelled: It was stopped, or never started, because the run ended.
        skipped: It never started because something that it comes after has failed.
    """

    at: datetime
    cell: CellId
    result: CellResult | None = None
    error: str = ""
    cancelled: bool = False
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageVerified:
    """It is known whether the files of an image can run on its platform."""

    at: datetime
    target: str
    verification: Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A place now holds the result of a target."""

    at: datetime
    publication: Publication


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetBlocked:
    """The result of a target will not be published.

    Attributes:
        by: Its gates that failed or could not be built; or, of what itself needs a gate for its
            build, the cells that failed.
    """

    at: datetime
    target: str
    by: tuple[CellId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """The run is over; nothing follows."""

    at: datetime
    ok: bool


Event = (
    NodeChosen
    | PlanReady
    | CellStarted
    | CellRetried
    | RaceEnded
    | NodeLost
    | NodeReturned
    | StepChanged
    | TransferMoved
    | LogWritten
    | WarningRaised
    | CellFinished
    | ImageVerified
    | Published
    | TargetBlocked
    | RunFinished
)


class EventSink(Protocol):
    """Where events go."""

    def emit(self, event: Event) -> None:
        """Accept an event; returns at once and raises nothing."""
        ...
