"""Evaluation of operators and conditionals (specification section 2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from bakex.bake.hcl.basics import BasicEvaluator, located
from bakex.bake.hcl.nodes import Binary
from bakex.bake.values.compare import equal
from bakex.bake.values.convert import convert
from bakex.bake.values.problems import ConversionError, ValueProblem
from bakex.bake.values.unify import unify
from bakex.bake.values.value import FALSE, TRUE, UNKNOWN, Value, boolean, number
from bakex.bake.values.valuetype import ANY, BOOL, NUMBER, Type, describe
from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.bake.hcl.nodes import Conditional, Unary
    from bakex.bake.hcl.syntax import Expression
    from bakex.bake.values.number import Number

_ARITHMETIC: dict[str, Callable[[Number, Number], Number]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,
}
_ORDERING: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


class OperatorEvaluator(BasicEvaluator):
    """The evaluation of operators."""

    def binary(self, expr: Binary) -> Value:
        """Return the result of a chain of operators, innermost first."""
        chain = [expr]
        while isinstance(chain[-1].left, Binary):
            chain.append(chain[-1].left)
        outcome = self.attempt(chain[-1].left)
        self.context.spend(len(chain))
        for node in reversed(chain):
            try:
                outcome = self._apply(node, outcome)
            except DefinitionError as error:
                outcome = located(error, node)
        return _value_of(outcome)

    def _apply(self, node: Binary, left: Value | DefinitionError) -> Value:
        if node.operator in {"&&", "||"}:
            return self._logical(node, left)
        left = _value_of(left)
        right = self.evaluate(node.right)
        if node.operator in {"==", "!="}:
            if not (left.is_known and right.is_known):
                return UNKNOWN
            return boolean(equal(left, right) is (node.operator == "=="))
        return self._numeric(node, left, right)

    def _numeric(self, node: Binary, left: Value, right: Value) -> Value:
        left = _operand(left, NUMBER, node.left, node.operator)
        right = _operand(right, NUMBER, node.right, node.operator)
        if not (left.is_known and right.is_known):
            return UNKNOWN
        if left.is_null or right.is_null:
            _null_operand(node.operator)
        if (compute := _ARITHMETIC.get(node.operator)) is not None:
            return number(compute(left.number, right.number))
        return boolean(_ORDERING[node.operator](left.number.compare(right.number)))

    def _logical(self, node: Binary, left: Value | DefinitionError) -> Value:
        """Return the result of ``&&`` or ``||``.

        Either operand can decide alone; an error of the other one then does not count, except that
        it is of a type that is no truth.
        """
        right = self.attempt(node.right)
        deciding = FALSE if node.operator == "&&" else TRUE
        truths = [
            operand
            if isinstance(operand, DefinitionError)
            else _operand(operand, BOOL, expr, node.operator)
            for operand, expr in ((left, node.left), (right, node.right))
        ]
        if any(_decides(truth, deciding) for truth in truths):
            return deciding
        values = [_value_of(truth) for truth in truths]
        if not all(value.is_known for value in values):
            return UNKNOWN
        if any(value.is_null for value in values):
            _null_operand(node.operator)
        return TRUE if deciding is FALSE else FALSE

    def unary(self, expr: Unary) -> Value:
        """Return the result of ``-`` or ``!``."""
        type_ = NUMBER if expr.operator == "-" else BOOL
        operand = _operand(self.evaluate(expr.operand), type_, expr.operand, expr.operator)
        if not operand.is_known:
            return UNKNOWN
        if operand.is_null:
            _null_operand(expr.operator)
        return number(-operand.number) if type_ is NUMBER else boolean(not operand.truth)

    def conditional(self, expr: Conditional) -> Value:
        """Return the chosen result, in the type that both results can have.

        Errors of the result that is not chosen do not count.
        """
        yes, no = self.attempt(expr.yes), self.attempt(expr.no)
        common = _common_type(yes, no)
        if common is None:
            _inconsistent(_value_of(yes), _value_of(no))
        condition = self._condition(self.evaluate(expr.condition), expr.condition)
        if condition is UNKNOWN:
            return UNKNOWN
        return convert(_value_of(yes if condition.truth else no), common)

    def _condition(self, value: Value, expr: Expression) -> Value:
        if not value.is_known:
            return UNKNOWN
        if value.is_null:
            raise located(
                ValueProblem("the condition is null", detail="It must be true or false."), expr
            )
        try:
            return convert(value, BOOL)
        except ConversionError as error:
            problem = ValueProblem(
                "the condition is neither true nor false",
                detail=f"{error.reason[0].upper()}{error.reason[1:]}.",
                hint=error.hint,
            )
            raise located(problem, expr) from None


def _decides(truth: Value | DefinitionError, deciding: Value) -> bool:
    """Tell whether one operand settles ``&&`` or ``||``; null counts as false for ``&&``."""
    if isinstance(truth, DefinitionError) or not truth.is_known:
        return False
    return truth.is_null if truth.is_null and deciding is FALSE else truth.raw is deciding.raw


def _value_of(outcome: Value | DefinitionError) -> Value:
    if isinstance(outcome, DefinitionError):
        raise outcome
    return outcome


def _operand(value: Value, type_: Type, expr: Expression, operator: str) -> Value:
    if value.type is type_ or not value.is_known:
        return value
    try:
        return convert(value, type_)
    except ConversionError as error:
        what = "a number" if type_ is NUMBER else "true or false"
        problem = ValueProblem(
            f'"{operator}" needs {what} here',
            detail=f"{error.reason[0].upper()}{error.reason[1:]}.",
            hint=error.hint or _string_hint(value, operator),
        )
        raise located(problem, expr) from None


def _string_hint(value: Value, operator: str) -> str:
    if operator == "+" and value.kind == "string":
        return 'strings are joined in a template: "${a}${b}"'
    return ""


def _null_operand(operator: str) -> NoReturn:
    raise ValueProblem(f'"{operator}" cannot be applied to null')


def _common_type(yes: Value | DefinitionError, no: Value | DefinitionError) -> Type | None:
    types = [
        ANY if isinstance(result, DefinitionError) or not result.is_known else result.type
        for result in (yes, no)
    ]
    return unify(types)


def _inconsistent(yes: Value, no: Value) -> NoReturn:
    raise ValueProblem(
        "the two results of the conditional do not fit together",
        detail=(
            f"One is {describe(yes.type)}, the other {describe(no.type)}; "
            "there is no type that both can have."
        ),
        hint="convert one of them",
    )
