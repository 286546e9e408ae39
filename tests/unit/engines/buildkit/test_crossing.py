from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bakex.engines.buildkit.crossing import crosses
from bakex.model.target import Target

if TYPE_CHECKING:
    from bakex.config import Settings


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"dockerfile_inline": "FROM --platform=$BUILDPLATFORM base"}, True),
        ({"dockerfile_inline": "FROM base"}, False),
        ({"dockerfile_inline": "FROM base", "contexts": {"base": "target:base"}}, False),
        ({}, False),
        ({"dockerfile": "missing"}, False),
        ({"context": "https://example.org/repo.git"}, True),
    ],
)
def test_what_a_dockerfile_says(settings: Settings, fields: dict[str, Any], expected: bool) -> None:
    assert crosses(Target(name="app", **fields), settings.cwd) is expected
