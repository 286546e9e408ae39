"""What a reader of the event stream gets: events, and two notes that concern only that reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.events import Event

if TYPE_CHECKING:
    from bakex.model.plan import CellId


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsDropped:
    """Log bytes of a step that this reader was too slow for.

    Attributes:
        count: How many bytes are missing at this place.
    """

    cell: CellId
    step: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A line for whoever watches, such as how to stop at once; part of no run."""

    text: str


Delivery = Event | LogsDropped | Notice
