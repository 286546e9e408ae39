"""What an expression can refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bakex.bake.functions.function import Context, Function
    from bakex.bake.hcl.syntax import Traversal
    from bakex.bake.values.value import Value


class Scope(Protocol):
    """Names and functions, looked up when an expression needs them."""

    @property
    def context(self) -> Context:
        """Time, randomness, the home directory and the budget of this evaluation."""
        ...

    def lookup(self, traversal: Traversal) -> tuple[Value, int] | None:
        """Return the value of a name, and how many steps behind the name it covers.

        A variable covers none: its value and 0. ``target.app.tags[0]`` may be answered with the
        tags and 2; the evaluator applies the rest. None: there is no such name here, and the
        evaluator reports it with a suggestion.

        Raises:
            DefinitionError: The value cannot be had: its own expression fails, or it is a cycle.
        """
        ...

    def function(self, name: str) -> Function | None:
        """Return a function that the files define; standard functions are not asked for."""
        ...

    def names(self) -> Iterable[str]:
        """Return the names that `lookup` knows, for suggestions."""
        ...

    def function_names(self) -> Iterable[str]:
        """Return the names that `function` knows, for suggestions."""
        ...


class ChildScope:
    """A few names on top of another scope: loop variables, parameters, matrix values."""

    __slots__ = ("_names", "_parent", "context")

    def __init__(self, parent: Scope, names: Mapping[str, Value]) -> None:
        self._parent = parent
        self._names = names
        self.context = parent.context

    def lookup(self, traversal: Traversal) -> tuple[Value, int] | None:
        """Return a name of this scope, or ask the parent."""
        value = self._names.get(traversal.name)
        return self._parent.lookup(traversal) if value is None else (value, 0)

    def function(self, name: str) -> Function | None:
        """Ask the parent."""
        return self._parent.function(name)

    def names(self) -> Iterable[str]:
        """Return the names of this scope and the parent's."""
        return (*self._names, *self._parent.names())

    def function_names(self) -> Iterable[str]:
        """Ask the parent."""
        return self._parent.function_names()
