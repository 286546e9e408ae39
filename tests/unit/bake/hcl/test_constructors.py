from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.hcl.parser import parse
from bakex.bake.hcl.source import Source

if TYPE_CHECKING:
    from tests.unit.bake.hcl.conftest import Run


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[]", "[]"),
        ("[1,\n2,\n]", "[1,2]"),
        ("{}", "{}"),
        ('{a = 1, "b" : 2\n c = 3,}', '{"a":1,"b":2,"c":3}'),
        ("{\n\n a = 1\n\n}", '{"a":1}'),
        ("{true = 1, null = 2, 1.5 = 3}", '{"1.5":3,"null":2,"true":1}'),
        ('{K = 1, (K) = 2, "${K}x" = 3}', '{"K":1,"k":2,"kx":3}'),
        ("[for x in [1] : x]", "[1]"),
        ("{for k, v in {a = 1} : k => v}", '{"a":1}'),
        ("[\nfor x in [1]\n:\nx\n]", "[1]"),
        ("{\nfor x in [1, 1]\n:\nx => x...\nif true\n}", '{"1":[1,1]}'),
    ],
)
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text, 'K = "k"') == value


@pytest.mark.parametrize(
    ("text", "summary", "line"),
    [
        ("a = [1 2]", "missing comma between the elements of a list", 1),
        ("a = [1,\n2\n", "unclosed bracket", 1),
        ("a = {x = 1 y = 2}", "missing separator between the entries of an object", 1),
        ("a = {x = 1", "unclosed brace", 1),
        ("a = {x = 1,\n x,", 'missing "=" in an object', 2),
        ("a = {x", "unclosed brace", 1),
        ("a = {x\n}", 'missing "=" in an object', 1),
        ("a = {x y = 1}", 'missing "=" in an object', 1),
        ("a = {x =\n1}", "expected an expression", 1),
        ("a = {for = 1}", '"for" needs the name of a variable here', 1),
        ("a = [for x in y]", '"for" needs ":" behind the collection', 1),
        ("a = [for x in y : z w]", '"for" must end with "]" here', 1),
        ("a = [for x in y : x => z]", 'a "for" in brackets makes a list and has no keys', 1),
        ("a = [for x in y : x...]", 'a "for" in brackets cannot group', 1),
        ("a = {for x in y : x}", 'a "for" in braces makes an object and needs keys', 1),
    ],
)
def test_faults(text: str, summary: str, line: int) -> None:
    _, found = parse(Source("a.hcl", text))
    assert (found[0].summary, found[0].span and found[0].span.line) == (summary, line)


def test_keys_with_other_characters_are_explained() -> None:
    _, found = parse(Source("a.hcl", "a = {x y = 1}"))
    assert "in quotes" in found[0].hint
