from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.hcl.evaluate import evaluate

if TYPE_CHECKING:
    from tests.unit.bake.hcl.conftest import Parse, Refuse, Run, Scopes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[for x in [1, 2, 3] : x * 2 if x != 2]", "[2,6]"),
        ('[for i, x in ["a"] : "${i}${x}"]', '["0a"]'),
        ('[for k, v in {b = 1, a = 2} : "${k}${v}"]', '["a2","b1"]'),
        ('[for k, v in setunion(["b", "a"]) : "${k}${v}"]', '["aa","bb"]'),
        ('[for x in ["1", "0"] : x if x]', '["1"]'),
        ('{for x in ["a", "b"] : x => upper(x)}', '{"a":"A","b":"B"}'),
        ("{for i, x in [1, 2, 1] : x => i...}", '{"1":[0,2],"2":[1]}'),
        ("{for x in [] : x => x...}", "{}"),
        ("[for x in [1] : [for x in [2] : x]]", "[[2]]"),
        ("[for x in [1] : A + x]", "[11]"),
        ('"%{ for x in [1, true] }${x}%{ endfor }"', '"1true"'),
    ],
)
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text, "A = 10\n") == value


@pytest.mark.parametrize(
    ("text", "summary", "column"),
    [
        ("[for x in null : x]", "null cannot be looped over", 11),
        ('[for x in "ab" : x]', "a string cannot be looped over", 11),
        ("[for x in [1] : x if null]", 'the condition behind "if" is null', 22),
        ("[for x in [1] : x if x]", 'the condition behind "if" is neither true nor false', 22),
        ("[for x in [] : x if 5]", 'the condition behind "if" is neither true nor false', 21),
        ('{for x in [1, 1] : "a" => x}', 'the loop makes the key "a" twice', 20),
        ("{for x in [null] : x => 1}", "a key cannot be null", 20),
        ("{for x in [[]] : x => 1}", ("this cannot be a key: a string is required, but this is a "
         "tuple"), 18),
        ("[for x in [1] : y]", 'there is no variable named "y"', 17),
        ("[for x in [1] : 1 + x.a]", 'a number has no attribute "a"', 23),
    ],
)  # fmt: skip
def test_refusal(refuse: Refuse, text: str, summary: str, column: int) -> None:
    error = refuse(text)
    assert error.summary == summary
    assert error.span is not None
    assert (error.span.line, error.span.column) == (2, column)


UNKNOWN = [
    "x.foo[0]",
    "x[*].a", "x[*][0]", "[1][x]", '"${x}" == ""', "-x > 0", "!x", "x + 1 > 2", "x == 1",
    "x && true", "x || false", "x ? true : false", "[x] == []", "{a = x} == {}", "{(x) = 1} == {}",
    "[for y in x : y] == []", "[for y in [1] : x] == []", "{for y in [1] : x => y} == {}",
    "{for y in [1] : y => x} == {}", '"%{ for y in x }1%{ endfor }" == ""', "max(x) > 0",
    "max(x...) > 0", "can(x)", "try(x, 1) == 2", "convert(x, bool)", "merge(x, [1]) == {}",
    "[for y in [1] : y if x] == [1]", "[x][*] == []", "{for y in [1]: x => 1} == {}",
    "[x].*.a == [1]", "pair(x) == 1", "{a = 1}[x] == 1",
]  # fmt: skip


@pytest.mark.parametrize("condition", UNKNOWN)
def test_conditions_are_checked_in_advance_without_an_element(run: Run, condition: str) -> None:
    assert run(f"[for x in [] : x if {condition}]") == "[]"


@pytest.mark.parametrize(
    ("condition", "summary"),
    [
        ('x && "bad"', '"&&" needs true or false here'),
        ("x + true > 1", '"+" needs a number here'),
        ("x ? 1 : true", "the two results of the conditional do not fit together"),
        ('length("s") == x', ('function "length": a list, map, set or tuple is required, but this '
         "is a string")),
        ("x == [1][5]", "there is no element 5"),
        ("NOPE == x", 'there is no variable named "NOPE"'),
    ],
)  # fmt: skip
def test_errors_that_do_not_depend_on_the_element(
    refuse: Refuse, condition: str, summary: str
) -> None:
    assert refuse(f"[for x in [] : x if {condition}]").summary == summary


def test_loops_are_counted(scope: Scopes, parsed: Parse) -> None:
    nested = parsed("[for a in L : [for b in L : [for c in L : c]]]")
    head = "L = range(100)"
    with pytest.raises(Exception, match="takes too long"):
        evaluate(nested, scope(head, max_steps=50_000))
