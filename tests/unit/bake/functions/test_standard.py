from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from bakex.bake.functions.standard import LAZY_NAMES, STANDARD, STANDARD_NAMES, implementation


def test_there_are_106_functions() -> None:
    assert len(STANDARD_NAMES) == 106
    assert not LAZY_NAMES & set(STANDARD)


@pytest.mark.parametrize("name", sorted(STANDARD))
def test_every_implementation_takes_its_parameters(name: str) -> None:
    function = STANDARD[name]
    assert function.name == name
    loaded, contextual = implementation(name)
    kinds = [p.kind for p in inspect.signature(loaded).parameters.values()]
    fixed = kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)
    assert fixed == len(function.parameters) + contextual
    assert (inspect.Parameter.VAR_POSITIONAL in kinds) is bool(function.variadic)


LATE = {"re2", "hashlib", "ipaddress", "uuid", "bcrypt", "datetime", "asyncio"}


def test_nothing_is_imported_before_it_is_called() -> None:
    code = (
        "import sys; before = set(sys.modules); import bakex.bake.functions.standard;"
        "print(*(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert not loaded & LATE
    package = {name for name in loaded if name.startswith("bakex.bake.functions.")}
    assert package == {"bakex.bake.functions.function", "bakex.bake.functions.standard"}
