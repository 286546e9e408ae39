from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.hcl.conftest import Parse


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a + b", ["a", "b"]),
        ("-a", ["a"]),
        ("a ? b : c", ["a", "b", "c"]),
        ("f(a, b)", ["a", "b"]),
        ("f().b", ["f()"]),
        ("a[b]", ["a", "b"]),
        ("[a, b]", ["a", "b"]),
        ("{(a) = b}", ["(a)", "b"]),
        ("[for x in a : b if c]", ["a", "b", "c"]),
        ("{for x in a : b => c}", ["a", "b", "c"]),
        ('"${a}"', ["a"]),
        ('"x${a}y"', ["x", "a", "y"]),
    ],
)
def test_parts(parsed: Parse, text: str, parts: list[str]) -> None:
    node = parsed(text).parts()[0]
    found = [part.source.text[part.start : part.end] for part in node.parts()]
    assert found == parts


def test_parts_of_loops_in_templates(parsed: Parse) -> None:
    template = parsed('"a%{ for x in l }${x}%{ endfor }"').parts()[0]
    loop = template.parts()[1].parts()[0]
    assert [type(part).__name__ for part in loop.parts()] == ["Traversal", "Template"]
