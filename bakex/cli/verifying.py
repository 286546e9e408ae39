"""What `bakex verify` does, and the table that it answers with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bakex.cli.keeping import lines, table
from bakex.errors import ArchitectureError, UsageError
from bakex.model.platform import Platform, split_platforms
from bakex.model.verification import Mode, Wishes
from bakex.progress.text import clean, count, seconds, size

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from bakex.api.images import Images
    from bakex.api.located import Located
    from bakex.api.verification import Choice
    from bakex.cli.backend import Invocation
    from bakex.model.verification import FileFinding, Verification

    Found = Sequence[tuple[Located, Sequence[Verification]]]

UNFIT = ArchitectureError.exit_code
_FEW = 20  # findings of one image that are told of in text


def choice(
    call: Invocation, mode: str, allow: Sequence[str], platforms: Sequence[str], device: str
) -> Choice:
    """Return what the options say.

    Raises:
        UsageError: One has a value that it cannot have.
        DefinitionError: A platform is none.
    """
    from bakex.api.verification import Choice  # noqa: PLC0415 - only here

    wanted = Mode.parse(mode)
    if wanted is Mode.OFF:
        raise UsageError("--mode off leaves nothing to do", hint="leave bakex verify out")
    known = call.backend.platforms(call.backend.settings()).catalogue
    return Choice(
        wishes=Wishes(mode=wanted, allow=tuple(allow)),
        platforms=tuple(Platform.parse(word) for word in split_platforms(platforms)),
        device=known.device(device) if device else None,
    )


def verified(call: Invocation, place: str, choice: Choice) -> Callable[[Images], Awaitable[Found]]:
    """Return the job that verifies images."""

    async def job(images: Images) -> Found:
        from bakex.api.verification import layer_facts, verify  # noqa: PLC0415 - only here

        settings = call.backend.settings()
        known = call.backend.platforms(settings).catalogue
        return await verify(images, place, choice, catalogue=known, facts=layer_facts(settings))

    return job


def is_good(found: Found) -> bool:
    """Return whether all files fit."""
    return not any(result.errors for _, results in found for result in results)


def answer(found: Found, *, as_json: bool) -> str:
    """Return what was found out as text, or as a JSON document."""
    if as_json:
        document = {
            "schemaVersion": 1,
            "ok": is_good(found),
            "images": [
                {
                    "name": image.name,
                    "digest": str(image.root.digest),
                    "platforms": [result.to_json() for result in results],
                }
                for image, results in found
            ],
        }
        return json.dumps(document, indent=2) + "\n"
    return "\n".join(_told(image, results) for image, results in found)


def _told(image: Located, results: Sequence[Verification]) -> str:
    rows: list[tuple[str, ...]] = [("PLATFORM", "FILES", "LAYERS", "READ", "TIME", "RESULT")]
    rows += [_row(result) for result in results]
    return lines((f"{image.name} {image.root.digest}", "")) + table(rows) + lines(_all(results))


def _row(result: Verification) -> tuple[str, ...]:
    cost = result.cost
    return (
        result.platform,
        str(cost.files),
        str(cost.layers),
        size(cost.bytes) if cost.read else "-",
        seconds(cost.seconds),
        verdict(result),
    )


def verdict(result: Verification) -> str:
    """Return how it went, in a few words."""
    if result.note and not result.findings:
        return f"not verified: {result.note}"
    parts = [
        count(len(found), word)
        for word, found in (("error", result.errors), ("warning", result.warnings))
        if found
    ]
    words = ", ".join(parts) if result.errors else ", ".join(["ok", *parts])
    return f"{words}, {len(result.allowed)} allowed" if result.allowed else words


def _all(results: Iterable[Verification]) -> Iterator[str]:
    """Yield the findings; those that several images have in common are told once."""
    places: dict[FileFinding, list[str]] = {}
    for result in results:
        for finding in dict.fromkeys(result.findings):
            places.setdefault(finding, []).append(result.place)
    groups: dict[str, list[FileFinding]] = {}
    for finding, common in places.items():
        groups.setdefault(", ".join(common), []).append(finding)
    for where, findings in groups.items():
        yield ""
        yield where
        for finding in findings[:_FEW]:
            yield from _finding(finding)
        more = len(findings) - _FEW
        if more > 0:
            yield f"  and {more} more; --format json has them all"


def _finding(finding: FileFinding) -> Iterator[str]:
    role = f" ({finding.role})" if finding.role else ""
    yield f"  {finding.severity}: {clean(finding.path)}{clean(role)}"
    yield f"    expected {clean(finding.expected)}, found {clean(finding.found)}"
    if finding.why:
        yield f"    {clean(finding.why)}"
    if finding.remedy:
        yield f"    hint: {finding.remedy}"
