"""Evaluation of ``for`` (specification section 2.3)."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from bakex.bake.hcl.basics import located
from bakex.bake.hcl.operators import OperatorEvaluator
from bakex.bake.hcl.scope import ChildScope
from bakex.bake.values.convert import convert
from bakex.bake.values.problems import ConversionError, ValueProblem
from bakex.bake.values.value import (
    UNKNOWN,
    Value,
    number,
    object_value,
    string,
    tuple_value,
)
from bakex.bake.values.valuetype import BOOL, ITERABLES, MAPPINGS, describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bakex.bake.hcl.nodes import For, TemplateLoop
    from bakex.bake.hcl.scope import Scope
    from bakex.bake.hcl.syntax import Expression


class LoopEvaluator(OperatorEvaluator):
    """The evaluation of loops."""

    @abstractmethod
    def within(self, scope: Scope) -> LoopEvaluator:
        """Return an evaluator for an inner scope."""

    def loop(self, expr: For) -> Value:
        """Return the tuple or object that a loop makes."""
        collection = self.evaluate(expr.collection)
        if not collection.is_known:
            return UNKNOWN
        if collection.is_null:
            raise located(ValueProblem("null cannot be looped over"), expr.collection)
        if collection.kind not in ITERABLES and collection.kind not in MAPPINGS:
            problem = ValueProblem(
                f"{describe(collection.type)} cannot be looped over",
                detail="Lists, sets, maps and objects can.",
            )
            raise located(problem, expr.collection)
        if expr.condition is not None:
            self._check_condition(expr, expr.condition)
        turns = self._turns(expr, collection)
        if expr.key is None:
            results = [inner.evaluate(expr.value) for inner in turns]
            return tuple_value(results) if all(item.is_known for item in results) else UNKNOWN
        return _object_of(expr, expr.key, turns)

    def template_loop(self, expr: TemplateLoop) -> Value:
        """Return the joined results of a loop in a template."""
        results = self.loop(expr.loop)
        if not results.is_known:
            return UNKNOWN
        return self.joined([self.part_text(item, expr.loop.value) for item in results.items])

    def _turns(self, expr: For, collection: Value) -> Iterator[LoopEvaluator]:
        """Yield an evaluator per element that the condition lets through."""
        for key, value in _pairs(collection):
            self.context.spend(1)
            inner = self._turn(expr, key, value)
            if expr.condition is None or inner.passes(expr.condition):
                yield inner

    def _turn(self, expr: For, key: Value, value: Value) -> LoopEvaluator:
        names = {expr.value_name: value}
        if expr.key_name:
            names = {expr.key_name: key, expr.value_name: value}
        return self.within(ChildScope(self.scope, names))

    def _check_condition(self, expr: For, condition: Expression) -> None:
        """Evaluate a condition for no element in particular.

        What is wrong with it whatever the element shows even if the collection is empty.
        """
        self._turn(expr, UNKNOWN, UNKNOWN).passes(condition)

    def passes(self, condition: Expression) -> bool:
        """Tell whether a condition of a loop holds.

        Raises:
            ValueProblem: It is neither true nor false.
        """
        value = self.evaluate(condition)
        if not value.is_known:
            return False
        if value.is_null:
            raise located(ValueProblem('the condition behind "if" is null'), condition)
        try:
            return convert(value, BOOL).truth
        except ConversionError as error:
            problem = ValueProblem(
                'the condition behind "if" is neither true nor false',
                detail=f"{error.reason[0].upper()}{error.reason[1:]}.",
                hint=error.hint,
            )
            raise located(problem, condition) from None


def _pairs(collection: Value) -> Iterator[tuple[Value, Value]]:
    if collection.kind in MAPPINGS:
        for key, value in collection.mapping.items():
            yield string(key), value
    elif collection.kind == "set":
        for value in collection.items:
            yield value, value
    else:
        for at, value in enumerate(collection.items):
            yield number(at), value


def _object_of(expr: For, key_expr: Expression, turns: Iterator[LoopEvaluator]) -> Value:
    groups: dict[str, list[Value]] = {}
    known = True
    for inner in turns:
        key = inner.evaluate(key_expr)
        value = inner.evaluate(expr.value)
        if not (key.is_known and value.is_known):
            known = False
            continue
        text = inner.key_text(key, key_expr)
        if text in groups and not expr.grouping:
            problem = ValueProblem(
                f'the loop makes the key "{text}" twice',
                hint="write ... behind the value to collect values with the same key",
            )
            raise located(problem, key_expr)
        groups.setdefault(text, []).append(value)
    if not known:
        return UNKNOWN
    if expr.grouping:
        return object_value({key: tuple_value(values) for key, values in groups.items()})
    return object_value({key: values[0] for key, values in groups.items()})
