"""The end of a run in words and as the metadata file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bakex.errors import OutputError
from bakex.events import (
    CellRetried,
    ImageVerified,
    NodeLost,
    NodeReturned,
    RaceEnded,
    TargetBlocked,
)
from bakex.model.publication import State, blocked_by
from bakex.progress.text import count, seconds, size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bakex.events import Published
    from bakex.model.plan import Built, CellId
    from bakex.model.publication import Publication, Report, TargetReport
    from bakex.model.verification import Verification

    _Outcome = (
        Published
        | TargetBlocked
        | CellRetried
        | RaceEnded
        | NodeLost
        | NodeReturned
        | ImageVerified
    )

_VERBS = {"registry": "pushed to", "image": "pushed to", "docker": "loaded into docker as"}


def published(publication: Publication) -> str:
    """Return a publication in words: ``pushed to localhost:5000/app:1`` or ``oci out/app``."""
    verb = _VERBS.get(publication.kind, f"{publication.kind} written to")
    same = " (unchanged)" if publication.unchanged else ""
    return f"{verb} {publication.place}{same}"


def verified(found: Verification) -> str:
    """Return how the files of an image were looked at: ``12 files, 3.10MB read, 0.2s: ok``."""
    if found.note and not found.findings:
        return f"not verified: {found.note}"
    cost = found.cost
    parts = [count(cost.files, "file")]
    if found.before:
        parts.append("verified before")
    else:
        parts.append(f"{size(cost.bytes)} read" if cost.read else "all layers known")
        parts.append(seconds(cost.seconds))
    words = [
        count(len(findings), word)
        for word, findings in (("error", found.errors), ("warning", found.warnings))
        if findings
    ]
    words = words if found.errors else ["ok", *words]
    if found.allowed:
        words.append(f"{len(found.allowed)} allowed")
    return f"{', '.join(parts)}: {', '.join(words)}"


def outcome(event: _Outcome) -> str:
    """Return what became of a target, a cell or a node, in words."""
    match event:
        case ImageVerified():
            found = event.verification
            return f"{event.target} {found.platform}: {verified(found)}"
        case TargetBlocked():
            return f"{event.target}: {blocked_by(event.target, event.by)}"
        case CellRetried() | RaceEnded():
            return _attempt(event)
        case NodeLost():
            return f"node {event.node} is lost: {event.reason}"
        case NodeReturned():
            return f"node {event.node} is back"
        case _:
            return f"{event.publication.target}: {published(event.publication)}"


def _attempt(event: CellRetried | RaceEnded) -> str:
    tried = f"{event.cell}: attempt {event.attempt} on {event.node}"
    if isinstance(event, CellRetried):
        return f"{tried} came to nothing: {event.reason}"
    return f"{tried} does not count, that on {event.left} does: {event.reason}"


def summary(report: Report) -> Sequence[str]:
    """Return what each target became and where it went, for people; targets in report order."""
    lines: list[str] = []
    again = {cell: built for cell, built in report.built.items() if built.broken}
    for name, target in report.targets.items():
        words = ", ".join(_platforms(report, target))
        digest = f" {target.root.digest}" if target.root else ""
        lines.append(f"{name}{digest}" + (f" ({words})" if words else ""))
        lines.extend(f"  {published(item)}" for item in target.publications)
        lines.extend(f"  verified {found.platform}: {verified(found)}" for found in target.verified)
        if target.blocked:
            lines.append(f"  not published: {blocked_by(name, target.blocked)}")
        elif not target.publications:
            lines.append("  no output: the result stays in the build cache")
        lines.extend(f"  {tried(c, b)}" for c, b in again.items() if c.target == name)
    # Others' cells, too, were of use for these targets.
    others = [(c, b) for c, b in again.items() if c.target not in report.targets]
    lines.extend(f"{cell.target} {tried(cell, built)}" for cell, built in others)
    return lines


def tried(cell: CellId, built: Built) -> str:
    """Return in words where a cell was built, and why not where it was tried before.

    ``linux/arm64 on arm-2, attempt 2 (arm-1: lost: no answer for 5 s)``
    """
    before = "; ".join(f"{one.node}: {one.reason}" for one in built.broken)
    return f"{cell.platform} on {built.node}, attempt {built.attempts} ({before})"


def _platforms(report: Report, target: TargetReport) -> Sequence[str]:
    for publication in target.publications:
        if publication.platforms:
            return tuple(publication.platforms)
    return [str(cell.platform) for cell in report.cells if cell.target == target.name]


def document(report: Report) -> dict[str, dict[str, object]]:
    """Return the content of the metadata file, in the shape of ``buildx bake --metadata-file``.

    What an engine answered for a target is under its own keys; what only bakex knows is under keys
    that begin with ``bakex.``. Keys are sorted, targets too.
    """
    return {name: _entry(report.targets[name]) for name in sorted(report.targets)}


def _entry(target: TargetReport) -> dict[str, object]:
    entry = dict(target.metadata)
    if target.root is not None:
        entry["containerimage.digest"] = str(target.root.digest)
        entry["containerimage.descriptor"] = target.root.to_json()
    if target.publications:
        entry["bakex.publications"] = [publication_document(item) for item in target.publications]
    return dict(sorted(entry.items()))


def publication_document(publication: Publication) -> Mapping[str, object]:
    """Return what the metadata file, and the record of a run, say about a place."""
    entry: dict[str, object] = {"type": publication.kind, "place": publication.place}
    if publication.root is not None:
        entry["digest"] = str(publication.root.digest)
    if publication.platforms:
        entry["platforms"] = {
            platform: str(descriptor.digest)
            for platform, descriptor in publication.platforms.items()
        }
    if publication.unchanged:
        entry["unchanged"] = True
    elif publication.state is not State.PUBLISHED:
        entry["state"] = str(publication.state)
    return entry


def write(report: Report, path: Path) -> None:
    """Write the metadata file: two-space indent, no newline at the end, as buildx does.

    Atomic: a reader sees the old file or the whole new one, and a failure leaves the old one.

    Raises:
        OutputError: The file cannot be written.
    """
    from bakex._util.atomic import write_file  # noqa: PLC0415 - asyncio; only after a build

    text = json.dumps(document(report), indent=2, ensure_ascii=False)
    try:
        write_file(path, text.encode())
    except OSError as error:
        raise OutputError(
            f"cannot write the metadata file {str(path)!r}",
            detail=f"{error.strerror or error}.",
            hint="the build itself succeeded; choose a directory that exists and is writable",
        ) from error
