from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bakex.bake.functions.function import Context, Function, Parameter
from bakex.bake.values.problems import LimitError
from bakex.bake.values.value import TRUE
from bakex.bake.values.valuetype import NUMBER


def test_parameters_by_position() -> None:
    first, rest = Parameter("first", NUMBER), Parameter("rest", nullable=True)
    fixed = Function("f", [first], None, lambda _, __: TRUE)
    assert fixed.parameter(0) is first
    assert fixed.parameter(1) is None
    variadic = Function("f", [first], rest, lambda _, __: TRUE)
    assert variadic.parameter(5) is rest


def test_the_budget_ends() -> None:
    context = Context(
        now=lambda: datetime(2024, 1, 1, tzinfo=UTC), random_bytes=bytes, home="", max_steps=3
    )
    context.spend(3)
    with pytest.raises(LimitError, match="takes too long"):
        context.spend(1)
