"""Commands that share options: a class declares them once, each command takes its instance."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable


def taking(name: str, shared: type[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that replaces a parameter by the options of a class.

    Typer reads a command's options off its signature. The signature that it sees has one parameter
    for each field of the dataclass instead of the parameter `name`; the command gets an instance.

    Args:
        name: The parameter of the command.
        shared: A dataclass or named tuple whose fields are annotated as Typer wants parameters.
    """
    hints = get_type_hints(shared, include_extras=True)
    options = {
        name: parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=hints[name])
        for name, parameter in inspect.signature(shared).parameters.items()
    }

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def called(**given: Any) -> Any:  # noqa: ANN401 - whatever the command returns
            values = {key: given.pop(key) for key in options}
            return command(**given, **{name: shared(**values)})

        signature = inspect.signature(command)
        own = [item for item in signature.parameters.values() if item.name != name]
        context = [item for item in own if item.kind is not inspect.Parameter.KEYWORD_ONLY]
        merged = [*context, *options.values(), *own[len(context) :]]
        # Typer looks here first (PEP 362); the annotations of the wrapped function would add the
        # replaced parameter again.
        called.__signature__ = signature.replace(parameters=merged)  # type: ignore[attr-defined]
        called.__annotations__ = {}
        return called

    return decorate
