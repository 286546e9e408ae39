from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakex.bake.functions.standard import STANDARD_NAMES
from bakex.bake.hcl import evaluate as module
from bakex.bake.hcl import nodes, syntax
from bakex.bake.hcl.evaluate import evaluate
from bakex.bake.hcl.parser import parse
from bakex.bake.hcl.source import Source
from bakex.bake.values.jsontext import to_json
from bakex.bake.values.problems import ValueProblem
from bakex.errors import BakexError

if TYPE_CHECKING:
    from bakex.bake.hcl.scope import Scope
    from bakex.bake.values.value import Value
    from tests.unit.bake.hcl.conftest import Scopes

TERMS = st.sampled_from(
    ["1", "0", "-1.5", "1e99", '"a"', '"1"', "true", "null", "[]", "{}", "[1, [2]]", "{a = 1}", "A",
     "NOPE", "setunion([1])", '"é"', "convert([1], list(string))", "1/0"]
)  # fmt: skip
CALLS = st.sampled_from(sorted(STANDARD_NAMES - {"bcrypt"}))
EXPRESSIONS = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.tuples(CALLS, st.lists(inner, max_size=3)).map(lambda c: f"{c[0]}({', '.join(c[1])})"),
        st.tuples(inner, st.sampled_from(["+", "%", "<", "==", "&&", "||", "*", "/"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        st.tuples(inner, inner, inner).map(lambda c: f"({c[0]} ? {c[1]} : {c[2]})"),
        st.tuples(inner, inner).map(lambda c: f"[for x in {c[0]} : {c[1]} if can(x)]"),
        st.tuples(inner, inner).map(lambda c: f"{{for x, y in {c[0]} : x => {c[1]}...}}"),
        st.tuples(inner, inner).map(lambda c: f"{c[0]}[{c[1]}]"),
        inner.map(lambda text: f'"a${{{text}}}%{{ for x in {text} }}${{x}}%{{ endfor }}"'),
        inner.map(lambda text: f"{text}[*]"),
        inner.map(lambda text: f"-{text}"),
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # it has no state
@given(EXPRESSIONS)
def test_every_expression_has_a_value_or_a_reason(scope: Scopes, text: str) -> None:
    body, found = parse(Source("a.hcl", f"it = ({text})"))
    assert not found
    outcome = outcome_of(body.attributes["it"].expr, scope("A = {k = [1]}", max_steps=20_000))
    if isinstance(outcome, BakexError):
        assert outcome.diagnostics()[0].span is not None
    else:
        assert outcome.is_known


def outcome_of(expr: syntax.Expression, scope: Scope) -> Value | BakexError:
    try:
        value = evaluate(expr, scope)
    except BakexError as error:
        return error
    with suppress(ValueProblem):  # an infinity has no JSON
        to_json(value)
    return value


def test_every_kind_of_expression_can_be_evaluated() -> None:
    kinds = {
        found
        for found in (*vars(syntax).values(), *vars(nodes).values())
        if isinstance(found, type) and issubclass(found, syntax.Expression)
    }
    assert kinds - {syntax.Expression} == set(module._EVALUATORS)


def test_little_stack_is_an_error_with_a_place(scope: Scopes) -> None:
    head = "A0 = 1\n" + "".join(f"A{at} = (A{at - 1} + 0)\n" for at in range(1, 2000))
    body, _ = parse(Source("a.hcl", "it = A1999"))
    before = sys.getrecursionlimit()
    with pytest.raises(BakexError, match="nested too deeply") as caught:
        evaluate(body.attributes["it"].expr, scope(head))
    assert caught.value.span is not None
    assert sys.getrecursionlimit() == before
