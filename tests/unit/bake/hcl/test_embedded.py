from __future__ import annotations

from bakex.bake.hcl.embedded import EmbeddedSource, expression_of, template_of
from bakex.bake.hcl.nodes import JsonString
from bakex.bake.hcl.source import Source
from bakex.bake.hcl.syntax import Literal, Traversal

TEXT = '{"a":\n  "x ${y}", "b": "\\u0041 ${y}"}'
OUTER = Source("a.json", TEXT)


def test_places_inside_of_a_string_without_escapes() -> None:
    start = TEXT.index('"x')
    source = EmbeddedSource(JsonString(OUTER, start, start + 8, "x ${y}"))
    assert str(source.span(4, 5)) == "a.json:2:8"
    assert source.span(4, 5).end_column == 9
    assert source.location(4) == (2, 8)
    assert source.line(4) == 2
    assert source.text == TEXT


def test_a_string_with_escapes_is_one_place() -> None:
    start = TEXT.index('"\\u')
    source = EmbeddedSource(JsonString(OUTER, start, start + 13, "A ${y}"))
    assert source.span(4, 5) == OUTER.span(start, start + 13)
    assert source.location(4) == OUTER.location(start)


def test_templates_are_read_once() -> None:
    plain, computed = JsonString(OUTER, 0, 3, "x"), JsonString(OUTER, 0, 8, "x ${y}")
    assert isinstance(template_of(plain), Literal)
    assert template_of(computed) is template_of(computed)


def test_expression() -> None:
    found = expression_of(JsonString(OUTER, 0, 8, "string"))
    assert isinstance(found, Traversal)
    assert str(found.span) == "a.json:1:2"
