"""What `bakex attach`, `bakex discover` and `bakex pull` answer with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bakex.cli.interrupts import watched
from bakex.cli.streams import say
from bakex.errors import UsageError
from bakex.model.platform import Platform
from bakex.progress.text import clean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from bakex.api.artifacts import Artifacts, Discovered
    from bakex.artifacts.discovery import Referrer
    from bakex.cli.backend import Invocation

_T = TypeVar("_T")
_FORMATS = frozenset({"text", "json"})


def run(invocation: Invocation, job: Callable[[Artifacts], Awaitable[_T]], *, insecure: bool) -> _T:
    """Do something with artifacts.

    Raises:
        BakexError: It cannot be done.
        StoppedError: A signal ended it.
    """
    backend = invocation.backend

    async def main() -> _T:
        async with backend.artifacts(backend.settings(), insecure=insecure) as artifacts:
            return await job(artifacts)

    with watched() as interrupts:
        return interrupts.run(main)


def attached(
    place: str,
    files: Sequence[str],
    *,
    artifact_type: str,
    annotations: Sequence[str],
    annotation_file: str,
    platform: str,
) -> Callable[[Artifacts], Awaitable[str]]:
    """Return the job that attaches files; answers with what they can be pulled as."""
    if not artifact_type:
        raise UsageError(
            "what is attached has no type", hint="add --artifact-type, as in application/spdx+json"
        )

    async def job(artifacts: Artifacts) -> str:
        found = await artifacts.attach(
            place,
            files,
            artifact_type=artifact_type,
            annotations=annotations,
            annotation_file=annotation_file,
            platform=_platform(platform),
        )
        return f"{found.place}\n"

    return job


def discovered(
    place: str, *, artifact_type: str, platform: str, form: str
) -> Callable[[Artifacts], Awaitable[str]]:
    """Return the job that lists referrers: as a tree, or as JSON.

    Raises:
        UsageError: The form is neither.
    """
    if form not in _FORMATS:
        raise UsageError(f"unknown format {form!r}", hint="write --format text or --format json")

    async def job(artifacts: Artifacts) -> str:
        found = await artifacts.discover(
            place, artifact_type=artifact_type, platform=_platform(platform)
        )
        if form == "json":
            return json.dumps(_document(found), indent=2, ensure_ascii=False) + "\n"
        return "".join(f"{clean(line)}\n" for line in (found.place, *_tree(found.referrers, "")))

    return job


def pulled(
    place: str, *, output: str, artifact_type: str, platform: str, overwrite: bool
) -> Callable[[Artifacts], Awaitable[str]]:
    """Return the job that writes an artifact's files; answers with their paths, one a line."""

    async def job(artifacts: Artifacts) -> str:
        found = await artifacts.pull(
            place,
            Path(output),
            artifact_type=artifact_type,
            platform=_platform(platform),
            overwrite=overwrite,
        )
        for blob in found.untitled:
            say(clean(f"{blob.digest} ({blob.media_type}) has no name and was left out"))
        return "".join(f"{clean(str(file))}\n" for file in found.files)

    return job


def _platform(text: str) -> Platform | None:
    return Platform.parse(text) if text else None


def _tree(referrers: Sequence[Referrer], indent: str) -> Iterator[str]:
    """Yield a line for each referrer; those of one type stay together, as in oras."""
    types = list(dict.fromkeys(item.descriptor.artifact_type for item in referrers))
    for kind in types:
        last = kind == types[-1]
        yield f"{indent}{'└── ' if last else '├── '}{kind or '-'}"
        below = f"{indent}{'    ' if last else '│   '}"
        members = [item for item in referrers if item.descriptor.artifact_type == kind]
        for item in members:
            end = item is members[-1]
            yield f"{below}{'└── ' if end else '├── '}{item.descriptor.digest}"
            yield from _tree(item.referrers, f"{below}{'    ' if end else '│   '}")


def _document(found: Discovered) -> dict[str, Any]:
    return {
        "reference": found.place,
        **found.subject.to_json(),
        "referrers": [_entry(item, found.base) for item in found.referrers],
    }


def _entry(item: Referrer, base: str) -> dict[str, Any]:
    return {
        "reference": f"{base}{item.descriptor.digest}",
        **item.descriptor.to_json(),
        "referrers": [_entry(other, base) for other in item.referrers],
    }
