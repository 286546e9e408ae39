from __future__ import annotations

import pytest

from bakex.model.bakefile import Syntax


@pytest.mark.parametrize(
    ("name", "syntax"),
    [
        ("docker-bake.hcl", Syntax.NATIVE),
        ("docker-bake.json", Syntax.JSON),
        ("x.JSON", Syntax.EITHER),
        ("compose.yml", Syntax.YAML),
        ("X.YAML", Syntax.YAML),
        ("-", Syntax.EITHER),
        ("https://host/x.hcl", Syntax.NATIVE),
        ("https://host/x.hcl?y=1", Syntax.EITHER),
    ],
)
def test_what_a_name_says(name: str, syntax: Syntax) -> None:
    assert Syntax.of(name) is syntax
