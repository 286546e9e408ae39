"""The usual suspects, one at a time."""

from __future__ import annotations

from typing import Any

import pytest

from bakex.api.suspects import Suspect, suspects
from bakex.model.difference import (
    Change,
    Comparison,
    FileDifference,
    ImageDifference,
    LayerDifference,
    LayerSide,
    Moved,
)
from bakex.model.digest import Digest

ONE, TWO = Digest.of(b"1"), Digest.of(b"2")
STATE: dict[str, object] = {"type": "file", "mode": "0644", "modified": "1", "content": "1"}


def side(digest: Digest, diff_id: str = "") -> LayerSide:
    return LayerSide(number=2, digest=digest, size=1, media_type="tar", diff_id=diff_id)


def differing(path: str, heads: tuple[bytes, bytes] = (b"", b""), **b: object) -> FileDifference:
    return FileDifference(path=path, a=STATE, b={**STATE, **b}, heads=heads)


def found(
    *files: FileDifference,
    layer: LayerDifference | None = None,
    epoch: bool = False,
    rewrites: bool = False,
    **image: Any,
) -> tuple[Suspect, ...]:
    layers = (layer or LayerDifference(a=side(ONE), b=side(TWO), files=files),)
    given = {"layers": layers if files or layer else (), **image}
    images = (
        ImageDifference(name="linux/arm64", a=ONE, b=ONE),
        ImageDifference(name="linux/amd64", a=ONE, b=TWO, **given),
    )
    comparison = Comparison(a=("a", ONE), b=("b", TWO), images=images)
    return suspects(comparison, epoch=epoch, rewrites=rewrites)


def kinds(*files: FileDifference, **given: Any) -> list[str]:
    return [suspect.kind for suspect in found(*files, **given)]


@pytest.mark.parametrize(
    ("epoch", "rewrites", "words"),
    [
        (False, False, ["SOURCE_DATE_EPOCH", "rewrite-timestamp=true"]),
        (True, False, ["rewrite-timestamp=true"]),
        (False, True, ["SOURCE_DATE_EPOCH"]),
        (True, True, ["later step"]),
    ],
)
def test_times_of_files(*, epoch: bool, rewrites: bool, words: list[str]) -> None:
    (suspect,) = found(differing("x", modified="2"), epoch=epoch, rewrites=rewrites)
    assert (suspect.kind, suspect.where) == ("file-time", "/x")
    assert all(word in suspect.hint for word in words)
    assert ("SOURCE_DATE_EPOCH" in suspect.hint) == (not epoch)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (b"Tue Nov 24 14:11:17 UTC 2026\n", b"Wed Nov 25 09:01:02 UTC 2026\n"),
        (b"built 2026-11-24T14:11:17Z by me", b"built 2027-01-02T00:00:00Z by me"),
        (b'{"at": 1764000000}', b'{"at": 1764000123}'),
        (b"at 1764000000.123456 or 24 Nov 2026", b"at 1764000001.654321 or 25 Dec 2026"),
        (b"stamp = 14:11", b"stamp = 14:12"),
    ],
)
def test_times_in_files(a: bytes, b: bytes) -> None:
    assert kinds(differing("x", (a, b), content="2")) == ["embedded-time"]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (b"", b""),
        (b"one", b"two"),
        (b"id 12345678901234", b"id 99999999999999"),
        (b"v1.2", b"v1.3"),
    ],
)
def test_what_is_no_time(a: bytes, b: bytes) -> None:
    assert kinds(differing("x", (a, b), content="2")) == ["content"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("usr/lib/python3/x/__pycache__/a.cpython-311.pyc", "bytecode"),
        ("var/log/dpkg.log", "log"),
        ("var/cache/ldconfig/aux-cache", "cache"),
        ("var/lib/apt/lists/x", "cache"),
        ("root/.cache/pip/x", "cache"),
        ("etc/machine-id", "random"),
        ("etc/ssh/ssh_host_rsa_key", "random"),
        ("usr/lib/libx.a", "archive"),
        ("app/app.jar", "archive"),
    ],
)
def test_paths_that_are_known(path: str, kind: str) -> None:
    assert kinds(differing(path, content="2", modified="2")) == [kind]


def test_names_metadata_and_order() -> None:
    added = FileDifference(path="x", a=None, b=STATE)
    removed = FileDifference(path="y", a=STATE, b=None)
    (suspect,) = found(added, removed)
    assert (suspect.kind, suspect.where) == ("names", "/x")
    (suspect,) = found(differing("x", mode="0600", modified="2"))
    assert (suspect.kind, suspect.summary) == ("metadata", "files differ in mode")
    moved = LayerDifference(a=side(ONE), b=side(TWO), moved=Moved(path="x", a=1, b=2))
    assert kinds(layer=moved) == ["order"]


def test_layers_as_a_whole() -> None:
    assert kinds(layer=LayerDifference(a=None, b=side(TWO))) == ["layers"]
    assert kinds(layer=LayerDifference(a=side(ONE, "d"), b=side(TWO, "d"))) == ["compression"]
    form = LayerDifference(a=side(ONE), b=side(TWO), notes=("in their form only",))
    assert kinds(layer=form) == ["compression"]


def test_config_and_manifest() -> None:
    config = tuple(
        Change(field=field, a=1, b=2)
        for field in ("created", "history[0].created", "config.Env.A", "history[0].created_by")
    )
    assert [(s.kind, s.where) for s in found(config=config)] == [
        ("image-time", "created"),
        ("config", "config.Env.A"),
    ]
    assert kinds(manifest=(Change(field="annotations.x", a=1, b=2),)) == ["manifest"]


def test_each_kind_comes_once_as_a_document() -> None:
    (suspect,) = found(differing("x", modified="2"), differing("y", modified="2"))
    assert suspect.to_json() == {
        "kind": "file-time",
        "summary": suspect.summary,
        "hint": suspect.hint,
        "where": "/x",
    }
