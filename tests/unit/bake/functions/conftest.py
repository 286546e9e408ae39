"""Calls of standard functions in one line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import pytest

from bakex.bake.functions.function import Context
from bakex.bake.hcl.evaluate import evaluate
from bakex.bake.hcl.parser import parse_expression
from bakex.bake.hcl.source import Source
from bakex.bake.values.jsontext import to_json
from bakex.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakex.bake.functions.function import Function
    from bakex.bake.hcl.syntax import Traversal
    from bakex.bake.values.value import Value


class Run(Protocol):
    def __call__(self, text: str) -> str:
        """Return the value of an expression as JSON."""


class Refuse(Protocol):
    def __call__(self, text: str) -> EvaluationError:
        """Return why an expression has no value."""


class Nothing:
    """A scope that knows no names."""

    def __init__(self) -> None:
        self.context = Context(
            now=lambda: datetime(2024, 3, 5, 7, 8, 9, tzinfo=UTC),
            random_bytes=lambda count: bytes(range(count)),
            home="/home/user",
        )

    def lookup(self, traversal: Traversal) -> tuple[Value, int] | None:
        return None

    def function(self, name: str) -> Function | None:
        return None

    def names(self) -> Iterable[str]:
        return ()

    def function_names(self) -> Iterable[str]:
        return ()


def _value(text: str) -> Value:
    return evaluate(parse_expression(Source("f.hcl", text), text), Nothing())


@pytest.fixture
def run() -> Run:
    return lambda text: to_json(_value(text))


@pytest.fixture
def refuse() -> Refuse:
    def refused(text: str) -> EvaluationError:
        with pytest.raises(EvaluationError) as caught:
            _value(text)
        assert caught.value.span is not None
        return caught.value

    return refused
