from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.hcl.cursor import MAX_CHAIN, MAX_NESTING
from bakex.bake.hcl.nodes import Access, Splat
from bakex.bake.hcl.parser import parse
from bakex.bake.hcl.source import Source
from bakex.bake.hcl.syntax import AttributeStep, IndexStep, Traversal

if TYPE_CHECKING:
    from tests.unit.bake.hcl.conftest import Parse, Run


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - 4 / 2 % 3", "5"),
        ("1 < 2 == true && false || true", "true"),
        ("10 - 3 - 2", "5"),
        ("--5", "5"),
        ("!!true", "true"),
        ("-[1][0] + 2", "1"),
        ("true ? false ? 1 : 2 : 3", "2"),
        ("false ? 1 : false ? 2 : 3", "3"),
        ("(1\n+\n2)", "3"),
        ("[[1, 2], [3, 4]][*][0]", "[1,3]"),
        ("[[1, 2], [3, 4]].*.0", "[1,3]"),
        ("[{a = [1, 2]}].*.a[0]", "[1,2]"),
        ("[{a = [1, 2]}][*].a[0]", "[1]"),
        ('upper(\n"x"\n,\n)', '"X"'),
        ("max([1, 2]...)", "2"),
        ("1.e3", "1000"),
        ('"2" + "3"', "5"),
    ],
)
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("a =", "missing expression"),
        ("a = \n1", "expected an expression"),
        ("a = 1 +\n2", "expected an expression"),
        ("a = )", "expected an expression"),
        ("a = true ? 1", 'missing ":" in a conditional'),
        ("a = (1", "unbalanced parentheses"),
        ("a = x.", 'missing name behind "."'),
        ("a = x.0.1", '"0.1" is not an index'),
        ("a = 1.2.3", '"1.2.3" is not a number'),
        ("a = x.1e50000000", "the number is too long"),
        ("a = x[0", 'missing "]" behind the index'),
        ("a = x[*", 'missing "]" behind [*'),
        ("a = x.*.*", "a second .* is not possible here"),
        ("a = f(1", "unclosed call of a function"),
        ("a = f(1 2)", "missing comma between the arguments of a function"),
        ("a = f(x..., y)", 'an argument with "..." must be the last one'),
        ("a = ns::f", 'missing "(" behind the function ns::f'),
        ("a = ns::1", 'missing name of a function behind "::"'),
        ("a = 0x1F", "missing newline behind an attribute"),
        ("a = .5", "expected an expression"),
        (f"a = {'9' * 5000}", "the number is too long"),
        (f"a = {'(' * 200}1{')' * 200}", "nested too deeply"),
        (f"a = {'-' * 200}1", "nested too deeply"),
        (f"a = {'[' * 200}", "nested too deeply"),
        (f"a = x{'[*]' * 200}", "nested too deeply"),
        (f"a = x{'[y]' * (MAX_CHAIN + 1)}", "too many indexes behind one another"),
    ],
)
def test_faults(text: str, summary: str) -> None:
    _, found = parse(Source("a.hcl", text))
    assert found[0].summary == summary


def test_what_is_allowed_to_be_deep(run: Run) -> None:
    depth = MAX_NESTING - 5
    assert run(f"{'(' * depth}1{')' * depth}") == "1"
    assert run(f'{"upper(" * depth}"x"{")" * depth}') == '"X"'
    assert run("+".join(["1"] * 5000)) == "5000"
    assert run(" && ".join(["true"] * 5000)) == "true"


def test_constant_steps_are_part_of_a_traversal(parsed: Parse) -> None:
    node = parsed('target.app["tags"].0[x]').parts()[0].parts()[0]
    assert isinstance(node, Traversal)
    assert node.name == "target"
    first, second, third = node.steps
    assert isinstance(first, AttributeStep)
    assert isinstance(second, IndexStep)
    assert isinstance(third, IndexStep)
    assert (first.name, second.key.text, third.key.number.truncate()) == ("app", "tags", 0)
    assert str(first.span) == "f.hcl:2:8"
    assert str(node.name_span) == "f.hcl:2:1"


def test_steps_behind_other_expressions(parsed: Parse) -> None:
    node = parsed("f().a[0]").parts()[0]
    assert isinstance(node, Access)
    assert len(node.steps) == 2
    assert isinstance(parsed("x.*.a").parts()[0], Splat)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = x[0\nb = 1\n", 3),  # the end of the file
        ("a = x[0)\nb = y[1]\nc = z]\n", 3),
        ("a = x[*\nb = [1]\nc = ]\n", 3),
        ("a = x[0 1]\n", 1),
    ],
)
def test_a_missing_bracket_is_reported_at_the_next_one_without_a_partner(
    text: str, line: int
) -> None:
    _, found = parse(Source("a.hcl", text))
    places = {d.span.line for d in found if d.span and 'missing "]"' in d.summary}
    assert places == {line}
