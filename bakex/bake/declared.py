"""Blocks that declare variables and functions (spec/bake-file 2.9, 2.10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex._util.suggest import closest
from bakex.bake.bodies import refuse_others
from bakex.bake.functions.function import Function, Parameter
from bakex.bake.hcl import static
from bakex.bake.hcl.evaluate import evaluate
from bakex.bake.hcl.scope import ChildScope
from bakex.bake.hcl.syntax import Literal
from bakex.bake.problems import placed
from bakex.bake.values.reading import as_bool, as_string
from bakex.bake.values.value import tuple_value
from bakex.bake.vocabulary import FUNCTION, VALIDATION
from bakex.bake.vocabulary import names as words
from bakex.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bakex.bake.functions.function import Context
    from bakex.bake.hcl.scope import Scope
    from bakex.bake.hcl.syntax import Block, Expression
    from bakex.bake.values.value import Value
    from bakex.bake.values.valuetype import Type


_CALL_STEPS = 4  # a call of such a function is dearer than one of the standard ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable with its final value.

    Attributes:
        type: As declared; None where there is no type, or a root attribute has taken over.
    """

    name: str
    type: Type | None
    value: Value
    description: str = ""


def declared_type(block: Block) -> Type | None:
    """Return the type that a variable block declares; None for none, or ``null``.

    Raises:
        EvaluationError: It is no type.
    """
    attribute = block.body.attributes.get("type")
    if attribute is None:
        return None
    expr = attribute.expr
    if isinstance(expr, Literal) and expr.value.is_null:
        return None
    return static.type_constraint(expr)


def described(block: Block, scope: Scope) -> str:
    """Return the description of a block, empty if it has none.

    Raises:
        DefinitionError: It is no text.
    """
    attribute = block.body.attributes.get("description")
    if attribute is None:
        return ""
    value = evaluate(attribute.expr, scope)
    with placed(attribute.expr, "attribute 'description'"):
        return as_string(value) or ""


def validate(block: Block, scope: Scope) -> None:
    """Check the ``validation`` blocks of a variable, whose value must be known to the scope.

    Raises:
        EvaluationError: A condition does not hold; the message is the block's.
    """
    for rule in block.body.blocks:
        if rule.type == "validation":
            _validate(block.labels[0], rule, scope)


def _validate(name: str, rule: Block, scope: Scope) -> None:
    refuse_others(rule.body, "validation", words(VALIDATION))
    condition = rule.body.attributes.get("condition")
    if condition is None:
        with placed(rule):
            raise EvaluationError("validation without a condition")
    value = evaluate(condition.expr, scope)
    with placed(condition.expr, "condition"):
        holds = as_bool(value)
        if holds is None:
            raise EvaluationError("the condition is null", hint="it must be true or false")
    if holds:
        return
    message = rule.body.attributes.get("error_message")
    text = None if message is None else as_string(evaluate(message.expr, scope))
    with placed(condition.expr):
        raise EvaluationError(f"variable {name!r}: {text or 'its validation failed'}")


def user_function(
    block: Block, scope: Scope, known: Collection[str]
) -> tuple[Function, Expression]:
    """Return the function that a block defines, and the expression of its result.

    Args:
        block: The function block.
        scope: What its result may refer to besides the parameters.
        known: The names of that scope; the result may use no others, even if never called.

    Raises:
        EvaluationError: The block is malformed, or its result refers to an unknown name.
    """
    name = block.labels[0]
    refuse_others(block.body, "function", words(FUNCTION))
    attributes = block.body.attributes
    params = attributes.get("params")
    names = static.keywords(params.expr) if params else None
    if params is None or names is None:
        with placed(params or block):
            raise EvaluationError(
                f"function {name!r} needs a list of parameters", hint="write params = [a, b]"
            )
    rest = attributes.get("variadic_params")
    variadic = static.keyword(rest.expr) if rest else None
    if rest and variadic is None:
        with placed(rest):
            raise EvaluationError("variadic_params must be one name")
    result = attributes.get("result")
    if result is None:
        with placed(params):
            raise EvaluationError(f"function {name!r} has no result", hint="write result = ...")
    _check_names(result.expr, {*names, *([variadic] if variadic else [])}, known)
    return _function(name, names, variadic, result.expr, scope), result.expr


def _function(
    name: str, names: Sequence[str], variadic: str | None, result: Expression, scope: Scope
) -> Function:
    def call(arguments: Sequence[Value], context: Context) -> Value:
        context.spend(_CALL_STEPS)
        bound = dict(zip(names, arguments, strict=False))
        if variadic:
            bound[variadic] = tuple_value(arguments[len(names) :])
        return evaluate(result, ChildScope(scope, bound))

    rest = Parameter(variadic) if variadic else None
    return Function(name, [Parameter(parameter) for parameter in names], rest, call)


def _check_names(result: Expression, own: Collection[str], known: Collection[str]) -> None:
    for traversal in static.references(result):
        if traversal.name in own or traversal.name in known:
            continue
        near = closest(traversal.name, {*own, *known})
        with placed(traversal):
            raise EvaluationError(
                f"there is no variable named {traversal.name!r}",
                hint=f"did you mean {near!r}?" if near else "",
            )
