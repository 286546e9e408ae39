"""`bakex image`, down to a registry."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from bakex.cli.main import entry
from bakex.oci.layout import OciLayout
from bakex.testing.images import put_attested
from bakex.testing.registry import FakeRegistry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import FakeBackend


@pytest.fixture
def layout(tmp_path: Path) -> OciLayout:
    made = OciLayout.create(tmp_path / "layout")

    async def fill() -> None:
        await made.tag(await put_attested(made), "app:1")

    asyncio.run(fill())
    return made


def test_from_a_layout_to_a_registry_and_away(
    backend: FakeBackend, layout: OciLayout, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        assert entry(["image", *arguments], backend=backend) == code
        return capsys.readouterr().out

    root = layout.index().entries[0].digest
    with FakeRegistry() as registry:
        name = f"{registry.host}/app"
        assert run("verify", str(layout.root)) == f"app:1 {root} (linux/amd64) ok\n"
        assert run("copy", str(layout.root), f"{name}:1") == f"{name}:1@{root}\n"
        assert run("tag", f"{name}:1", f"{name}:2", f"{name}:3").count(str(root)) == 2
        assert run("ls", name) == "1\n2\n3\n"
        assert json.loads(run("inspect", f"{name}:2"))["digest"] == str(root)
        assert run("rm", f"{name}:1", f"{name}:2") == ""
        assert run("ls", "--insecure", name) == "3\n"
        assert run("verify", "--contents", f"{name}:1", code=5) == ""
    (layout.path(root)).unlink()
    assert run("verify", str(layout.root), code=5) == ""


def test_two_images_that_differ(
    backend: FakeBackend, layout: OciLayout, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(layout.tag(asyncio.run(put_attested(layout, layers=[{"x": b"2"}])), "app:2"))
    places = [f"oci:{layout.root}:app:{tag}" for tag in (1, 2)]
    assert entry(["image", "diff", places[0], places[0]], backend=backend) == 0
    assert capsys.readouterr().out.endswith("no difference, attestations left aside\n")
    assert entry(["image", "diff", *places], backend=backend) == 7
    out, err = capsys.readouterr()
    assert "    + /x (file 0755 0:0 1B)\n" in out
    assert err == ""
    assert (
        entry(["image", "diff", "--format=json", "--attestations", *places], backend=backend) == 7
    )
    assert len(json.loads(capsys.readouterr().out)["images"]) == 2
    assert entry(["image", "diff", "--max-files=-1", *places], backend=backend) == 2
