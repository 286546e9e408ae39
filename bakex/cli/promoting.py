"""What `bakex image promote` does, and the text that it answers with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bakex.cli.completing import Unheard
from bakex.cli.keeping import lines
from bakex.errors import ContentError, UsageError
from bakex.model.digest import Digest
from bakex.progress.report import published

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bakex.api.images import Images
    from bakex.api.promotion import Promotion
    from bakex.cli.imaging import Job
    from bakex.model.publication import PublishPolicy


def origin(text: str) -> Digest | None:
    """Return what ``--from`` says.

    Raises:
        UsageError: It is no digest.
    """
    try:
        return Digest.parse(text) if text else None
    except ContentError:
        raise UsageError(f"--from {text}: not a digest", hint="write sha256:...") from None


def promoted(
    source: str,
    names: Sequence[str],
    *,
    wanted: Digest | None,
    referrers: bool,
    policy: PublishPolicy,
    as_json: bool,
) -> Job:
    """Return the job that promotes an image; answers with one line for each tag."""

    async def job(images: Images) -> str:
        found = await images.promote(
            source,
            names,
            origin=wanted,
            referrers=referrers,
            policy=policy,
            events=Unheard(),
        )
        if as_json:
            return json.dumps(_document(source, found), indent=2) + "\n"
        return lines(_told(found))

    return job


def _told(found: Promotion) -> Iterator[str]:
    for item in found.publications:
        yield published(item)
    count = len(found.referrers)
    along = f" with {count} referrer{'' if count == 1 else 's'}" if count else ""
    yield f"{found.root.digest}{along}"
    yield from (f"note: {note}" for note in found.notes)


def _document(source: str, found: Promotion) -> dict[str, object]:
    return {
        "source": source,
        "digest": str(found.root.digest),
        "referrers": [str(item.digest) for item in found.referrers],
        "tags": [
            {
                "reference": item.place,
                "digest": str(item.root.digest) if item.root is not None else None,
                "state": str(item.state),
            }
            for item in found.publications
        ],
        "notes": list(found.notes),
    }
