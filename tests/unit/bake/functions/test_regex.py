from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.functions.conftest import Refuse, Run


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('regex("[a-z]+", "123abc")', '"abc"'),
        ('regex("(a)|(b)", "b")', '[null,"b"]'),
        ('regex("(?P<l>[a-z])(?P<d>[0-9])?", "a")', '{"d":null,"l":"a"}'),
        ('regex("(?U)a+", "aaa")', '"a"'),
        (r'regex("\\pL+", "é1")', '"é"'),
        (r'regex("$", "a\n")', '""'),
        ('regexall("[0-9]", "a1b2")', '["1","2"]'),
        ('regexall("(a)(b)?", "abaa")', '[["a","b"],["a",null],["a",null]]'),
        ('regexall("a*", "baac")', '["","aa",""]'),
        ('regexall("x", "y")', "[]"),
        ('regexall(".", "é👍")', '["é","👍"]'),
        ('regex_replace("hello", "l+", "L")', '"heLo"'),
        ('regex_replace("ab", "(a)(b)", "$2$1")', '"ba"'),
        ('regex_replace("ab", "(?P<x>a)", "<$${x}>")', r'"\u003ca\u003eb"'),
        ('regex_replace("ab", "(a)", "$1x")', '"b"'),
        ('regex_replace("ab", "(a)", "$${1}x")', '"axb"'),
        ('regex_replace("ab", "a", "$$")', '"$b"'),
        ('regex_replace("ab", "a", "$")', '"$b"'),
        ('regex_replace("ab", "(a)|(c)", "[$2$9$999999999$0]")', '"[a]b"'),
        ('regex_replace("abab", "b*", "X")', '"XaXaX"'),
        ('regex_replace("éa", "", "-")', '"-é-a-"'),
    ],
)
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('regex("(", "a")', "the regular expression is invalid"),
        ('regex("(?=a)", "a")', "the regular expression is invalid"),
        ('regex("(a)(?P<b>b)", "ab")', "both named and unnamed groups"),
        ('regex("x", "y")', "does not match"),
        ('regexall("", format("%100000s", "a"))', "too long for so many matches"),
        ('regex_replace(format("%9000s", "a"), " ", format("%9000s", "b"))', "too long"),
    ],
)
def test_refusal(refuse: Refuse, text: str, reason: str) -> None:
    assert reason in refuse(text).summary


def test_nothing_is_written_to_the_terminal(
    refuse: Refuse, capfd: pytest.CaptureFixture[str]
) -> None:
    refuse('regex("(", "a")')
    assert capfd.readouterr() == ("", "")


def test_groups_take_memory(refuse: Refuse) -> None:
    pattern = "(" * 3000 + "a" + ")" * 3000
    assert "too many groups" in refuse(f'regex("{pattern}", "a")').summary
