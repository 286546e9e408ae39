from __future__ import annotations

from bakex.bake.functions.examples import EXAMPLES, SILENT
from bakex.bake.functions.standard import STANDARD_NAMES


def test_every_function_has_an_example_or_a_reason() -> None:
    assert set(EXAMPLES) | set(SILENT) == STANDARD_NAMES
    assert not set(EXAMPLES) & set(SILENT)


def test_every_example_calls_its_function() -> None:
    assert all(f"{name}(" in call for name, call in EXAMPLES.items())
