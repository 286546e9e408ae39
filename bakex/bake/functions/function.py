"""What a function is: parameters, an implementation, and the rules of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.values.limits import MAX_STEPS
from bakex.bake.values.problems import LimitError, ValueProblem
from bakex.bake.values.valuetype import ANY, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bakex.bake.values.value import Value


class FunctionError(ValueProblem):
    """A function cannot do its work with these arguments.

    Attributes:
        argument: Which argument is to blame, counted from 0; None if no single one is.
    """

    def __init__(self, reason: str, argument: int | None = None, *, hint: str = "") -> None:
        super().__init__(reason, hint=hint)
        self.argument = argument


class Context:
    """What an evaluation may know of the world; everything else is in the files.

    Attributes:
        now: Returns the wall clock, aware; `bakex.interfaces.Clock.now` fits.
        random_bytes: Returns so many random bytes; `os.urandom` fits.
        home: The user's home directory.
    """

    __slots__ = ("_steps", "home", "now", "random_bytes")

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
        home: str,
        max_steps: int = MAX_STEPS,
    ) -> None:
        self.now = now
        self.random_bytes = random_bytes
        self.home = home
        self._steps = max_steps

    def spend(self, steps: int) -> None:
        """Count work; one step is about a loop turn, a call or an element touched.

        Raises:
            LimitError: The files ask for more work than any real one needs.
        """
        self._steps -= steps
        if self._steps < 0:
            raise LimitError(
                "evaluating the definition takes too long",
                detail="The expressions of these files need millions of steps.",
                hint="look for loops inside loops",
            )


class Parameter:
    """A parameter of a function.

    Attributes:
        name: What messages call it.
        type: What an argument is converted to; ``any`` leaves it as it is.
        nullable: Whether null is a fit argument.
    """

    __slots__ = ("name", "nullable", "type")

    def __init__(self, name: str, type_: Type = ANY, *, nullable: bool = False) -> None:
        self.name = name
        self.type = type_
        self.nullable = nullable


class Function:
    """A function with positional parameters and perhaps a variadic one behind them.

    Attributes:
        name: Its name.
        parameters: The parameters that every call must fill.
        variadic: What all further arguments are; None if there may be none.
        implementation: Gets the converted arguments, none of them unknown, null only where the
            parameter says so; raises `ValueProblem` or another `DefinitionError`.
    """

    __slots__ = ("implementation", "name", "parameters", "variadic")

    def __init__(
        self,
        name: str,
        parameters: Sequence[Parameter],
        variadic: Parameter | None,
        implementation: Callable[[Sequence[Value], Context], Value],
    ) -> None:
        self.name = name
        self.parameters = tuple(parameters)
        self.variadic = variadic
        self.implementation = implementation

    def parameter(self, index: int) -> Parameter | None:
        """Return what the argument at an index is for; None if there are too many."""
        return self.parameters[index] if index < len(self.parameters) else self.variadic
