"""The engine that makes images in an instant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.config import load
from bakex.errors import StepFailedError
from bakex.model.node import Speed
from bakex.model.plan import Cell, CellId
from bakex.model.platform import Platform
from bakex.model.result import PushImage, SaveImage, SaveTar, SaveTree, StoreImage
from bakex.model.target import Target
from bakex.oci.layout import OciLayout
from bakex.oci.validate import validate
from bakex.registry.client import RegistryClient
from bakex.testing.clock import ManualClock
from bakex.testing.engine import ImageEngine
from bakex.testing.fakes import EventRecorder, fake_node
from bakex.testing.keychain import StaticKeychain
from bakex.testing.registry import FakeRegistry

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.model.result import ExportRequest


async def test_it_hands_over_what_a_node_would(tmp_path: Path) -> None:
    settings = load({"HOME": str(tmp_path)}, cwd=tmp_path)
    client = RegistryClient(keychain=StaticKeychain(), settings=settings, clock=ManualClock())
    info = fake_node("n")
    cell = Cell(
        id=CellId("app", Platform.parse("linux/amd64")),
        target=Target(name="app", labels={"a": "b"}),
        node=info.name,
        speed=Speed.NATIVE,
    )
    with FakeRegistry() as registry:
        engine = ImageEngine(info=info, registry=client, attested=True)
        assert await engine.probe() is info
        exports: list[ExportRequest] = [
            PushImage(repositories=(f"{registry.host}/app",)),
            SaveImage(layout=tmp_path / "layout"),
            StoreImage(names=()),
            SaveTree(directory=tmp_path / "tree"),
            SaveTar(file=tmp_path / "file.tar"),
        ]
        made = (await engine.build(cell, exports, {}, EventRecorder())).exports
        again = (await engine.build(cell, exports, {}, EventRecorder())).exports
        assert made == again
        assert made[0] is not None
        assert made[:3] == (made[0],) * 3
        assert made[3:] == (None, None)
        assert registry.content.manifest("app", str(made[0].digest))
        assert registry.content.tags("app") == []
    await validate(OciLayout.open(tmp_path / "layout"), made[0], contents=True)
    assert (tmp_path / "tree" / "app").read_bytes() == engine.content
    engine.fail = frozenset({"app@linux/amd64"})
    with pytest.raises(StepFailedError):
        await engine.build(cell, [], {}, EventRecorder())
    assert engine.solved == [cell.id] * 3
    await engine.aclose()
    await client.aclose()
