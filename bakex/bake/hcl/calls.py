"""Evaluation of calls (specification section 2.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from bakex.bake.functions.function import FunctionError
from bakex.bake.functions.standard import LAZY_NAMES, STANDARD, STANDARD_NAMES
from bakex.bake.hcl.basics import located
from bakex.bake.hcl.loops import LoopEvaluator
from bakex.bake.hcl.static import type_constraint
from bakex.bake.hcl.suggestion import did_you_mean
from bakex.bake.values.convert import convert
from bakex.bake.values.problems import ConversionError, ValueProblem
from bakex.bake.values.value import FALSE, TRUE, UNKNOWN, Value
from bakex.bake.values.valuetype import ITERABLES, MAPPINGS, describe
from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.functions.function import Function, Parameter
    from bakex.bake.hcl.nodes import Call
    from bakex.bake.hcl.syntax import Expression


_COUNTED = ITERABLES | MAPPINGS


class CallEvaluator(LoopEvaluator):
    """The evaluation of calls."""

    def call(self, expr: Call) -> Value:
        """Return what a function returns."""
        if expr.name in LAZY_NAMES:
            return self._lazy(expr)
        function = STANDARD.get(expr.name) or self.scope.function(expr.name)
        if function is None:
            self._no_function(expr)
        found = self._arguments(expr)
        if found is None:
            return UNKNOWN
        arguments, nodes = found
        _check_count(function, len(arguments), expr)
        for at, (value, node) in enumerate(zip(arguments, nodes, strict=True)):
            arguments[at] = _converted(function, at, value, node)
        if not all(value.is_known for value in arguments):
            return UNKNOWN
        return self._invoke(function, expr, arguments, nodes)

    def _arguments(self, expr: Call) -> tuple[list[Value], list[Expression]] | None:
        """Return the arguments and where each comes from; None if their number is not known."""
        nodes = list(expr.arguments)
        values = [self.evaluate(node) for node in nodes]
        if not expr.expand:
            return values, nodes
        last, node = values.pop(), nodes.pop()
        if not last.is_known:
            return None
        if last.is_null or last.kind not in ITERABLES:
            problem = ValueProblem(
                'an argument with "..." must be a list',
                detail=f"This is {'null' if last.is_null else describe(last.type)}.",
            )
            raise located(problem, node)
        return [*values, *last.items], nodes + [node] * len(last.items)

    def _invoke(
        self,
        function: Function,
        expr: Call,
        arguments: Sequence[Value],
        nodes: Sequence[Expression],
    ) -> Value:
        work = sum(_work(value) for value in arguments if value.raw)
        self.context.spend(1 + work)
        try:
            return function.implementation(arguments, self.context)
        except DefinitionError as error:
            if error.span is None:
                error.summary = f'function "{expr.name}": {error.summary}'
                at = error.argument if isinstance(error, FunctionError) else None
                if at is not None and at < len(nodes):
                    raise located(error, nodes[at]) from None
                error.span, error.source = expr.name_span, expr.source.text
            raise

    def _no_function(self, expr: Call) -> NoReturn:
        name = expr.name
        known = (*STANDARD_NAMES, *self.scope.function_names())
        error = ValueProblem(
            f'there is no function named "{name}"',
            detail="Functions have no namespaces here." if "::" in name else "",
            hint=did_you_mean(name, known),
        )
        error.span, error.source = expr.name_span, expr.source.text
        raise error

    # -- functions that do not just take values

    def _lazy(self, expr: Call) -> Value:
        if expr.expand:
            raise located(
                ValueProblem(f'"..." cannot be used with the function "{expr.name}"'), expr
            )
        if expr.name == "convert":
            return self._convert(expr)
        if expr.name == "try":
            return self._try(expr)
        _exactly(expr, 1)
        outcome = self.attempt(expr.arguments[0])
        if isinstance(outcome, DefinitionError):
            return FALSE
        return TRUE if outcome.is_known else UNKNOWN

    def _try(self, expr: Call) -> Value:
        """Return the first argument that has a value."""
        reasons: list[str] = []
        cause: DefinitionError | None = None
        for node in expr.arguments:
            outcome = self.attempt(node)
            if not isinstance(outcome, DefinitionError):
                return outcome
            cause = cause or outcome
            reasons.append(f"line {node.span.line}: {outcome.summary}")
        if not reasons:
            raise located(ValueProblem('the function "try" needs an argument'), expr)
        raise located(
            ValueProblem(
                'function "try": none of the expressions has a value', detail="\n".join(reasons)
            ),
            expr,
        ) from cause

    def _convert(self, expr: Call) -> Value:
        """Return a value in the form of a type, which is the second argument as it is written."""
        _exactly(expr, 2)
        node, type_expr = expr.arguments
        value = self.evaluate(node)
        type_ = type_constraint(type_expr)
        try:
            return convert(value, type_)
        except ConversionError as error:
            error.summary = f'function "convert": {error.summary}'
            raise located(error, node) from None


def _exactly(expr: Call, count: int) -> None:
    given = len(expr.arguments)
    if given < count:
        _too_few(expr, f'"{expr.name}" takes {_counted(count)}, but this call has {given}')
    if given > count:
        _too_many(expr, count, f'"{expr.name}" takes {_counted(count)}, but this call has {given}')


def _counted(count: int) -> str:
    return "one argument" if count == 1 else f"{count} arguments"


def _check_count(function: Function, given: int, expr: Call) -> None:
    wanted = len(function.parameters)
    least = "at least " if function.variadic else ""
    if given < wanted:
        missing = function.parameters[given].name
        _too_few(
            expr,
            f'"{expr.name}" takes {least}{_counted(wanted)}, but this call has {given}; '
            f'"{missing}" is missing',
        )
    if given > wanted and function.variadic is None:
        what = _counted(wanted) if wanted else "no arguments"
        _too_many(expr, wanted, f'"{expr.name}" takes {what}, but this call has {given}')


def _too_few(expr: Call, detail: str) -> NoReturn:
    error = ValueProblem("too few arguments for the function", detail=f"{detail}.")
    error.span = expr.source.span(expr.close, expr.end)
    error.source = expr.source.text
    raise error


def _too_many(expr: Call, wanted: int, detail: str) -> NoReturn:
    node = expr.arguments[min(wanted, len(expr.arguments) - 1)]
    raise located(ValueProblem("too many arguments for the function", detail=f"{detail}."), node)


def _converted(function: Function, at: int, value: Value, node: Expression) -> Value:
    parameter = function.parameter(at)
    if parameter is None or not value.is_known:
        return value
    if value.is_null and not parameter.nullable:
        raise located(_argument_problem(function, parameter, "it cannot be null"), node)
    try:
        return convert(value, parameter.type)
    except ConversionError as error:
        problem = _argument_problem(function, parameter, error.summary, error.hint)
        raise located(problem, node) from None


def _argument_problem(
    function: Function, parameter: Parameter, reason: str, hint: str = ""
) -> ValueProblem:
    return ValueProblem(
        f'function "{function.name}": wrong argument "{parameter.name}"',
        detail=f"{reason[0].upper()}{reason[1:]}.",
        hint=hint,
    )


def _work(argument: Value) -> int:
    """Return the steps that looking at all of an argument takes: elements, or parts of a text."""
    if argument.kind == "string":
        return len(argument.text) >> 5
    return len(argument.raw) if argument.kind in _COUNTED else 0
