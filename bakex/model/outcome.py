"""What became of a run, cell by cell: the record from which it can be resumed, or merged.

The document is JSON (docs/results.md): ``kind`` and ``schemaVersion`` tell its form. It holds no
secret; what a build was given is named, not contained.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self, cast

from bakex.errors import BakexError, ConfigError
from bakex.model.descriptor import Descriptor
from bakex.model.documents import load_object
from bakex.model.plan import CellId
from bakex.model.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KIND = "bakex.result"
SCHEMA_VERSION = 1
_MAX_SIZE = 64 << 20  # bytes


class CellState(StrEnum):
    """What became of a cell."""

    WAITING = "waiting"  # it had not started when the record was written
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"  # something that it comes after has failed
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One time that a cell was tried.

    Attributes:
        node: Where.
        reason: Why it came to nothing; empty for one that did not.
    """

    node: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """An image that a node has pushed by digest, without a tag.

    Attributes:
        repositories: ``host/path``, where it is.
        root: Its manifest, or an index where attestations came along.
        insecure: Plain HTTP and unverified TLS are allowed for the hosts.
    """

    repositories: tuple[str, ...]
    root: Descriptor
    insecure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOutcome:
    """What became of one cell.

    Attributes:
        node: Where it was built, or would have been.
        speed: Native or emulated there.
        attempts: In order; the last one decided.
        seconds: From the start of the last attempt to its end.
        error: One line, for a cell that failed.
        pushed: What there is in registries.
        complete: Nothing but what was pushed is needed to go on with its result.
        metadata: What the engine said about it.
        ref: The build's identity on its node.
    """

    id: CellId
    state: CellState
    node: str = ""
    speed: str = ""
    attempts: tuple[Attempt, ...] = ()
    seconds: float = 0.0
    error: str = ""
    pushed: tuple[Pushed, ...] = ()
    complete: bool = False
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a run.

    Attributes:
        created: When it began, in ISO 8601.
        state: ``running``, ``succeeded``, ``failed`` or ``cancelled``.
        definition: Digest of all that was resolved from the bake files and flags.
        revision: The commit that was checked out, with ``-dirty`` if it had changes; may be empty.
        directory: Where it ran.
        options: What it takes to resolve the same again.
        requested: Targets that the user asked for.
        shard: The platforms of a part of a bake; empty for a whole one.
        cells: In the order of the plan.
        publications: What is where, as in the report.
    """

    created: str
    state: str
    definition: str
    revision: str
    directory: str
    options: Mapping[str, Any]
    requested: tuple[str, ...]
    shard: tuple[str, ...] = ()
    cells: tuple[CellOutcome, ...] = ()
    publications: tuple[Mapping[str, object], ...] = ()

    @classmethod
    def parse(cls, raw: bytes, name: str) -> Self:
        """Read the document.

        Args:
            raw: Its bytes.
            name: What to call it in messages.

        Raises:
            ConfigError: It is none, or of a version that is not known here.
        """
        try:
            fields = load_object(raw, name, _MAX_SIZE)
            kind, version = fields["kind"], fields["schemaVersion"]
            found = cls._of(fields) if (kind, version) == (KIND, SCHEMA_VERSION) else None
        except (KeyError, TypeError, ValueError, AttributeError, BakexError) as error:
            raise ConfigError(
                f"{name} is no result of a bake",
                detail=error.summary if isinstance(error, BakexError) else "",
                hint="give a file that bakex bake --result has written",
            ) from None
        if found is None:
            raise ConfigError(
                f"{name} is a {kind} of version {version}, not a {KIND} of {SCHEMA_VERSION}",
                hint="use the version of bakex that has written it",
            )
        return found

    @classmethod
    def _of(cls, fields: Mapping[str, Any]) -> Self:
        return cls(
            created=str(fields["created"]),
            state=str(fields["state"]),
            definition=str(fields["definition"]),
            revision=str(fields["revision"]),
            directory=str(fields["directory"]),
            options=dict(fields["options"]),
            requested=tuple(map(str, fields["requested"])),
            shard=tuple(map(str, fields["shard"])),
            cells=tuple(map(_cell, fields["cells"])),
            publications=tuple(dict(entry) for entry in fields["publications"]),
        )

    def to_bytes(self) -> bytes:
        """Return the document; the same outcome gives the same bytes."""
        document = {
            "kind": KIND,
            "schemaVersion": SCHEMA_VERSION,
            "created": self.created,
            "state": self.state,
            "definition": self.definition,
            "revision": self.revision,
            "directory": self.directory,
            "options": dict(self.options),
            "requested": list(self.requested),
            "shard": list(self.shard),
            "cells": [_entry(cell) for cell in self.cells],
            "publications": [dict(entry) for entry in self.publications],
        }
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _entry(cell: CellOutcome) -> dict[str, object]:
    return {
        "target": cell.id.target,
        "platform": str(cell.id.platform),
        "state": str(cell.state),
        "node": cell.node,
        "speed": cell.speed,
        "attempts": [{"node": one.node, "reason": one.reason} for one in cell.attempts],
        "seconds": round(cell.seconds, 3),
        "error": cell.error,
        "pushed": [
            {
                "repositories": list(image.repositories),
                "insecure": image.insecure,
                "root": image.root.to_json(),
            }
            for image in cell.pushed
        ],
        "complete": cell.complete,
        "metadata": dict(cell.metadata),
        "ref": cell.ref,
    }


def _cell(document: object) -> CellOutcome:
    fields = cast("Mapping[str, Any]", document)
    return CellOutcome(
        id=CellId(str(fields["target"]), Platform.parse(fields["platform"])),
        state=CellState(fields["state"]),
        node=str(fields["node"]),
        speed=str(fields["speed"]),
        attempts=tuple(
            Attempt(node=str(one["node"]), reason=str(one["reason"])) for one in fields["attempts"]
        ),
        seconds=float(fields["seconds"]),
        error=str(fields["error"]),
        pushed=tuple(map(_pushed, cast("Sequence[object]", fields["pushed"]))),
        complete=fields["complete"] is True,
        metadata=dict(fields["metadata"]),
        ref=str(fields["ref"]),
    )


def _pushed(document: object) -> Pushed:
    fields = cast("Mapping[str, Any]", document)
    return Pushed(
        repositories=tuple(map(str, fields["repositories"])),
        insecure=fields["insecure"] is True,
        root=Descriptor.from_json(fields["root"]),
    )
