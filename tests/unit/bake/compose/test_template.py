from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.compose import template
from bakex.bake.compose.template import substitute
from bakex.errors import BakexError, EvaluationError

VARIABLES = {"S": "s", "E": "", "long_NAME1": "l", "_u": "u"}


def filled(text: str) -> tuple[str, list[str]]:
    unset: list[str] = []
    return substitute(text, VARIABLES, unset.append), unset


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""), ("plain", "plain"), ("$S", "s"), ("${S}", "s"), ("a${S}b$S", "asbs"),
        ("$S-$S", "s-s"), ("${long_NAME1}$_u", "lu"), ("$$", "$"), ("$$S", "$S"), ("$$$S", "$s"),
        ("$$$$", "$$"), ("$$$", "$$"), ("$", "$"), ("a$", "a$"), ("$1", "$1"), ("$-", "$-"),
        ("$ {S}", "$ {S}"), ("$Sé", "sé"), ("%{S}", "%{S}"),
        ("${X:-d}", "d"), ("${X-d}", "d"), ("${E:-d}", "d"), ("${E-d}", ""), ("${S:-d}", "s"),
        ("${X:+o}", ""), ("${X+o}", ""), ("${E:+o}", ""), ("${E+o}", "o"), ("${S:+o}", "o"),
        ("${S+o}", "o"), ("${S?m}", "s"), ("${E?m}", ""), ("${S:?m}", "s"), ("${S?}", "s"),
        ("${X:-}", ""), ("${X-}", ""), ("${S+}", ""), ("${X:-a b c}", "a b c"),
        ("${X:-a:-b}", "a:-b"), ("${X-a:-b}", "a:-b"), ("${X-?a}", "?a"), ("${X:-?}", "?"),
        ("${S:+-}", "-"), ("${X:-$S}", "s"), ("${X:-${Y:-n}}", "n"), ("${X:-${S}x}", "sx"),
        ("${X:-a}${X:-b}", "ab"), ("${S}-${X:-q}-${S:+z}", "s-q-z"), ("${X:-'q'}", "'q'"),
        ("${X:-{a}}", "{a}"), ("${X:-{}}", "{}"), ("${S:-{}", "s"), ("${X:-a}b}", "ab}"),
        ("${X:-}}", "}"),
        ('${X:-"}"}', '""}'), ("${X:-\\}}", "\\}"), ("${X:-a} {${Y:-b}}", "a {b}"),
        ("a\n${X:-b}\nc", "a\nb\nc"), ("${X:-a}\n${X:-b}\n}", "a\nb\n}"),
    ],
)  # fmt: skip
def test_forms(text: str, expected: str) -> None:
    assert filled(text) == (expected, [])


def test_names_that_are_not_set() -> None:
    assert filled("$X${Y}${Z:-$Q}") == ("", ["X", "Y", "Q"])


@pytest.mark.parametrize(
    "text",
    ["${", "${}", "${X", "${1}", "${X!}", "${X:}", "${X:=d}", "${a.b}", "${X }", "${ X}", "${S#x}",
     "${S:0:1}", "${É}", "${X:-a\nb}", "a${X:-", "${X:-${}}"],
)  # fmt: skip
def test_malformed(text: str) -> None:
    with pytest.raises(EvaluationError, match="malformed variable") as caught:
        filled(text)
    assert "$$" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${X?}", "the variable 'X' must be set"),
        ("${X:?need $S}", "the variable 'X' must be set: need s"),
        ("${E:?m}", "the variable 'E' must be set: m"),
        ("${X:?-}", "must be set: -"),
        ("a${S:+${X?deep}}", "deep"),
    ],
)
def test_variables_that_must_be_set(text: str, words: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        filled(text)
    assert words in caught.value.summary


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${a:-" * 30 + "}" * 30, "20 defaults"),
        ("${a:-" * 2000 + "}" * 2000, "1000 braces"),
    ],
    ids=["defaults", "braces"],
)
def test_limits(text: str, words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        filled(text)


def test_the_result_may_not_become_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "MAX_LENGTH", 100)
    with pytest.raises(EvaluationError, match="longer than 100"):
        substitute("$A" * 60, {"A": "xx"}, lambda _: None)


def test_long_lines_take_linear_time() -> None:
    text = "${a:-b}" * 50_000
    assert filled(text)[0] == "b" * 50_000


pieces = st.sampled_from(
    ["$", "{", "}", "$$", "${", "S", "X", ":-", "-", ":?", "+", "\n", "é", " "]
)


@given(st.lists(pieces, max_size=30).map("".join))
def test_nothing_but_our_errors_gets_out(text: str) -> None:
    with suppress(BakexError):
        filled(text)


@given(st.text(alphabet=st.characters(exclude_characters="$")))
def test_text_without_variables_stays(text: str) -> None:
    assert filled(text) == (text, [])


@given(st.text())
def test_doubled_dollars_are_dollars(text: str) -> None:
    assert filled(text.replace("$", "$$")) == (text, [])
