from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.hcl.jsonform import parse_json
from bakex.bake.hcl.nodes import Parentheses
from bakex.bake.hcl.source import Source
from bakex.bake.hcl.static import (
    function_calls,
    keyword,
    keywords,
    references,
    type_constraint,
)
from bakex.errors import EvaluationError, SyntaxDefinitionError

if TYPE_CHECKING:
    from bakex.bake.hcl.syntax import Expression
    from tests.unit.bake.hcl.conftest import Parse


def bare(parsed: Parse, text: str) -> Expression:
    node = parsed(text)
    assert isinstance(node, Parentheses)
    return node.inner


def json(text: str) -> Expression:
    body, found = parse_json(Source("a.json", f'{{"a": {text}}}'), {})
    assert not found
    return body.attributes["a"].expr


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A + b.c[0] + f(D)", ["A", "b", "D"]),
        ("[for x in A : x + B if x > C]", ["A", "B", "C"]),
        ("{for k, v in A : k => v...}", ["A"]),
        ("[for A in A : A]", ["A"]),
        ('"${A}%{ if B }${C}%{ else }${D}%{ endif }%{ for x in E }${x}%{ endfor }"',
         ["A", "B", "C", "D", "E"]),
        ("{A = 1, (B) = C}", ["B", "C"]),
        ("A[*].b[C]", ["A", "C"]),
        ("A[B] ? -C : !(D)", ["A", "B", "C", "D"]),
        ("convert(A, list(string))", ["A"]),
        ("f().x", []),
        ('"${A}"', ["A"]),
    ],
)  # fmt: skip
def test_references(parsed: Parse, text: str, names: list[str]) -> None:
    assert [node.name for node in references(parsed(text))] == names


def test_references_keep_their_steps(parsed: Parse) -> None:
    (found,) = references(parsed("target.app.tags[0]"))
    assert len(found.steps) == 3


def test_references_in_json() -> None:
    assert [node.name for node in references(json('["${A}", {"${B}": "x"}]'))] == ["A", "B"]
    assert references(json('"${"')) == []


def test_function_calls(parsed: Parse) -> None:
    found = function_calls(parsed("f(g(1), [for x in h() : i(x)])"))
    assert [node.name for node in found] == ["f", "g", "h", "i"]


def test_long_chains_do_not_exhaust_the_stack(parsed: Parse) -> None:
    assert len(references(parsed("+".join(["A"] * 5000)))) == 5000


def test_keyword(parsed: Parse) -> None:
    assert keyword(bare(parsed, "rest")) == "rest"
    assert keyword(bare(parsed, "a.b")) is None
    assert keyword(bare(parsed, '"rest"')) is None
    assert keyword(json('"rest"')) == "rest"
    assert keyword(json('"a b"')) is None


def test_keywords(parsed: Parse) -> None:
    assert keywords(bare(parsed, "[a, b]")) == ["a", "b"]
    assert keywords(bare(parsed, "[a, 1]")) is None
    assert keywords(bare(parsed, "a")) is None
    assert keywords(json('["a", "b"]')) == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "string", "number", "bool", "any", "list(string)", "set(number)", "map(list(any))",
        "tuple([string, bool])", "tuple([])", "object({a=string, b=optional(number)})",
    ],
)  # fmt: skip
def test_types(parsed: Parse, text: str) -> None:
    assert str(type_constraint(bare(parsed, text))) == text
    assert str(type_constraint(json(f'"{text}"'))) == text


@pytest.mark.parametrize(
    ("text", "summary", "hint"),
    [
        ("strin", 'there is no type named "strin"', 'did you mean "string"?'),
        ("foo", 'there is no type named "foo"', "there are string, number, bool and any"),
        ("list", 'the type "list" needs an argument', "write list(string)"),
        ("list()", '"list" takes one argument', "write list(string)"),
        ("list(string, string)", '"list" takes one argument', "write list(string)"),
        ("list(x...)", '"list" takes one argument', "write list(string)"),
        ('"string"', "this is not a type", "remove the quotes"),
        ("1", "this is not a type", "write one of string"),
        ("optional(string)", "this is not a type", "optional is for"),
        ("tuple(string)", "a tuple type needs a list of types", "write tuple("),
        ("object(string)", "an object type needs types by name", "write object("),
        ("object({(a) = string})", "the name of an attribute must be a plain word", "remove"),
        ('object({a = optional(string, "x")})', '"optional" takes one argument', "write optional"),
        ("object({a = foo})", 'there is no type named "foo"', "there are"),
        ("x" * 500, "there is no type named", "there are"),
    ],
)
def test_what_is_no_type(parsed: Parse, text: str, summary: str, hint: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        type_constraint(bare(parsed, text))
    assert caught.value.summary.startswith(summary)
    assert caught.value.hint.startswith(hint)
    assert caught.value.span is not None


def test_json_strings_that_are_no_expression() -> None:
    with pytest.raises(SyntaxDefinitionError):
        type_constraint(json('"list("'))
