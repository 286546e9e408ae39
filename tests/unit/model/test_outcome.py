from __future__ import annotations

import json
from typing import Any

import pytest

from bakex.errors import ConfigError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_MANIFEST
from bakex.model.outcome import Attempt, CellOutcome, CellState, Outcome, Pushed
from bakex.model.plan import CellId
from bakex.model.platform import Platform

OUTCOME = Outcome(
    created="2026-01-02T03:04:05+00:00",
    state="failed",
    definition=str(Digest.of(b"definition")),
    revision="abc-dirty",
    directory="/src",
    options={"targets": ["app"], "files": []},
    requested=("app",),
    shard=("linux/arm64",),
    cells=(
        CellOutcome(
            id=CellId("app", Platform.parse("linux/arm64")),
            state=CellState.DONE,
            node="arm-2",
            speed="native",
            attempts=(
                Attempt(node="arm-1", reason="lost: connection reset"),
                Attempt(node="arm-2"),
            ),
            seconds=1.5,
            pushed=(
                Pushed(
                    repositories=("registry.example/app",),
                    root=Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b"m"), size=1),
                    insecure=True,
                ),
            ),
            complete=True,
            metadata={"k": {"a": 1}},
            ref="b/n/r",
        ),
        CellOutcome(id=CellId("app", Platform.parse("linux/amd64")), state=CellState.WAITING),
    ),
    publications=({"place": "registry.example/app:1", "state": "untouched"},),
)


def test_what_is_written_is_read_again() -> None:
    raw = OUTCOME.to_bytes()
    assert Outcome.parse(raw, "result.json") == OUTCOME
    assert Outcome.parse(raw, "result.json").to_bytes() == raw


def document(**changes: Any) -> bytes:
    return json.dumps(json.loads(OUTCOME.to_bytes()) | changes).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"{}", b"null", b"\xff", b"[" * 100_000, document(cells=5),
        document(cells=[{}]), document(requested=None), document(options=[1]),
        document(publications=[1]),
        document(cells=[{"target": "x", "platform": "no platform!"}]),
    ],
    ids=lambda raw: raw[:20],
)  # fmt: skip
def test_what_is_none(raw: bytes) -> None:
    with pytest.raises(ConfigError, match=r"r\.json is no result of a bake"):
        Outcome.parse(raw, "r.json")


def test_another_version_or_kind() -> None:
    with pytest.raises(ConfigError, match=r"r\.json is a bakex\.result of version 2, not a"):
        Outcome.parse(document(schemaVersion=2), "r.json")
    with pytest.raises(ConfigError, match=r"r\.json is a bakex\.plan of version 1, not a"):
        Outcome.parse(document(kind="bakex.plan"), "r.json")
