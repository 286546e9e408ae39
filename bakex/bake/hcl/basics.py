"""Evaluation of literals, references, templates and collections."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NoReturn

from bakex.bake.hcl.access import apply_steps, index_of
from bakex.bake.hcl.embedded import template_of
from bakex.bake.hcl.suggestion import did_you_mean
from bakex.bake.hcl.syntax import Literal, Traversal
from bakex.bake.values.convert import convert
from bakex.bake.values.limits import check_text
from bakex.bake.values.problems import ConversionError, ValueProblem
from bakex.bake.values.value import (
    UNKNOWN,
    Value,
    list_value,
    object_value,
    string,
    tuple_value,
)
from bakex.bake.values.valuetype import ANY, ITERABLES, STRING, describe
from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.hcl.nodes import (
        Access,
        Index,
        JsonString,
        ObjectExpression,
        Parentheses,
        Splat,
        SplatItem,
        Template,
        TemplateWrap,
        TupleExpression,
    )
    from bakex.bake.hcl.scope import Scope
    from bakex.bake.hcl.syntax import Expression, Node

_BLOCKS = frozenset({"target", "group"})


def located(error: DefinitionError, node: Node) -> DefinitionError:
    """Return an error with the place of a node, unless it has a place."""
    if error.span is None:
        error.span, error.source = node.span, node.source.text
    return error


class BasicEvaluator(ABC):
    """The evaluation of everything that computes little.

    Attributes:
        scope: What names mean.
        context: Time, randomness and the budget; the scope's.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.context = scope.context
        self._elements: dict[SplatItem, Value] = {}

    @abstractmethod
    def evaluate(self, expr: Expression) -> Value:
        """Return the value of any expression."""

    def attempt(self, expr: Expression) -> Value | DefinitionError:
        """Return the value of an expression, or why it has none."""
        try:
            return self.evaluate(expr)
        except DefinitionError as error:
            return error

    # -- literals and names

    def literal(self, expr: Literal) -> Value:
        """Return the value of a constant."""
        return expr.value

    def parentheses(self, expr: Parentheses) -> Value:
        """Return what is inside."""
        return self.evaluate(expr.inner)

    def traversal(self, expr: Traversal) -> Value:
        """Return what a name and its steps lead to."""
        found = self.scope.lookup(expr)
        if found is None:
            self._no_name(expr)
        value, covered = found
        return apply_steps(value, expr.steps[covered:]) if len(expr.steps) > covered else value

    def _no_name(self, expr: Traversal) -> NoReturn:
        name = expr.name
        error = ValueProblem(
            f'there is no variable named "{name}"',
            detail="References to blocks are not possible here." if name in _BLOCKS else "",
            hint=did_you_mean(name, self.scope.names()),
        )
        error.span, error.source = expr.name_span, expr.source.text
        raise error

    def access(self, expr: Access) -> Value:
        """Return what constant steps lead to."""
        return apply_steps(self.evaluate(expr.base), expr.steps)

    def index(self, expr: Index) -> Value:
        """Return the element at a computed key."""
        collection = self.evaluate(expr.collection)
        key = self.evaluate(expr.key)
        try:
            return index_of(collection, key)
        except DefinitionError as error:
            if error.span is None:
                error.span = expr.source.span(expr.open, expr.end)
                error.source = expr.source.text
            raise

    def splat(self, expr: Splat) -> Value:
        """Return what is computed of every element; a single value counts as a list of it."""
        base = self.evaluate(expr.base)
        if not base.is_known:
            return UNKNOWN
        if base.kind not in ITERABLES:
            items: Sequence[Value] = () if base.is_null else (base,)
        elif base.is_null:
            raise located(
                ValueProblem("null has no elements", detail="The value before [*] is null."),
                expr.base,
            )
        else:
            items = base.items
        self.context.spend(len(items))
        results: list[Value] = []
        for item in items:
            self._elements[expr.item] = item
            results.append(self.evaluate(expr.each))
        if not all(result.is_known for result in results):
            return UNKNOWN
        if base.kind in {"list", "set"}:
            return list_value(results[0].type if results else ANY, results)
        return tuple_value(results)

    def splat_item(self, expr: SplatItem) -> Value:
        """Return the element that a splat is at."""
        return self._elements[expr]

    # -- collections

    def tuple(self, expr: TupleExpression) -> Value:
        """Return a tuple."""
        items = [self.evaluate(item) for item in expr.items]
        return tuple_value(items) if all(item.is_known for item in items) else UNKNOWN

    def object(self, expr: ObjectExpression) -> Value:
        """Return an object; of equal keys the last counts."""
        entries: dict[str, Value] = {}
        known = True
        for item in expr.items:
            key = item.key.value if type(item.key) is Literal else self._key(item.key)
            value = self.evaluate(item.value)
            if key.is_known:
                name = self.key_text(key, item.key)
                if expr.unique and name in entries:
                    raise located(ValueProblem(f'the key "{name}" is there twice'), item.key)
                entries[name] = value
            known = known and key.is_known and value.is_known
        return object_value(entries) if known else UNKNOWN

    def _key(self, expr: Expression) -> Value:
        if isinstance(expr, Traversal):
            raise located(
                ValueProblem(
                    "a key with a dot is ambiguous",
                    detail="It may be meant as a name, or as a reference to a value.",
                    hint="put it in quotes for a name, in parentheses for a reference",
                ),
                expr,
            )
        return self.evaluate(expr)

    def key_text(self, key: Value, expr: Expression) -> str:
        """Return the text of a key of an object.

        Raises:
            ValueProblem: It has none; the place is that of the expression.
        """
        if key.kind == "string" and not key.is_null:
            return key.text
        if key.is_null:
            raise located(ValueProblem("a key cannot be null"), expr)
        try:
            return convert(key, STRING).text
        except ConversionError as error:
            raise located(ValueProblem(f"this cannot be a key: {error.reason}"), expr) from None

    # -- templates

    def template_wrap(self, expr: TemplateWrap) -> Value:
        """Return the value of the only interpolation of a template, as it is."""
        return self.evaluate(expr.inner)

    def template(self, expr: Template) -> Value:
        """Return the joined parts of a template."""
        texts: list[str] = []
        known = True
        for part in expr.pieces:
            value = part.value if type(part) is Literal else self.evaluate(part)
            if value.is_known:
                texts.append(self.part_text(value, part))
            else:
                known = False
        return self.joined(texts) if known else UNKNOWN

    def part_text(self, value: Value, expr: Expression) -> str:
        """Return the text of a part of a template.

        Raises:
            ValueProblem: It has none; the place is that of the expression.
        """
        if value.is_null:
            raise located(
                ValueProblem(
                    "null cannot be part of a text",
                    detail="The value of this interpolation is null.",
                    hint='use coalesce(value, "") for a text in its place',
                ),
                expr,
            )
        if value.kind == "string":
            return value.text
        try:
            return convert(value, STRING).text
        except ConversionError:
            problem = ValueProblem(
                f"{describe(value.type)} cannot be part of a text",
                detail="Only strings, numbers and bools can.",
                hint="use join or jsonencode",
            )
            raise located(problem, expr) from None

    def joined(self, texts: Sequence[str]) -> Value:
        """Return one string; counts as work by its length.

        Raises:
            LimitError: It would be too long.
        """
        size = sum(map(len, texts))
        check_text(size)
        self.context.spend(1 + (size >> 10))
        return string("".join(texts))

    def json_string(self, expr: JsonString) -> Value:
        """Return the value of a string of a JSON file: it is a template."""
        return self.evaluate(template_of(expr))
