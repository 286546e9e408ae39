from __future__ import annotations

import pytest

from bakex.cli.backend import Installed
from bakex.cli.seam import Backend, Builder
from tests.unit.cli.conftest import FakeBackend, FakeBuilder


@pytest.mark.parametrize(
    ("seam", "kind"), [(Backend, Installed), (Backend, FakeBackend), (Builder, FakeBuilder)]
)
def test_nothing_is_missing(seam: type, kind: type) -> None:
    wanted = {name for name in vars(seam) if not name.startswith("_")}
    assert wanted <= set(dir(kind))
