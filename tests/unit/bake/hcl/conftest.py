"""Expressions and files in one line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import pytest

from bakex.bake.functions.function import Context, Function, Parameter
from bakex.bake.hcl.evaluate import evaluate
from bakex.bake.hcl.parser import parse
from bakex.bake.hcl.scope import ChildScope
from bakex.bake.hcl.source import Source
from bakex.bake.values.jsontext import to_json
from bakex.bake.values.value import Value, tuple_value
from bakex.bake.values.valuetype import STRING
from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bakex.bake.hcl.syntax import Attribute, Expression, Traversal


class Run(Protocol):
    def __call__(self, text: str, head: str = "") -> str:
        """Return the value of an expression as JSON."""


class Refuse(Protocol):
    def __call__(self, text: str, head: str = "") -> DefinitionError:
        """Return why an expression has no value."""


class Scopes(Protocol):
    def __call__(self, head: str = "", max_steps: int = 100_000) -> Attributes:
        """Return a scope of the attributes of a file."""


class Parse(Protocol):
    def __call__(self, text: str) -> Expression:
        """Return an expression, which must be well-formed."""


class Attributes:
    """A scope of root attributes, of a reference, and of two functions.

    ``pair(x)`` returns its argument twice; ``block.…`` stands for a reference that covers a step.
    """

    def __init__(self, attributes: dict[str, Attribute], max_steps: int) -> None:
        self.attributes = attributes
        self.context = Context(
            now=lambda: datetime(2024, 1, 1, tzinfo=UTC),
            random_bytes=bytes,
            home="/",
            max_steps=max_steps,
        )

    def lookup(self, traversal: Traversal) -> tuple[Value, int] | None:
        if traversal.name == "block":
            return tuple_value(()), 1
        attribute = self.attributes.get(traversal.name)
        return None if attribute is None else (evaluate(attribute.expr, self), 0)

    def function(self, name: str) -> Function | None:
        if name == "pair":
            return Function(name, [Parameter("x")], None, self._pair)
        if name == "strings":
            rest = Parameter("rest", STRING, nullable=True)
            return Function(name, [], rest, lambda arguments, _: tuple_value(arguments))
        return None

    def _pair(self, arguments: Sequence[Value], _: Context) -> Value:
        inner = ChildScope(self, {"x": arguments[0]})
        body, _found = parse(Source("function.hcl", "result = [x, x + 0]"))
        return evaluate(body.attributes["result"].expr, inner)

    def names(self) -> Iterable[str]:
        return self.attributes

    def function_names(self) -> Iterable[str]:
        return ("pair", "strings")


def _scope(head: str = "", max_steps: int = 100_000) -> Attributes:
    body, found = parse(Source("head.hcl", head))
    assert not found
    return Attributes(body.attributes, max_steps)


def _parsed(text: str) -> Expression:
    body, found = parse(Source("f.hcl", f"it = (\n{text}\n)\n"))
    assert not found, found[0].summary
    return body.attributes["it"].expr


@pytest.fixture
def scope() -> Scopes:
    return _scope


@pytest.fixture
def parsed() -> Parse:
    return _parsed


@pytest.fixture
def run() -> Run:
    return lambda text, head="": to_json(evaluate(_parsed(text), _scope(head)))


@pytest.fixture
def refuse() -> Refuse:
    def refused(text: str, head: str = "") -> DefinitionError:
        with pytest.raises(DefinitionError) as caught:
            evaluate(_parsed(text), _scope(head))
        assert caught.value.span is not None
        assert caught.value.source
        return caught.value

    return refused
