"""What can be said of an expression without evaluating it: references and types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bakex.bake.hcl.embedded import expression_of, template_of
from bakex.bake.hcl.nodes import (
    Call,
    For,
    JsonString,
    ObjectExpression,
    TupleExpression,
)
from bakex.bake.hcl.suggestion import did_you_mean
from bakex.bake.hcl.syntax import Expression, Literal, Traversal
from bakex.bake.values.valuetype import (
    ANY,
    BOOL,
    NUMBER,
    STRING,
    CollectionType,
    ObjectType,
    TupleType,
    Type,
)
from bakex.errors import EvaluationError, SyntaxDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_WORD = re.compile(r"[^\W\d][\w-]*\Z")
_NO_NAMES: frozenset[str] = frozenset()


def references(expr: Expression) -> list[Traversal]:
    """Return the names an expression refers to, in the order of the text.

    Not those that its own loops define, nor the words of types in ``convert``. A malformed string
    of a JSON file refers to nothing; evaluating it tells what is wrong.
    """
    return [node for node in _walk(expr) if isinstance(node, Traversal)]


def function_calls(expr: Expression) -> list[Call]:
    """Return the calls in an expression, inner ones too, in the order of the text."""
    return [node for node in _walk(expr) if isinstance(node, Call)]


def keyword(expr: Expression) -> str | None:
    """Return the bare word that an expression is, or a string of a JSON file holds; else None."""
    if isinstance(expr, Traversal) and not expr.steps:
        return expr.name
    if isinstance(expr, JsonString) and _WORD.match(expr.text):
        return expr.text
    return None


def keywords(expr: Expression) -> list[str] | None:
    """Return the bare words of ``[a, b]``, or of ``["a", "b"]`` in JSON; None if it is no such."""
    if not isinstance(expr, TupleExpression):
        return None
    words = [keyword(item) for item in expr.items]
    found = [word for word in words if word is not None]
    return found if len(found) == len(words) else None


def _walk(expr: Expression) -> Iterator[Expression]:
    """Yield an expression and all inside it, but for references to loop variables."""
    pending: list[tuple[Expression, frozenset[str]]] = [(expr, _NO_NAMES)]
    while pending:
        node, bound = pending.pop()
        if not (isinstance(node, Traversal) and node.name in bound):
            yield node
        if isinstance(node, For):
            inner = bound | {node.key_name, node.value_name}
            results = [(part, inner) for part in node.results()]
            pending.extend(reversed([(node.collection, bound), *results]))
        else:
            pending.extend((part, bound) for part in reversed(_parts(node)))


def _parts(node: Expression) -> Sequence[Expression]:
    if isinstance(node, JsonString):
        try:
            return (template_of(node),)
        except SyntaxDefinitionError:
            return ()
    if isinstance(node, Call) and node.name == "convert":
        return node.arguments[:1]
    return node.parts()


# -- types as they are written

_KEYWORDS = {"string": STRING, "number": NUMBER, "bool": BOOL, "any": ANY}
_FORMS = {
    "list": "list(string)",
    "set": "set(string)",
    "map": "map(string)",
    "tuple": "tuple([string, number])",
    "object": "object({name = string})",
}


def type_constraint(expr: Expression) -> Type:
    """Return the type that an expression names; in JSON a string holds the expression.

    Raises:
        EvaluationError: It names none.
        SyntaxDefinitionError: A string of a JSON file is no expression.
    """
    if isinstance(expr, JsonString):
        expr = expression_of(expr)
    if isinstance(expr, Traversal) and not expr.steps:
        return _keyword(expr)
    if isinstance(expr, Call) and expr.name in _CONSTRUCTORS:
        return _CONSTRUCTORS[expr.name](expr)
    hint = f"write one of string, number, bool, any, {', '.join(_FORMS.values())}"
    if isinstance(expr, Literal) and expr.value.kind == "string":
        hint = "remove the quotes"
    if isinstance(expr, Call) and expr.name == "optional":
        hint = "optional is for the attributes of an object only"
    raise _refusal(expr, "this is not a type", hint)


def _refusal(expr: Expression, summary: str, hint: str) -> EvaluationError:
    return EvaluationError(summary, hint=hint, span=expr.span, source=expr.source.text)


def _keyword(expr: Traversal) -> Type:
    if expr.name in _KEYWORDS:
        return _KEYWORDS[expr.name]
    if expr.name in _FORMS:
        raise _refusal(
            expr, f'the type "{expr.name}" needs an argument', f"write {_FORMS[expr.name]}"
        )
    hint = did_you_mean(expr.name, [*_KEYWORDS, *_FORMS])
    raise _refusal(
        expr,
        f'there is no type named "{expr.name}"',
        hint or "there are string, number, bool and any",
    )


def _argument(call: Call) -> Expression:
    if len(call.arguments) != 1 or call.expand:
        form = _FORMS.get(call.name, "optional(string)")
        raise _refusal(call, f'"{call.name}" takes one argument', f"write {form}")
    return call.arguments[0]


def _collection(call: Call) -> Type:
    return CollectionType(call.name, type_constraint(_argument(call)))


def _tuple(call: Call) -> Type:
    inner = _argument(call)
    if not isinstance(inner, TupleExpression):
        raise _refusal(inner, "a tuple type needs a list of types", f"write {_FORMS['tuple']}")
    return TupleType(map(type_constraint, inner.items))


def _object(call: Call) -> Type:
    inner = _argument(call)
    if not isinstance(inner, ObjectExpression):
        raise _refusal(inner, "an object type needs types by name", f"write {_FORMS['object']}")
    attributes: dict[str, Type] = {}
    optional: set[str] = set()
    for item in inner.items:
        if not isinstance(item.key, Literal) or item.key.value.kind != "string":
            raise _refusal(
                item.key, "the name of an attribute must be a plain word", "remove the rest"
            )
        name = item.key.value.text
        kind = item.value
        if isinstance(kind, Call) and kind.name == "optional":
            optional.add(name)
            kind = _argument(kind)
        attributes[name] = type_constraint(kind)
    return ObjectType(attributes, frozenset(optional))


_CONSTRUCTORS: dict[str, Callable[[Call], Type]] = {
    "list": _collection,
    "set": _collection,
    "map": _collection,
    "tuple": _tuple,
    "object": _object,
}
