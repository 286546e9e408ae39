from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bakex.api.desk import RunDesk
from bakex.api.pinning import is_pinned
from bakex.config import load
from bakex.model.node import NodeName, Speed
from bakex.model.outputs import Output
from bakex.model.plan import Cell, CellId
from bakex.model.platform import Platform
from bakex.model.target import Target
from bakex.registry.client import RegistryClient
from bakex.testing.clock import ManualClock
from bakex.testing.keychain import StaticKeychain

if TYPE_CHECKING:
    from pathlib import Path

DOCKER, BUILDKIT = NodeName("docker"), NodeName("buildkit")
CELL = CellId("app", Platform.parse("linux/amd64"))


@pytest.fixture
def desk(tmp_path: Path) -> RunDesk:
    settings = load({"HOME": str(tmp_path)}, cwd=tmp_path)
    registry = RegistryClient(
        keychain=StaticKeychain(), settings=settings, clock=ManualClock(), certificates=()
    )
    return RunDesk(registry=registry, workspace=tmp_path, loader=None, image_stores={DOCKER: None})


def cell(*outputs: Output, node: NodeName = DOCKER, platforms: str = "linux/amd64") -> Cell:
    target = Target(name="app", tags=("r.example/app:1",), platforms=(platforms,), output=outputs)
    return Cell(id=CELL, target=target, node=node, speed=Speed.NATIVE)


LOAD = Output(type="docker")
PUSH = Output(type="registry")


def test_an_image_that_the_node_keeps(desk: RunDesk) -> None:
    assert is_pinned(cell(LOAD), desk)
    assert is_pinned(cell(PUSH, LOAD), desk)
    assert is_pinned(cell(Output(type="image")), desk)


@pytest.mark.parametrize(
    "other",
    [
        cell(LOAD, node=BUILDKIT),
        cell(PUSH),
        cell(),
        cell(Output(type="docker", dest="app.tar")),
        replace(cell(LOAD), gates=(CellId("test", CELL.platform),)),
    ],
)
def test_results_that_leave_it(desk: RunDesk, other: Cell) -> None:
    assert not is_pinned(other, desk)


def test_an_output_that_cannot_be_made_is_for_others_to_tell(desk: RunDesk) -> None:
    several = cell(LOAD, platforms="linux/amd64,linux/arm64")
    assert not is_pinned(several, desk)
