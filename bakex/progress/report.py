"""The end of a run in words and as the metadata file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bakex.errors import OutputError
from bakex.model.publication import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bakex.model.publication import Publication, Report, TargetReport

_VERBS = {"registry": "pushed to", "image": "pushed to", "docker": "loaded into docker as"}


def published(publication: Publication) -> str:
    """Return a publication in words: ``pushed to localhost:5000/app:1`` or ``oci out/app``."""
    verb = _VERBS.get(publication.kind, f"{publication.kind} written to")
    same = " (unchanged)" if publication.unchanged else ""
    return f"{verb} {publication.place}{same}"


def summary(report: Report) -> Sequence[str]:
    """Return what each target became and where it went, for people; targets in report order."""
    lines: list[str] = []
    for name, target in report.targets.items():
        words = ", ".join(_platforms(report, target))
        digest = f" {target.root.digest}" if target.root else ""
        lines.append(f"{name}{digest}" + (f" ({words})" if words else ""))
        lines.extend(f"  {published(item)}" for item in target.publications)
        if not target.publications:
            lines.append("  no output: the result stays in the build cache")
    return lines


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
        entry["bakex.publications"] = [_publication(item) for item in target.publications]
    return dict(sorted(entry.items()))


def _publication(publication: Publication) -> Mapping[str, object]:
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
