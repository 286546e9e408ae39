from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.hcl.evaluate import evaluate
from bakex.bake.hcl.jsonform import BlockSchema, parse_json
from bakex.bake.hcl.source import Source
from bakex.bake.values.jsontext import to_json

if TYPE_CHECKING:
    from tests.unit.bake.hcl.conftest import Scopes

SCHEMA = {
    "target": BlockSchema(1),
    "variable": BlockSchema(1, {"validation": BlockSchema(0)}),
    "two": BlockSchema(2),
}


def faults(text: str) -> list[tuple[str, int]]:
    _, found = parse_json(Source("a.json", text), SCHEMA)
    return [(item.summary, item.span.line) for item in found if item.span]


def test_tree() -> None:
    text = """{
  "//": "comment",
  "A": 1,
  "target": {"app": {"tags": ["x"], "//": 1}, "db": [{}, {"a": 1}], "none": null},
  "target": {"web": {}},
  "variable": [{"V": {"validation": [{"condition": true}, {}]}}],
  "two": {"x": {"y": {}, "z": {}}}
}"""
    body, found = parse_json(Source("a.json", text), SCHEMA)
    assert not found
    assert list(body.attributes) == ["A"]
    assert [(block.type, *block.labels) for block in body.blocks] == [
        ("target", "app"), ("target", "db"), ("target", "db"), ("target", "web"),
        ("variable", "V"), ("two", "x", "y"), ("two", "x", "z"),
    ]  # fmt: skip
    app, variable = body.blocks[0], body.blocks[4]
    assert list(app.body.attributes) == ["tags"]
    assert [block.type for block in variable.body.blocks] == ["validation", "validation"]
    assert [str(span) for span in (app.type_span, app.label_span(0), app.open_span)] == [
        "a.json:4:3", "a.json:4:14", "a.json:4:21",
    ]  # fmt: skip
    assert str(app.body.attributes["tags"].name_span) == "a.json:4:22"


@pytest.mark.parametrize(
    ("text", "summary", "line"),
    [
        ("[{}]", "the file must be one JSON object", 1),
        ("1", "the file must be one JSON object", 1),
        ('{"a": 1,}', "trailing comma in an object", 1),
        ('{"a": 1,\n"a": 2}', 'attribute "a" is set twice', 2),
        ('{\n"target": null}', 'a block "target" needs a name', 2),
        ('{"target": {}}', 'a block "target" needs a name', 1),
        ('{"target": "x"}', '"target" must be an object of blocks by name', 1),
        ('{"target": [{"a": {}}, 1]}', '"target" must be an object of blocks by name', 1),
        ('{"target": {"a": 1}}', 'a block "target" must be an object', 1),
        ('{"target": {"a": [1]}}', 'a block "target" must be an object', 1),
        ('{"a": 1e99999}', "the number is out of range", 1),
    ],
)
def test_faults(text: str, summary: str, line: int) -> None:
    assert faults(text) == [(summary, line)]


def test_several_faults() -> None:
    assert len(faults('{"target": null,\n"two": {"x": null},\n"a": 1,\n"a": 2}')) == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"${V}"', "[1]"),
        ('"a${V[0]}$${x}"', '"a1${x}"'),
        ('"%{ if true }y%{ endif }"', '"y"'),
        ('{"${K}x": "//", "//": 1.50}', '{"//":1.5,"kx":"//"}'),
        ('[true, null, "plain", 1e2]', '[true,null,"plain",100]'),
    ],
)
def test_expressions(scope: Scopes, text: str, value: str) -> None:
    body, found = parse_json(Source("a.json", f'{{"a": {text}}}'), SCHEMA)
    assert not found
    head = scope('V = [1]\nK = "k"\n')
    assert to_json(evaluate(body.attributes["a"].expr, head)) == value


@pytest.mark.parametrize(
    ("text", "summary", "place"),
    [
        ('{"k": 1,\n"k": 2}', 'the key "k" is there twice', "a.json:2:1"),
        ('["x",\n"ab ${NOPE}"]', 'there is no variable named "NOPE"', "a.json:2:7"),
        ('["x",\n"\\u0020 ${NOPE}"]', 'there is no variable named "NOPE"', "a.json:2:1"),
        ('["x",\n"a ${1"]', "unclosed ${ in a string", "a.json:2:4"),
        ('["x",\n"%{ if true }"]', 'a directive "if" is not ended', "a.json:2:13"),
    ],
)
def test_places_of_errors(scope: Scopes, text: str, summary: str, place: str) -> None:
    body, found = parse_json(Source("a.json", f'{{"a": {text}}}'), SCHEMA)
    assert not found
    with pytest.raises(Exception, match=r".") as caught:
        evaluate(body.attributes["a"].expr, scope())
    error = caught.value
    assert (getattr(error, "summary", ""), str(getattr(error, "span", ""))) == (summary, place)
    assert getattr(error, "source", "").startswith('{"a"')


def test_faults_of_templates_that_nobody_reads_do_not_count() -> None:
    assert faults('{"a": "${"}') == []


@given(st.text(st.sampled_from('{}[]":,\\ntarget1$%~ \n')))
def test_every_text_is_read_or_reported(text: str) -> None:
    _, found = parse_json(Source("a.json", text), SCHEMA)
    for item in found:
        assert item.span is not None
        assert item.code == "BX2001"
