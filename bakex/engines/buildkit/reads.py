"""What the builds of a run have read of local directories.

Sessions are shared, and a daemon does not say for which build it reads: what is known is which
requests there were for a directory, and which builds it was offered to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bakex.model.plan import CellId
    from bakex.session.filesync.tree import LocalDir
    from bakex.session.filesync.wanted import Wanted


class Offered(NamedTuple):
    """A directory, under the name by which builds know it (``context``, a named context)."""

    name: str
    directory: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The exchanges that one request has led to.

    Attributes:
        since_ns: When the first of them began, in nanoseconds since 1970.
        entries: How many entries were listed; -1 if not always as many.
    """

    since_ns: int
    entries: int

    def and_then(self, other: Read) -> Read:
        """Return this and another one as one."""
        entries = self.entries if self.entries == other.entries else -1
        return Read(since_ns=min(self.since_ns, other.since_ns), entries=entries)


@dataclass(slots=True)
class Reads:
    """Collects, for one engine (`bakex.session.filesync.source.Observer`) or several.

    Attributes:
        requests: What was asked for of each directory.
        offers: Which directories each cell was built from.
    """

    requests: dict[Offered, dict[Wanted, Read]] = field(
        default_factory=dict[Offered, "dict[Wanted, Read]"]
    )
    offers: dict[CellId, set[Offered]] = field(default_factory=dict["CellId", set[Offered]])

    def offer(self, cell: CellId, dirs: Mapping[str, LocalDir]) -> None:
        """Take note of the directories of a cell's build."""
        found = {Offered(name, _real(d)) for name, d in dirs.items() if isinstance(d, Path)}
        self.offers.setdefault(cell, set()).update(found)

    def read(
        self, name: str, directory: LocalDir, wanted: Wanted, entries: int, since_ns: int
    ) -> None:
        """Take note of an exchange (`Observer.read`)."""
        if isinstance(directory, Path):
            read = Read(since_ns=since_ns, entries=entries)
            self._add(Offered(name, _real(directory)), wanted, read)

    def _add(self, offered: Offered, wanted: Wanted, read: Read) -> None:
        known = self.requests.setdefault(offered, {})
        known[wanted] = known[wanted].and_then(read) if wanted in known else read

    @classmethod
    def joined(cls, several: Iterable[Reads]) -> Reads:
        """Return what several engines have read."""
        found = cls()
        for reads in several:
            for offered, requests in reads.requests.items():
                for wanted, read in requests.items():
                    found._add(offered, wanted, read)
            for cell, offers in reads.offers.items():
                found.offers.setdefault(cell, set()).update(offers)
        return found


def _real(directory: Path) -> Path:
    return directory.resolve()
