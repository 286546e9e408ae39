from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.functions.doubles import log, power


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_log_is_that_of_the_system_but_for_the_last_bits(x: float) -> None:
    assert math.isclose(log(x), math.log(x), rel_tol=1e-14, abs_tol=1e-14)


def test_log_at_the_edges() -> None:
    assert log(0) == -math.inf
    assert log(math.inf) == math.inf
    assert math.isnan(log(-1))


@given(st.floats(min_value=1e-3, max_value=1e3), st.floats(min_value=-50, max_value=50))
def test_power_is_that_of_the_system_but_for_the_last_bits(x: float, y: float) -> None:
    assert math.isclose(power(x, y), x**y, rel_tol=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "result"),
    [
        (5.0, 0.0, 1.0),
        (1.0, math.inf, 1.0),
        (7.0, 1.0, 7.0),
        (0.0, 2.0, 0.0),
        (0.0, -2.0, math.inf),
        (-0.0, 3.0, -0.0),
        (-0.0, -3.0, -math.inf),
        (2.0, math.inf, math.inf),
        (0.5, math.inf, 0.0),
        (0.5, -math.inf, math.inf),
        (-1.0, math.inf, 1.0),
        (math.inf, 2.0, math.inf),
        (math.inf, -2.0, 0.0),
        (-math.inf, 3.0, -math.inf),
        (4.0, 0.5, 2.0),
        (4.0, -0.5, 0.5),
        (-2.0, 3.0, -8.0),
        (2.0, 1e300, math.inf),
        (0.5, 1e300, 0.0),
        (-1.0, 1e300, 1.0),
        (10.0, 400.0, math.inf),
        (10.0, -400.0, 0.0),
        (10.0, 1e6, math.inf),
        (2.0, 1.75, 2**1.75),
    ],
)
def test_power(x: float, y: float, result: float) -> None:
    assert power(x, y) == result
    assert math.copysign(1, power(x, y)) == math.copysign(1, result)


def test_root_of_a_negative_number() -> None:
    assert math.isnan(power(-8.0, 1 / 3))
