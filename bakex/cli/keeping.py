"""What `bakex du`, `bakex prune` and `bakex history` have in common, and the first two."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from bakex._util.units import parse_duration, parse_size
from bakex.cli.failures import shown
from bakex.cli.interrupts import watched
from bakex.cli.streams import put, say
from bakex.errors import UsageError
from bakex.events import WarningRaised
from bakex.model.upkeep import Pruning
from bakex.progress.text import clean, cut, size

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from bakex.api.upkeep import Upkeep
    from bakex.cli.backend import Invocation
    from bakex.events import Event
    from bakex.model.upkeep import UsageRecord

_T = TypeVar("_T")
# docker's filters -> BuildKit's; the value takes the place of the braces.
_FIELDS = {
    "id": "id~={}",
    "parent": "parents~={}",
    "parents": "parents~={}",
    "type": "type=={}",
    "description": "description~={}",
}
_FLAGS = frozenset({"inuse", "mutable", "immutable", "shared", "private"})
_TRUE, _FALSE = frozenset({"", "1", "t", "true"}), frozenset({"0", "f", "false"})
_DESCRIPTION = 60  # columns


class Warnings:
    """An event sink that prints warnings and drops the rest."""

    def emit(self, event: Event) -> None:
        """Print a warning."""
        if isinstance(event, WarningRaised):
            say("\n\n".join(shown([event.diagnostic])))


def run(invocation: Invocation, builder: str, job: Callable[[Upkeep], Awaitable[_T]]) -> _T:
    """Connect to the nodes of a builder and do something with what they keep.

    Raises:
        BakexError: It cannot be done.
        StoppedError: A signal ended it.
    """
    settings = invocation.backend.settings()

    async def main() -> _T:
        way = invocation.backend.upkeep(settings, builder=builder, events=Warnings())
        async with way as upkeep:
            return await job(upkeep)

    with watched() as interrupts:
        return interrupts.run(main)


def filters(texts: Sequence[str]) -> tuple[tuple[str, ...], float]:
    """Return filters in BuildKit's syntax, and for how many seconds something was not used.

    Takes docker's (``type=regular``, ``until=24h``, ``inuse=false``) and BuildKit's own
    (``type==regular``). All of them must fit; BuildKit takes that as one text with commas.

    Raises:
        UsageError: One cannot be read.
    """
    found: list[str] = []
    unused = 0.0
    for text in texts:
        key, equals, value = text.partition("=")
        if any(operator in text for operator in ("==", "!=", "~=")):
            found.append(text)
        elif key in {"until", "unused-for"}:
            unused = _read(parse_duration, "--filter", text, value)
        elif key in _FIELDS and equals:
            found.append(_FIELDS[key].format(json.dumps(value)))
        elif key in _FLAGS and value.lower() in _TRUE | _FALSE:
            found.append(key if value.lower() in _TRUE else f"{key}!=true")
        else:
            known = ", ".join(sorted({*_FIELDS, *_FLAGS, "until"}))
            raise UsageError(f"--filter {text}: unknown filter", hint=f"filters are {known}")
    return ((",".join(found),) if found else ()), unused


def pruning(
    texts: Sequence[str], *, everything: bool, reserved: str, max_used: str, min_free: str
) -> Pruning:
    """Return what the options of `bakex prune` ask for.

    Raises:
        UsageError: One cannot be read.
    """
    found, unused = filters(texts)
    sizes = {"--keep-storage": reserved, "--max-used-space": max_used, "--min-free-space": min_free}
    read = {name: _read(parse_size, name, text, text) for name, text in sizes.items() if text}
    return Pruning(
        filters=found,
        all=everything,
        unused_for_s=unused,
        reserved=read.get("--keep-storage", 0),
        max_used=read.get("--max-used-space", 0),
        min_free=read.get("--min-free-space", 0),
    )


def usage(records: Sequence[UsageRecord], *, as_json: bool) -> str:
    """Return what is in the caches, for people or for programs."""
    if as_json:
        return json.dumps([plain_usage(record) for record in records], indent=2) + "\n"
    if not records:
        return "nothing is in the cache\n"
    rows: list[tuple[str, ...]] = [
        ("ID", "NODE", "SIZE", "TYPE", "RECLAIMABLE", "LAST USED", "DESCRIPTION")
    ]
    rows.extend(_row(record) for record in sorted(records, key=lambda r: -r.size))
    return table(rows) + "\n" + totals(records)


def totals(records: Sequence[UsageRecord]) -> str:
    """Return how much is in the caches."""
    sums = (
        ("shared", sum(r.size for r in records if r.shared)),
        ("private", sum(r.size for r in records if not r.shared)),
        ("reclaimable", sum(r.size for r in records if not r.in_use)),
        ("total", sum(r.size for r in records)),
    )
    return "".join(f"{name + ':':<13}{size(count)}\n" for name, count in sums)


def plain_usage(record: UsageRecord) -> dict[str, Any]:
    """Return a record as a JSON object."""
    found: dict[str, Any] = asdict(record)
    for key in ("created", "last_used"):
        found[key] = found[key].isoformat() if found[key] else None
    return found


class Removed:
    """Prints what is removed, as it goes, and adds it up.

    Args:
        as_json: Whether to print nothing before the end.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._records: list[UsageRecord] = []

    def __call__(self, record: UsageRecord) -> None:
        """Take note of one that is gone."""
        self._records.append(record)
        if not self._as_json:
            put(f"{record.id}  {size(record.size):>9}  {_about(record)}\n")

    def report(self) -> str:
        """Return what is to be said at the end."""
        freed = sum(record.size for record in self._records)
        if not self._as_json:
            return f"removed {len(self._records)}, freed {size(freed)}\n"
        found = [plain_usage(record) for record in self._records]
        return json.dumps({"freed": freed, "removed": found}, indent=2) + "\n"


def confirm(question: str, *, force: bool, flag: str = "--force") -> bool:
    """Ask on the terminal; true if the answer is yes, or if nobody is to be asked.

    Raises:
        UsageError: There is no terminal to ask on.
    """
    if force:
        return True
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", hint=f"add {flag} if you mean it")
    say(f"{question} [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows as columns; the last one is not padded."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def moment(at: datetime | None) -> str:
    """Return a time for people."""
    return f"{at:%Y-%m-%d %H:%M}" if at else "-"


def _row(record: UsageRecord) -> tuple[str, ...]:
    return (
        record.id + ("*" if record.mutable else ""),
        record.node,
        size(record.size),
        record.kind or "-",
        "false" if record.in_use else "true",
        moment(record.last_used),
        _about(record),
    )


def _about(record: UsageRecord) -> str:
    return cut(clean(record.description.replace("\n", " ")), _DESCRIPTION)


def _read(parse: Callable[[str], _T], name: str, text: str, value: str) -> _T:
    try:
        return parse(value)
    except ValueError as error:
        raise UsageError(f"{name} {text}: {error}") from None


def as_json(format_: str) -> bool:
    """Return whether output is for programs.

    Raises:
        UsageError: It is neither text nor json.
    """
    if format_ not in {"text", "json"}:
        raise UsageError(f"--format {format_}: unknown format", hint="write text or json")
    return format_ == "json"


def lines(texts: Iterable[str]) -> str:
    """Return texts as lines that a terminal does not obey."""
    return "".join(f"{clean(text)}\n" for text in texts)
