"""A list of what builds have seen of one local directory, to tell later what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from bakex.engines.buildkit.survey import Seen, Stamp, differences, survey
from bakex.errors import SessionError
from bakex.session.filesync.glob import PatternError
from bakex.session.filesync.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bakex.engines.buildkit.reads import Read

# A clock of the file system's own may be a little behind that of the process.
_TICK_NS = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What was seen.

    Attributes:
        targets: Whose builds the directory was offered to: which of them has asked for what is not
            known.
        requests: What was asked for, and what there was.
    """

    targets: frozenset[str]
    requests: Mapping[Wanted, Mapping[str, Seen]]

    @classmethod
    def made(
        cls,
        targets: frozenset[str],
        directory: Path,
        reads: Mapping[Wanted, Read],
        former: Listing | None,
    ) -> Listing | None:
        """Look at a directory that builds have just read; None if it has changed since. Blocking.

        Args:
            targets: See `Listing`.
            directory: It.
            reads: What was asked for.
            former: An earlier list, to save time.
        """
        found: dict[Wanted, Mapping[str, Seen]] = {}
        for wanted, read in reads.items():
            known = former.requests.get(wanted) if former else None
            try:
                seen, changed = survey(directory, wanted, known)
            except (SessionError, PatternError):
                return None
            if len(seen) != read.entries or changed > read.since_ns - _TICK_NS:
                return None
            found[wanted] = seen
        return cls(targets=targets, requests=found)

    def differences(self, directory: Path) -> list[str]:
        """Return the paths that the same requests would find changed now. Blocking.

        Of what cannot be read nothing is said: the build will.
        """
        found: dict[str, None] = {}
        for wanted, before in self.requests.items():
            try:
                now, _ = survey(directory, wanted, before)
            except (SessionError, PatternError):
                continue
            found.update(dict.fromkeys(differences(before, now)))
        return list(found)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        requests = [
            {
                "include": wanted.include,
                "exclude": wanted.exclude,
                "follow": wanted.follow,
                "entries": seen,
            }
            for wanted, seen in self.requests.items()
        ]
        return {"targets": sorted(self.targets), "requests": requests}

    @classmethod
    def from_json(cls, document: Any) -> Self:  # noqa: ANN401 - whatever a file holds
        """Read a document.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: It is no such document.
        """
        requests: dict[Wanted, Mapping[str, Seen]] = {}
        for request in document["requests"]:
            wanted = Wanted(
                include=tuple(request["include"]),
                exclude=tuple(request["exclude"]),
                follow=tuple(request["follow"]),
            )
            requests[wanted] = {
                path: Seen(kind, content, None if stamp is None else Stamp(*stamp))
                for path, (kind, content, stamp) in request["entries"].items()
            }
        return cls(targets=frozenset(document["targets"]), requests=requests)
