from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.functions.conftest import Refuse, Run


@pytest.mark.parametrize(
    ("version", "constraint", "holds"),
    [
        ("1.2.3", "1.2.3", True),
        ("v1.2", "1.x", True),
        ("1", "1.0.0", True),
        ("01.2.3", "1.2.3", True),
        ("1.2.3+meta", "=1.2.3+other", True),
        ("1.2.3", "!=1.2.3", False),
        ("1.2.3", "!=1.2", False),
        ("1.3.0", "!=1.2", True),
        ("1.2.3", "=1.2", True),
        ("1.2.3", ">1.2", False),
        ("1.3.0", ">1.2", True),
        ("11.1.0", ">11", False),
        ("1.2.3", ">1.2.2", True),
        ("1.2.3", "<1.2", False),
        ("1.2.3", "<=1.2", True),
        ("1.2.3", "=<1.2.2", False),
        ("1.2.3", "=> 1.0, < 2", True),
        ("1.2.3", ">1.0 <2 || 3.x", True),
        ("3.9.0", ">1.0 <2 || 3.x", True),
        ("2.5.0", ">1.0 <2 || 3.x", False),
        ("1.2.3", "1.0.0 - 2.0.0", True),
        ("2.9.0", "1 - 2", True),
        ("3.0.0", "1 - 2", False),
        ("1.2.9", "~1.2", True),
        ("1.3.0", "~1.2.3", False),
        ("1.9.0", "~>1", True),
        ("1.2.2", "~1.2.3", False),
        ("5.0.0", "~0.0.0", True),
        ("1.9.0", "^1.2", True),
        ("2.0.0", "^1.2", False),
        ("0.2.5", "^0.2.3", True),
        ("0.3.0", "^0.2.0", False),
        ("0.0.4", "^0.0.3", False),
        ("0.9.0", "^0", True),
        ("1.2.3", "*", True),
        ("1.2.3-rc1", ">=1.0", False),
        ("1.2.3-rc1", "*", False),
        ("1.2.3-rc1", "!=2.0.0", False),
        ("1.2.3-rc1", ">=1.2.3-0", True),
        ("1.2.3-rc1", ">1.0.0-0, <2.0.0", True),
        ("1.2.3-alpha.10", ">1.2.3-alpha.9", True),
        ("1.2.3-beta", ">1.2.3-9", True),
        ("1.2.3", ">1.2.3-beta", True),
    ],
)
def test_constraint(run: Run, version: str, constraint: str, holds: bool) -> None:
    assert run(f'semvercmp("{version}", "{constraint}")') == ("true" if holds else "false")


@pytest.mark.parametrize("version", ["", "x", "1.2.3.4", " 1.2.3", "1.2.3-", "1" * 2000])
def test_what_is_no_version(refuse: Refuse, version: str) -> None:
    assert "is not a version" in refuse(f'semvercmp("{version}", "1")').summary


@pytest.mark.parametrize(
    "constraint", ["", "==1.2.3", ">=1.2.3 || ", "1.2.3.4", "abc", "1.2,", "1.2.3 <", "1 " * 2000]
)
def test_what_is_no_constraint(refuse: Refuse, constraint: str) -> None:
    assert "is not a constraint" in refuse(f'semvercmp("1.2.3", "{constraint}")').summary
