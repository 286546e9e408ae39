from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.functions.conftest import Refuse, Run


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('cidrhost("10.0.0.7/8", 1)', '"10.0.0.1"'),
        ('cidrhost("10.0.0.0/24", -1)', '"10.0.0.255"'),
        ('cidrhost("fd00::/64", 17)', '"fd00::11"'),
        # The reference takes networks of IPv4 addresses in IPv6 for shorter ones.
        ('cidrhost("::ffff:1.2.3.0/120", 1)', '"0:1::ffff:102:300"'),
        ('cidrhost("::ffff:1.2.3.0/120", 0)', '"1.2.3.0"'),
        ('cidrhost("::ffff:1.2.3.0/120", -1)', '"0:ff::ffff:102:300"'),
        ('cidrsubnet("::ffff:1.2.3.0/120", 4, 1)', '"1.2.3.16/28"'),
        ('cidrsubnets("::ffff:1.2.3.0/120", 4)', '["1.2.3.0/28"]'),
        ('cidrnetmask("10.0.0.0/12")', '"255.240.0.0"'),
        ('cidrnetmask("fd00::/16")', '"ffff::"'),
        ('cidrsubnet("172.16.0.0/12", 4, 2)', '"172.18.0.0/16"'),
        ('cidrsubnet("fd00::/56", 16, 162)', '"fd00::a200:0:0:0/72"'),
        ('cidrsubnets("10.0.0.0/8", 4, 4, 8, 4)',
         '["10.0.0.0/12","10.16.0.0/12","10.32.0.0/16","10.48.0.0/12"]'),
        ('cidrsubnets("10.0.0.0/8")', "[]"),
    ],
)  # fmt: skip
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('cidrhost("10.0.0.0/30", 4)', "the network 10.0.0.0/30 has no host 4"),
        ('cidrhost("10.0.0.0/30", -5)', "has no host -5"),
        ('cidrnetmask("bad")', '"bad" is not a network'),
        ('cidrnetmask("10.0.0.0/08")', "is not a network"),
        ('cidrnetmask("fe80::%eth0/64")', "is not a network"),
        ('cidrnetmask("10.0.0.0/33")', "is not a network"),
        ('cidrsubnet("10.0.0.0/8", 2, 4)', "2 more bits have no network 4"),
        ('cidrsubnet("10.0.0.0/8", 8, -1)', "8 more bits have no network -1"),
        ('cidrsubnet("10.0.0.0/8", -1, 0)', "cannot be negative"),
        ('cidrsubnet("::/0", 33, 0)', "at most 32 bits"),
        ('cidrsubnets("10.0.0.0/30", 8)', "38 bits are more than an IPv4 address has"),
        ('cidrsubnets("10.0.0.0/8", 0)', "at least one more bit"),
        ('cidrsubnets("10.0.0.0/31", 1, 1, 1)', "no room left"),
    ],
)
def test_refusal(refuse: Refuse, text: str, reason: str) -> None:
    assert reason in refuse(text).summary
