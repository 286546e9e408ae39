"""Target blocks with a ``matrix``: one instance for each combination (spec/bake-file 2.12)."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING

from bakex.bake.bodies import check_name
from bakex.bake.hcl.evaluate import evaluate
from bakex.bake.hcl.scope import ChildScope
from bakex.bake.problems import placed_label
from bakex.bake.values.reading import as_list, as_mapping, as_string
from bakex.bake.values.valuetype import ITERABLES, MAPPINGS
from bakex.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bakex.bake.hcl.scope import Scope
    from bakex.bake.hcl.syntax import Block
    from bakex.bake.values.value import Value

MAX_INSTANCES = 10_000  # of one block; each becomes a target


def instances(block: Block, scope: Scope) -> tuple[tuple[str, Scope], ...]:
    """Return the name and the scope of every instance of a target block.

    Axes are taken in alphabetical order, the first one outermost; the reference takes them in
    random order. A block without matrix is one instance under its label.

    What is wrong with names and the matrix is reported at the label, as by the reference, unless an
    expression has no value.

    Raises:
        EvaluationError: The matrix is none, or two instances get one name.
    """
    attribute = block.body.attributes.get("matrix")
    name = block.body.attributes.get("name")
    if attribute is None:
        if name is not None:
            with placed_label(block):
                raise EvaluationError("name needs a matrix", hint="the label is the name")
        return ((block.labels[0], scope),)
    value = evaluate(attribute.expr, scope)
    with placed_label(block, "matrix"):
        axes = {key: _axis(key, values) for key, values in _entries(value).items()}
        _check_count(axes.values())
    found: dict[str, Scope] = {}
    for combination in product(*axes.values()):
        inner = ChildScope(scope, dict(zip(axes, combination, strict=True)))
        instance = _name(block, inner)
        if instance in found:
            with placed_label(block):
                raise EvaluationError(
                    f"two combinations of the matrix have the name {instance!r}",
                    hint="use every axis in the name",
                )
        found[instance] = inner
    return tuple(found.items())


def _entries(value: Value) -> dict[str, Value]:
    if value.is_null or value.kind not in MAPPINGS:
        raise EvaluationError("an object of lists is required")
    return dict(sorted((as_mapping(value) or {}).items()))


def _axis(name: str, values: Value) -> Sequence[Value]:
    if not values.is_null and values.kind in ITERABLES:
        return as_list(values) or ()
    if not values.is_null and values.kind in MAPPINGS:
        return list(values.mapping.values())
    raise EvaluationError(f"the values of {name!r} must be a list")


def _check_count(axes: Iterable[Sequence[Value]]) -> None:
    count = prod(len(axis) for axis in axes)
    if count > MAX_INSTANCES:
        raise EvaluationError(
            "the matrix is too large",
            detail=f"It has {count} combinations; the limit is {MAX_INSTANCES}.",
        )


def _name(block: Block, scope: Scope) -> str:
    attribute = block.body.attributes.get("name")
    if attribute is None:
        return block.labels[0]
    value = evaluate(attribute.expr, scope)
    with placed_label(block, "attribute 'name'"):
        name = as_string(value)
        if name is None:
            raise EvaluationError("null is not allowed here", hint="leave the attribute out")
    check_name(name, block.label_span(0), block.source.text)
    return name
