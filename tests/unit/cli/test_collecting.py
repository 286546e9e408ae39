"""What `bakex image gc` asks for, and what it says."""

from __future__ import annotations

import asyncio
import io
import json
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bakex.cli.collecting import wishes
from bakex.cli.main import entry
from bakex.errors import ConfigError, UsageError
from bakex.model.digest import Digest
from bakex.oci.layout import OciLayout
from bakex.testing.images import put_attested, put_image

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import FakeBackend

NOW = datetime(2026, 1, 31, tzinfo=UTC)
ONE = Digest.of(b"one")


def asked(**given: Any) -> Any:
    nothing: dict[str, Any] = {
        "delete_tags": (),
        "older_than": "",
        "keep_untagged_for": "",
        "candidates": None,
    }
    return wishes(NOW, **{**nothing, **given})


def test_options_become_wishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = asked()
    assert plain.held_since == NOW - timedelta(hours=1)
    assert (plain.delete_tags, plain.older_than, plain.candidates) == ((), None, ())
    full = asked(delete_tags=["pr-*"], older_than="30d", keep_untagged_for="0s")
    assert full.delete_tags == ("pr-*",)
    assert full.older_than == NOW - timedelta(days=30)
    assert full.held_since == NOW
    file = tmp_path / "given"
    file.write_text(f"# seen\n\n{ONE}\n  10MB host/app@{ONE} # again\n")
    assert asked(candidates=file).candidates == (ONE, ONE)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{ONE}\n"))
    assert asked(candidates=type(file)("-")).candidates == (ONE,)


@pytest.mark.parametrize(
    "given",
    [
        {"older_than": "30d"},
        {"older_than": "soon", "delete_tags": ["*"]},
        {"keep_untagged_for": "-1h"},
        {"keep_untagged_for": "999999999999w"},
    ],
)
def test_nonsense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        asked(**given)


def test_candidates_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "given"
    with pytest.raises(ConfigError, match="cannot read"):
        asked(candidates=file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot read"):
        asked(candidates=file)
    file.write_text("latest\n")
    with pytest.raises(ConfigError, match="'latest' is no digest"):
        asked(candidates=file)


def test_it_tells_before_it_removes(
    backend: FakeBackend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = OciLayout.create(tmp_path / "layout")

    async def fill() -> None:
        old = await put_attested(layout, layers=[{"a": b"old"}])
        both = await put_image(layout, layers=[{"a": b"both"}])
        await layout.enter([(old, "1"), (both, "pr-1"), (both, "main")])
        await layout.tag(await put_attested(layout, layers=[{"a": b"new"}]), "1")

    asyncio.run(fill())
    place = f"oci:{layout.root}"

    def run(*arguments: str, code: int = 0) -> str:
        assert entry(["image", "gc", place, *arguments], backend=backend) == code
        return capsys.readouterr().out

    always = ("--keep-untagged-for", "0s", "--delete-tags", "pr-*")
    count = len(list(layout.files()))
    new = run()
    assert new.startswith(f"0 manifests can go from {layout.root}")
    assert "; 7 only because they are new\n" in new
    for path in layout.root.glob("blobs/*/*"):
        os.utime(path, (0, 0))
    told = run(*always)
    lines = told.splitlines()
    assert lines[0].startswith("index sha256:")
    assert "tag pr-1: what it stands for stays" in lines
    assert f"7 blobs can go from {layout.root}, " in told
    assert "2 tags, 4 manifests, 0 referrers stay" in lines
    assert lines[-1] == "nothing was removed: add --apply to remove it"
    assert len(list(layout.files())) == count
    document = json.loads(run(*always, "--format", "json"))
    assert document["applied"] is False
    assert document["keep"] == {"tags": 2, "manifests": 4, "referrers": 0, "held": 0}
    assert document["untag"] == ["pr-1"]
    assert document["frees"] == sum(item["frees"] for item in document["remove"])
    assert {item["kind"] for item in document["remove"]} == {"index", "manifest", "blob"}
    done = run(*always, "--apply")
    assert f"7 blobs removed from {layout.root}, " in done
    assert "--apply" not in done
    assert len(list(layout.files())) == count - 7
    assert run(*always, "--format", "yaml", code=2) == ""
