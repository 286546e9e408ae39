from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.hcl.evaluate import evaluate
from bakex.bake.hcl.scope import ChildScope
from bakex.bake.values.value import FALSE, NULL, TRUE, number

if TYPE_CHECKING:
    from tests.unit.bake.hcl.conftest import Parse, Scopes


def test_inner_names_hide_outer_ones(scope: Scopes, parsed: Parse) -> None:
    outer = scope("a = 1\nb = 2")
    inner = ChildScope(outer, {"a": TRUE, "c": NULL})
    assert evaluate(parsed("a"), inner) is TRUE
    assert evaluate(parsed("b"), inner).raw.equals(number(2).number)
    assert evaluate(parsed("c"), inner) is NULL
    assert evaluate(parsed("a"), ChildScope(inner, {"a": FALSE})) is FALSE


def test_everything_else_is_that_of_the_outer_scope(scope: Scopes) -> None:
    outer = scope("a = 1")
    inner = ChildScope(outer, {"x": TRUE})
    assert inner.context is outer.context
    assert list(inner.names()) == ["x", "a"]
    assert list(inner.function_names()) == ["pair", "strings"]
    assert inner.function("pair") is not None
    assert inner.function("nope") is None
