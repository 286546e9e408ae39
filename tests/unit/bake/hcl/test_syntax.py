from __future__ import annotations

from bakex.bake.hcl.source import Source
from bakex.bake.hcl.syntax import Attribute, Block, Body, Literal
from bakex.bake.values.value import TRUE

SOURCE = Source("a.hcl", 'target "app" {\n  x = true\n}\n')


def test_places() -> None:
    value = Literal(SOURCE, 21, 25, TRUE)
    attribute = Attribute(SOURCE, 17, 25, "x", 18, value)
    body = Body(SOURCE, 14, 26, {"x": attribute}, [])
    block = Block(SOURCE, 0, 27, "target", 6, ["app"], [(7, 12)], open_=13, body=body)
    assert str(value.span) == "a.hcl:2:7"
    assert (attribute.name_span.column, attribute.name_span.end_column) == (3, 4)
    assert (block.type_span.column, block.type_span.end_column) == (1, 7)
    assert (block.label_span(0).column, block.label_span(0).end_column) == (8, 13)
    assert (block.open_span.column, block.open_span.end_column) == (14, 14)
    assert value.parts() == ()
