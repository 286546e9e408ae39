from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex import sync
from bakex.api import define
from bakex.config import load
from bakex.errors import NodeError
from bakex.testing.fakes import EventRecorder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("call", [sync.plan, sync.bake])
def test_a_node_that_is_not_there_is_an_error_of_the_call(call: object, tmp_path: Path) -> None:
    (tmp_path / "docker-bake.hcl").write_text('target "default" {}\n')
    settings = load({"HOME": str(tmp_path)}, cwd=tmp_path)
    resolution = define(settings)
    assert callable(call)
    with pytest.raises(NodeError) as caught:
        call(settings, resolution, builder=f"unix://{tmp_path}/none", events=EventRecorder())
    assert "none" in str(caught.value.diagnostics())
