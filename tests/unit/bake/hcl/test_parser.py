from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.hcl.parser import MAX_FAULTS, parse, parse_expression, parse_template
from bakex.bake.hcl.source import Source
from bakex.bake.hcl.static import function_calls, references
from bakex.errors import SyntaxDefinitionError

SOURCE = """\
# comment
A = 1
target "app" dev {
  args = { K = "v" }

  nested { x = 1 }
}
empty {}
B = 2"""

PIECES = [
    *'{}[]()"$%~.,:?=!<>&|+-*/# \n\\ae01_é\x00',
    "${", "%{", "<<E\n", "\nE\n", "...", "=>", "for ", "if ", "in ", "endif", "null", '"a"', "f(",
    "a = ", "b {\n", "}\n",
]  # fmt: skip


def faults(text: str) -> list[tuple[str, int, int]]:
    _, found = parse(Source("a.hcl", text))
    return [(item.summary, item.span.line, item.span.column) for item in found if item.span]


def test_tree() -> None:
    body, found = parse(Source("a.hcl", SOURCE))
    assert not found
    assert list(body.attributes) == ["A", "B"]
    assert [block.type for block in body.blocks] == ["target", "empty"]
    target = body.blocks[0]
    assert target.labels == ["app", "dev"]
    assert list(target.body.attributes) == ["args"]
    assert list(target.body.blocks[0].body.attributes) == ["x"]
    spans = [
        target.type_span, target.label_span(0), target.label_span(1), target.open_span,
        target.body.attributes["args"].name_span, target.body.attributes["args"].expr.span,
    ]  # fmt: skip
    assert [(span.line, span.column, span.end_column) for span in spans] == [
        (3, 1, 7), (3, 8, 13), (3, 14, 17), (3, 18, 18), (4, 3, 7), (4, 10, 21),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeffa = 1",
        "a = 1\r\nb = 2\r\n",
        "a {}\nb { }",
        "a { x = {\n y = 1\n} }",
        "a = 1 # end",
        "a /* x */ = /* y */ 1",
        'a "l" {\n}\n',
        "a {\n\n# only a comment\n}",
        "é-ü = 1",
    ],
)
def test_well_formed(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "summary", "line", "column"),
    [
        ("a = 1 b = 2", "missing newline behind an attribute", 1, 7),
        ("a = 1, b = 2", "unexpected comma behind an attribute", 1, 6),
        ('"a" = 1', "the name of an attribute is not quoted", 1, 1),
        ("= 1", "expected an attribute or a block", 1, 1),
        ("a", '"a" is neither an attribute nor a block', 1, 1),
        ("a\n{\n}", '"a" is neither an attribute nor a block', 1, 1),
        ("a b\n{\n}", 'missing "{" of a block', 1, 4),
        ("a b = 1", "a block is not assigned", 1, 5),
        ("a 1 {}", '"a" is neither an attribute nor a block', 1, 1),
        ("a b 1 {}", 'expected a label or "{"', 1, 5),
        ('a "${x}" {}', "a label cannot be computed", 1, 4),
        ('a "x\\q" {}', 'unknown escape "\\q" in a string', 1, 5),
        ('a "x%', "unterminated label of a block", 1, 6),
        ("a {} b = 1", "missing newline behind a block", 1, 6),
        ("a {\nx = 1\n", "unclosed block", 1, 3),
        ("a { x = 1", "unclosed block", 1, 3),
        ("a {x = 1, y = 2}", "a block on one line has one attribute and ends on that line", 1, 9),
        ("a { x = 1\n}", "a block on one line has one attribute and ends on that line", 1, 10),
        ("a { b { } }", "a block on one line cannot have a block inside", 1, 5),
        ('a { b "c" { } }', "a block on one line cannot have a block inside", 1, 5),
        ("a { x + 1 }", 'missing "=" behind "x"', 1, 5),
        ("a { 1 }", "expected an attribute", 1, 5),
        ("a = 1\na = 2", 'attribute "a" is set twice', 2, 1),
        ("a = b'c'", "unexpected character \"'\"", 1, 6),
    ],
)  # fmt: skip
def test_faults(text: str, summary: str, line: int, column: int) -> None:
    assert faults(text)[0] == (summary, line, column)


def test_escaped_labels() -> None:
    body, _ = parse(Source("a.hcl", 'a "x\\"y" {}'))
    assert body.blocks[0].labels == ['x"y']


def test_a_fault_costs_only_its_item() -> None:
    text = 'a = (1\nb = 2\nc = f(\n  "x",\n]\n)\nt "x" {\n  e = 1 2\n  f = 3\n}\ng = 4\n'
    body, found = parse(Source("a.hcl", text))
    assert [item.span.line for item in found if item.span] == [2, 5, 8]
    assert "g" in body.attributes
    assert list(body.blocks[0].body.attributes) == ["f"]


def test_the_end_of_a_block_is_found_behind_a_fault() -> None:
    body, found = parse(Source("a.hcl", "a {\n  x = 1 }\nb = 2\n"))
    assert len(found) == 1
    assert list(body.attributes) == ["b"]


def test_reading_stops_after_many_faults() -> None:
    body, found = parse(Source("a.hcl", "a = )\n" * 500 + "b = 1\n"))
    assert len(found) == MAX_FAULTS
    assert not body.attributes


def test_deep_blocks_are_refused_quickly() -> None:
    assert faults("a {\n" * 5000)[0] == ("nested too deeply", 81, 4)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=40).map("".join))
def test_every_text_is_read_or_reported(text: str) -> None:
    body, found = parse(Source("a.hcl", text))
    for item in found:
        assert item.span is not None
        assert 1 <= item.span.line <= text.count("\n") + 1
        assert not item.summary.endswith(".")
    for attribute in body.attributes.values():
        assert attribute.span.line >= 1
        references(attribute.expr)
        function_calls(attribute.expr)


def test_a_whole_text_as_an_expression_or_template() -> None:
    source = Source("a", "1 +\n2")
    assert parse_expression(source, source.text).end == 5
    assert parse_template(source, "a ${1} b").end == 8
    with pytest.raises(SyntaxDefinitionError, match="unexpected text behind the expression"):
        parse_expression(source, "1 2")
    with pytest.raises(SyntaxDefinitionError, match="unexpected character"):
        parse_expression(source, "'")
    with pytest.raises(SyntaxDefinitionError, match="unclosed"):
        parse_template(source, "${1")


def test_little_stack_is_reported_like_depth() -> None:
    source = Source("a", "a = " + "[" * 70 + "]" * 70)
    limit = sys.getrecursionlimit()
    frame, depth = sys._getframe(), 0
    while frame.f_back:
        frame, depth = frame.f_back, depth + 1
    sys.setrecursionlimit(depth + 60)
    try:
        _, found = parse(source)
        with pytest.raises(SyntaxDefinitionError, match="nested too deeply"):
            parse_expression(source, source.text.partition("= ")[2])
    finally:
        sys.setrecursionlimit(limit)
    assert [item.summary for item in found] == ["nested too deeply"]
