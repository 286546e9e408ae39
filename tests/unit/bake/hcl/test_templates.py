from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.hcl.parser import parse
from bakex.bake.hcl.source import Source

if TYPE_CHECKING:
    from tests.unit.bake.hcl.conftest import Run

HEAD = 'X = "v"\nL = ["a", "b"]\n'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('""', '""'),
        ('"a${X}b"', '"avb"'),
        ('"${L}"', '["a","b"]'),
        ('"${1}"', "1"),
        ('"${1}${2}"', '"12"'),
        ('"$${X}%%{X}$X"', '"${X}%{X}$X"'),
        ('"$$${X}"', '"$${X}"'),
        ('"a  ${~ "  x " ~}  b"', '"a  x b"'),
        ('"${\n  X\n}"', '"v"'),
        ('"%{ if true }yes%{ else }no%{ endif }"', '"yes"'),
        ('"%{ if false }yes%{ endif }"', '""'),
        ('"%{ for x in L }<${x}>%{ endfor }"', r'"\u003ca\u003e\u003cb\u003e"'),
        ('"%{ for i, x in L }${i}${x}%{ endfor }"', '"0a1b"'),
        ('"%{ if true }${"%{ for x in L }${x}%{ endfor }"}%{ endif }"', '"ab"'),
        ('"a%{ if true ~}  b  %{~ endif }c"', '"abc"'),
        ("<<E\na\n  ${X}\nE\n", r'"a\n  v\n"'),
        ("<<E\nE\n", '""'),
        ("<<E\n${X}\nE\n", r'"v\n"'),
        ('<<E\n\\n "q"\nE\n', r'"\\n \"q\"\n"'),
        ("<<-E\n    x\n  ${X}\n      z\n  E\n", r'"  x\nv\n    z\n"'),
        ("<<-E\n  a\n \n  b\nE\n", r'"a\n \nb\n"'),
        ("<<-E\n  a\n${X}\nE\n", r'"  a\nv\n"'),
        ("<<-E\n\ta\n\t\tb\nE\n", r'"a\n\tb\n"'),
        ("<<E\na ~\n%{~ if true ~}\n b\n%{ endif ~}\nE\n", r'"a ~ b\n"'),
        ("<<-E\n    %{ for x in L ~}\n    item ${x}\n    %{ endfor ~}\n    end\nE\n", None),
    ],
)
def test_value(run: Run, text: str, value: str | None) -> None:
    if value is None:
        value = r'"    item a\n    item b\n    end\n"'
    assert run(text, HEAD) == value


@pytest.mark.parametrize(
    ("text", "summary", "line"),
    [
        ('a = "x', "unterminated string", 1),
        ("a = <<E\nx\n", "unterminated string", 3),
        ("a = <<E\nx\nE", "unterminated string", 3),
        ('a = "${x"', "unclosed ${ in a string", 1),
        ('a = "${x', "unclosed ${ in a string", 1),
        ('a = "${x y}"', "unexpected text behind the expression in ${ }", 1),
        ('a = "${x:-y}"', "unexpected text behind the expression in ${ }", 1),
        ('a = "${}"', "expected an expression", 1),
        ('a = "%{ 1 }"', "%{ must be followed by a directive", 1),
        ('a = "%{ iff x }"', 'unknown directive "iff"', 1),
        ('a = "%{ if x y }z%{ endif }"', 'unexpected text behind the directive "if"', 1),
        ('a = "%{ if x }"', 'a directive "if" is not ended', 1),
        ('a = "%{ if x }%{ else }"', 'a directive "if" is not ended', 1),
        ('a = "%{ for x in y }"', 'a directive "for" is not ended', 1),
        ('a = "%{ endif }"', 'unexpected directive "endif"', 1),
        ('a = "%{ else }"', 'unexpected directive "else"', 1),
        ('a = "%{ if x }%{ endfor }"', 'unexpected directive "endfor"', 1),
        ('a = "%{ for x in y }%{ else }"', 'unexpected directive "else"', 1),
        ('a = "%{ if x }%{ else }%{ else }%{ endif }"', 'unexpected directive "else"', 1),
        ('a = "%{ for 1 in y }"', '"for" needs the name of a variable here', 1),
        ('a = "%{ for x, 1 in y }"', '"for" needs the name of a variable here', 1),
        ('a = "%{ for x y }"', '"for" needs "in" behind its variables', 1),
        ('a = "\\x"', 'unknown escape "\\x" in a string', 1),
    ],
)
def test_faults(text: str, summary: str, line: int) -> None:
    _, found = parse(Source("a.hcl", text))
    assert (found[0].summary, found[0].span and found[0].span.line) == (summary, line)


def test_shell_syntax_is_explained() -> None:
    _, found = parse(Source("a.hcl", 'a = "${FOO:-x}"'))
    assert '"$${"' in found[0].hint


def test_the_start_of_what_is_not_ended_is_named() -> None:
    _, found = parse(Source("a.hcl", "a = 1\nb = <<E\nx\n"))
    assert "starts on line 2" in found[0].detail
    assert "says only E" in found[0].detail
