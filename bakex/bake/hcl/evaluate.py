"""Expressions to values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.hcl.calls import CallEvaluator
from bakex.bake.hcl.nodes import (
    Access,
    Binary,
    Call,
    Conditional,
    For,
    Index,
    JsonString,
    ObjectExpression,
    Parentheses,
    Splat,
    SplatItem,
    Template,
    TemplateLoop,
    TemplateWrap,
    TupleExpression,
    Unary,
)
from bakex.bake.hcl.syntax import Expression, Literal, Traversal
from bakex.bake.values.problems import LimitError
from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.bake.hcl.scope import Scope
    from bakex.bake.values.value import Value


def evaluate(expr: Expression, scope: Scope) -> Value:
    """Return the value of an expression.

    Pure but for what the scope does; the same expression may be evaluated in several scopes.

    Raises:
        EvaluationError: It has none; says where and why.
        DefinitionError: What the scope raises.
    """
    try:
        return Evaluator(scope).evaluate(expr)
    except RecursionError:
        error = LimitError(
            "the definition is nested too deeply",
            detail="Expressions, functions and variables refer to one another too often.",
        )
        error.span, error.source = expr.span, expr.source.text
        raise error from None


class Evaluator(CallEvaluator):
    """Evaluates expressions in one scope."""

    def evaluate(self, expr: Expression) -> Value:
        """Return the value of an expression; errors get its place unless they have one."""
        try:
            return _EVALUATORS[type(expr)](self, expr)
        except DefinitionError as error:
            if error.span is None:
                error.span, error.source = expr.span, expr.source.text
            raise

    def within(self, scope: Scope) -> Evaluator:
        """Return an evaluator for an inner scope."""
        return Evaluator(scope)


# Each method takes the node type that it is listed under, which a mapping cannot express.
_EVALUATORS: dict[type[Expression], Callable[..., Value]] = {
    Access: Evaluator.access,
    Binary: Evaluator.binary,
    Call: Evaluator.call,
    Conditional: Evaluator.conditional,
    For: Evaluator.loop,
    Index: Evaluator.index,
    JsonString: Evaluator.json_string,
    Literal: Evaluator.literal,
    ObjectExpression: Evaluator.object,
    Parentheses: Evaluator.parentheses,
    Splat: Evaluator.splat,
    SplatItem: Evaluator.splat_item,
    Template: Evaluator.template,
    TemplateLoop: Evaluator.template_loop,
    TemplateWrap: Evaluator.template_wrap,
    Traversal: Evaluator.traversal,
    TupleExpression: Evaluator.tuple,
    Unary: Evaluator.unary,
}
