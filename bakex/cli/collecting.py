"""What `bakex image gc` asks for, and the text that it answers with."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from bakex._util.units import parse_duration
from bakex.cli.keeping import lines
from bakex.errors import BakexError, ConfigError, UsageError
from bakex.model.digest import Digest
from bakex.model.garbage import HELD_S, Wishes
from bakex.oci.reach import short
from bakex.progress.text import cut, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from bakex.api.images import Images
    from bakex.cli.imaging import Job
    from bakex.model.garbage import Doomed, Garbage

_MOST = 64 << 20
_TAG = 24  # columns; lists of referrers have long names
_WHAT = {"tags": "tag", "manifests": "manifest", "referrers": "referrer"}


def wishes(
    now: datetime,
    *,
    delete_tags: Sequence[str],
    older_than: str,
    keep_untagged_for: str,
    candidates: Path | None,
) -> Wishes:
    """Return what the options of the command ask for.

    Raises:
        UsageError: One cannot be read, or makes no sense without another one.
        ConfigError: The file of candidates cannot be read, or has something else in it.
    """
    if older_than and not delete_tags:
        raise UsageError("--older-than is about tags to delete", hint="add --delete-tags PATTERN")
    before = now - _duration("--older-than", older_than) if older_than else None
    held = timedelta(seconds=HELD_S)
    if keep_untagged_for:
        held = _duration("--keep-untagged-for", keep_untagged_for)
    return Wishes(
        delete_tags=tuple(delete_tags),
        older_than=before,
        held_since=now - held,
        candidates=tuple(_candidates(candidates)) if candidates is not None else (),
    )


def collected(place: str, wanted: Wishes, *, apply: bool, as_json: bool) -> Job:
    """Return the job that collects, or says what it would."""

    async def job(images: Images) -> str:
        found = await images.collect(place, wanted, apply=apply)
        if as_json:
            return json.dumps(found.to_json(), indent=2) + "\n"
        return lines(_told(found))

    return job


def _told(garbage: Garbage) -> Iterator[str]:
    done = garbage.applied
    for item in garbage.doomed:
        yield _line(item)
    for name in garbage.untagged:
        yield f"tag {name}: what it stands for stays"
    if garbage.doomed:
        yield ""
    what = _counted(len(garbage.doomed), "manifest" if _is_remote(garbage) else "blob")
    yield (
        f"{what} {'removed from' if done else 'can go from'} {garbage.place},"
        f" {size(garbage.frees)} in all"
    )
    kept = [_counted(garbage.kept.get(key, 0), word) for key, word in _WHAT.items()]
    held = garbage.kept.get("held", 0)
    yield f"{', '.join(kept)} stay" + (f"; {held} only because they are new" if held else "")
    yield from (f"note: {note}" for note in garbage.notes)
    if not done and (garbage.doomed or garbage.untagged):
        yield "nothing was removed: add --apply to remove it"


def _line(item: Doomed) -> str:
    tags = f" ({', '.join(cut(tag, _TAG) for tag in item.tags)})" if item.tags else ""
    return f"{item.kind} {short(item.descriptor.digest)} {size(item.frees)}{tags}: {item.reason}"


def _is_remote(garbage: Garbage) -> bool:
    return all(item.kind != "blob" for item in garbage.doomed)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _duration(option: str, text: str) -> timedelta:
    try:
        return timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text}: not a duration", hint="write something like 30d or 12h"
        ) from None


def _candidates(path: Path) -> Iterator[Digest]:
    """Yield the digests in a file, or on standard input for ``-``: the last word of each line."""
    try:
        if str(path) == "-":
            text = sys.stdin.read(_MOST)
        else:
            with path.open(encoding="utf-8") as file:
                text = file.read(_MOST)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"cannot read {path}", detail=reason or "") from None
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words:
            try:
                yield Digest.parse(words[-1].rpartition("@")[2])
            except BakexError:
                raise ConfigError(
                    f"{path}: {words[-1]!r} is no digest", hint="one digest a line: sha256:..."
                ) from None
