"""What `bakex image promote` asks for, and what it says."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from bakex.cli.main import entry
from bakex.cli.promoting import origin
from bakex.errors import UsageError
from bakex.model.digest import Digest
from bakex.oci.layout import OciLayout
from bakex.testing.images import put_artifact, put_attested
from bakex.testing.registry import FakeRegistry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import FakeBackend


def test_an_origin_is_a_digest() -> None:
    assert origin("") is None
    assert origin(str(Digest.of(b""))) == Digest.of(b"")
    with pytest.raises(UsageError, match="--from latest: not a digest"):
        origin("latest")


def test_tags_move_and_are_told(
    backend: FakeBackend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = OciLayout.create(tmp_path / "layout")

    async def fill() -> Digest:
        root = await put_attested(layout)
        await layout.enter([(root, "app"), (await put_artifact(layout, root, "x/y"), "")])
        return root.digest

    root = asyncio.run(fill())
    place = f"oci:{layout.root}:app"

    def run(*arguments: str, code: int = 0) -> str:
        assert entry(["image", "promote", *arguments], backend=backend) == code
        return capsys.readouterr().out

    with FakeRegistry() as registry:
        one, two = f"{registry.host}/app:1", f"{registry.host}/live:1"
        assert run(place, one, two).splitlines() == [
            f"pushed to {one}",
            f"pushed to {two}",
            f"{root} with 1 referrer",
        ]
        document = json.loads(run(one, two, "--format", "json", "--from", str(root)))
        assert document["digest"] == str(root)
        assert document["tags"] == [{"reference": two, "digest": str(root), "state": "unchanged"}]
        assert len(document["referrers"]) == 1
        assert run(one, f"{registry.host}/bare:1", "--no-referrers").splitlines()[-1] == str(root)
        assert run(one, two, "--expect-digest", f"{two}=none", code=5) == ""
        assert run(one, two, "--from", str(Digest.of(b"")), code=5) == ""
        assert run(one, two, "--expect-digest", "?", code=2) == ""
