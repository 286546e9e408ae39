from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.hcl.evaluate import evaluate

if TYPE_CHECKING:
    from tests.unit.bake.hcl.conftest import Parse, Refuse, Run, Scopes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A", "1"),
        ("block.x", "[]"),
        ("{a = 1, a = 2}", '{"a":2}'),
        ('{(true) = 1, "x${1}" = 2}', '{"true":1,"x1":2}'),
        ('"${A}${true}${"s"}"', '"1trues"'),
        ("[[1], [2]][*][0]", "[1,2]"),
        ("null[*]", "[]"),
        ("{a = 1}[*].a", "[1]"),
        ("{}[*]", "[{}]"),
        ("setunion([2, 1])[*]", "[1,2]"),
        ("convert([], list(string))[*]", "[]"),
        ("[{a = [{b = 1}]}][*].a[*].b", "[[1]]"),
        ("[for l in [[1]]: l[*]][*][0]", "[1]"),
        ('"\\u212a" == "K"', "true"),
    ],
)
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text, "A = 1\nb = 2\n") == value


@pytest.mark.parametrize(
    ("text", "summary", "column"),
    [
        ("NOPE.a[0]", 'there is no variable named "NOPE"', 1),
        ("1 + target.x", 'there is no variable named "target"', 5),
        ("{a.b = 1}", "a key with a dot is ambiguous", 2),
        ("{(null) = 1}", "a key cannot be null", 2),
        ("{([]) = 1}", "this cannot be a key: a string is required, but this is a tuple", 2),
        ('"a${null}"', "null cannot be part of a text", 5),
        ('"a${[1]}"', "a tuple cannot be part of a text", 5),
        ("convert(null, list(string))[*]", "null has no elements", 1),
    ],
)
def test_refusal(refuse: Refuse, text: str, summary: str, column: int) -> None:
    error = refuse(text)
    assert error.summary == summary
    assert error.span is not None
    assert (error.span.line, error.span.column) == (2, column)


def test_names_are_suggested(refuse: Refuse) -> None:
    assert refuse("VERSIO", "VERSION = 1\nVERSIONS = 2").hint == 'did you mean "VERSION"?'
    assert refuse("x" * 5000, "VERSION = 1").hint == ""
    assert "not possible here" in refuse("target.x").detail


def test_errors_of_other_files_keep_their_place(refuse: Refuse) -> None:
    assert str(refuse("B", 'A = 1 / "x"\nB = A').span) == "head.hcl:1:9"


def test_templates_count_by_their_length(scope: Scopes, parsed: Parse, refuse: Refuse) -> None:
    doubled = 'A0 = format("%9000000s", 1)\nA1 = "${A0}${A0}"'
    assert refuse("A1", doubled).summary == "the text is too long"
    long = parsed('"${A}${A}"')
    with pytest.raises(Exception, match="takes too long"):
        evaluate(long, scope('A = format("%100000s", 1)', max_steps=100))
