"""The record of a publication that is under way: what it takes to finish it after a crash.

A JSON file, written whole before the first tag moves, and removed when nothing is left to do. It is
found by the tags that it is about: publishing the same tags again finishes it, too.
"""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

from bakex._util.atomic import locked, write_file
from bakex.errors import BakexError, ConfigError, OutputError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.publication import TagMove
from bakex.model.reference import Reference

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

_KIND = "bakex.publication.v1"
_MAX_SIZE = 64 << 20
_LOCK_S = 600.0  # publications of the same tags take turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A publication: its tags in the order in which they move, and what each stood for before.

    Attributes:
        created: When it was about to begin, in ISO 8601.
    """

    created: str
    tags: tuple[tuple[TagMove, Digest | None], ...]

    @classmethod
    def of(cls, tags: Sequence[tuple[TagMove, Descriptor | None]], at: datetime) -> Self:
        """Return the record of a publication that is about to begin."""
        listed = tuple((move, former.digest if former else None) for move, former in tags)
        return cls(created=at.isoformat(timespec="seconds"), tags=listed)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a record.

        Raises:
            ConfigError: It is not there, or is no record.
        """
        try:
            with path.open("rb") as file:
                document: object = json.loads(file.read(_MAX_SIZE))
        except OSError as error:
            raise ConfigError(f"cannot read {path}", detail=error.strerror or "") from None
        except (ValueError, RecursionError):
            document = None
        try:
            return cls._of_json(document)
        except (KeyError, TypeError, ValueError, AttributeError, BakexError) as error:
            raise ConfigError(
                f"{path} is no record of a publication",
                detail=error.summary if isinstance(error, BakexError) else "",
                hint="bakex publish without arguments lists what can be finished",
            ) from None

    @classmethod
    def _of_json(cls, document: object) -> Self:
        fields = cast("Mapping[str, Any]", document)
        if fields["kind"] != _KIND:
            raise ValueError(_KIND)
        tags = tuple(_tag(entry) for entry in fields["tags"])
        return cls(created=str(fields["created"]), tags=tags)

    def write(self, path: Path) -> None:
        """Write it; a reader finds the old one or the whole new one, also after a power cut.

        Raises:
            OutputError: The file cannot be written.
        """
        document = {
            "kind": _KIND,
            "created": self.created,
            "tags": [_entry(move, former) for move, former in self.tags],
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, json.dumps(document, indent=2).encode())
        except OSError as error:
            raise OutputError(f"cannot write {path}", detail=error.strerror or "") from None


def place(directory: Path, moves: Sequence[TagMove]) -> Path:
    """Return where the record of a publication is: the same for the same tags."""
    names = "\n".join(sorted({str(move.reference) for move in moves}))
    return directory / f"{Digest.of(names.encode()).hex[:16]}.json"


@asynccontextmanager
async def held(path: Path) -> AsyncGenerator[None, None]:
    """Keep other publications of the same tags, by this user on this machine, away.

    Raises:
        OutputError: The lock cannot be made, or another publication holds it for too long.
    """
    async with AsyncExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            await stack.enter_async_context(locked(path.with_suffix(".lock"), timeout_s=_LOCK_S))
        except TimeoutError:
            raise OutputError(
                "another bakex is publishing the same tags", detail=f"It has for {_LOCK_S:.0f} s."
            ) from None
        except OSError as error:
            raise OutputError(f"cannot lock {path}", detail=error.strerror or "") from None
        yield


def _entry(move: TagMove, former: Digest | None) -> dict[str, object]:
    return {
        "target": move.target,
        "reference": str(move.reference),
        "insecure": move.insecure,
        "former": str(former) if former is not None else None,
        "root": move.root.to_json(),
        "platforms": {name: image.to_json() for name, image in move.platforms.items()},
    }


def _tag(entry: Mapping[str, Any]) -> tuple[TagMove, Digest | None]:
    reference = Reference.parse(entry["reference"])
    former = entry["former"]
    move = TagMove(
        target=str(entry["target"]),
        reference=reference.tagged(reference.tag_or_latest),
        root=Descriptor.from_json(entry["root"]),
        platforms={k: Descriptor.from_json(v) for k, v in entry["platforms"].items()},
        insecure=entry["insecure"] is True,
    )
    return move, Digest.parse(former) if former is not None else None
