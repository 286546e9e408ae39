from __future__ import annotations

import inspect
from dataclasses import dataclass

from bakex.cli.parameters import taking


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Options of several commands."""

    one: int = 1
    two: str = "b"


@taking("shared", Shared)
def command(context: object, *, shared: Shared, own: bool = False) -> tuple[object, Shared, bool]:
    """Do something."""
    return context, shared, own


def test_the_signature_has_the_options_instead() -> None:
    assert list(inspect.signature(command).parameters) == ["context", "one", "two", "own"]
    assert inspect.signature(command).parameters["one"].annotation is int
    assert inspect.signature(command).parameters["two"].default == "b"
    assert command.__doc__ == "Do something."


def test_the_command_gets_an_instance() -> None:
    found = command(context="c", one=2, two="x", own=True)
    assert found == ("c", Shared(one=2, two="x"), True)
