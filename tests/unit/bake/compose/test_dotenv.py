from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.compose import dotenv
from bakex.bake.compose.dotenv import parse
from bakex.errors import BakexError, DefinitionError, SyntaxDefinitionError


def read(text: str | bytes, **environ: str) -> dict[str, str]:
    data = text.encode() if isinstance(text, str) else text
    return parse(".env", data, environ, lambda _: None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}), ("\n \n", {}), ("# only", {}), ("A=1", {"A": "1"}),
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("A=", {"A": ""}), ("A=\n\nB=2", {"A": "", "B": "2"}), ("A = x", {"A": "x"}),
        ("A\t=x", {"A": "x"}), ("A: yaml", {"A": "yaml"}), ("export A=1", {"A": "1"}),
        ("export  A=1", {"A": "1"}), ("exportA=1", {"exportA": "1"}), ("A=x\ty ", {"A": "x\ty"}),
        ("A= sp aced \n", {"A": "sp aced"}), ("A=1 # c", {"A": "1"}), ("A=a#b #c", {"A": "a#b"}),
        ("A=#c", {"A": "#c"}), ("A=x\n\n#c\n  B=y", {"A": "x", "B": "y"}),
        ("A=x\r\nB=y\r\n", {"A": "x", "B": "y"}), ("A.B-C[0]=x", {"A.B-C[0]": "x"}),
        ("1A=x", {"1A": "x"}), ("Á=x", {"Á": "x"}), ("=x", {"": "x"}),
        ('A="x y" # c', {"A": "x y"}), ("A='x $B' # c", {"A": "x $B"}), ('A=""', {"A": ""}),
        ('A="multi\nline"\nB=1', {"A": "multi\nline", "B": "1"}), ('A="a\\"b"', {"A": 'a"b'}),
        ("A='a\\'b\\n\\x'", {"A": "a'b\\n\\x"}), ('A="a\\\\"', {"A": "a\\"}),
        ("A='a\\\\'", {"A": "a\\\\"}), ('A="\\t\\a\\\\x\\c\\0101\\q"', {"A": "\t\x07\\x\\cA\\q"}),
        ('A="\\$x $$y"', {"A": "$x $y"}), ("A=$$x", {"A": "$x"}), ("A=a\\nb", {"A": "a\\nb"}),
        ("A=`cmd`", {"A": "`cmd`"}), ('A="a" B=c', {"A": "a", "B": "c"}), ('A="x"#c', {"A": "x"}),
        ("B=2\nA=${B}${B}", {"B": "2", "A": "22"}), ('B=2\nA="${B}"', {"B": "2", "A": "2"}),
        ("A=$B\nB=2", {"A": "", "B": "2"}), ("A=${X:-d}", {"A": "d"}), ("A=$", {"A": "$"}),
        ("A", {}), ("A\n", {}), ("\ufeffA=1", {"A": "1"}),
    ],
)  # fmt: skip
def test_forms(text: str, expected: dict[str, str]) -> None:
    assert read(text) == expected


def test_the_environment_goes_before_the_lines_above() -> None:
    assert read("A=file\nB=$A\nC\nD", A="env", C="c") == {"A": "file", "B": "env", "C": "c"}


def test_what_is_below_is_asked_last() -> None:
    found = parse("e", b"A=$X$Y$Z", {"X": "1"}, lambda _: None, {"X": "2", "Y": "2"})
    assert found == {"A": "12"}
    found = parse("e", b"Y=1\nA=$Y", {}, lambda _: None, {"Y": "2"})
    assert found["A"] == "1"


def test_variables_that_are_not_set_are_told() -> None:
    unset: list[str] = []
    parse("e", b"A=$X\nB=${Y}", {}, unset.append)
    assert unset == ["X", "Y"]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("A=1\n!B=2", "2:1", "'!' cannot be in the name"),
        ("A B=x", "1:1", "blank"),
        ('A=1\nB="x', "2:3", "not closed"),
        ("A='x''y'", "1:6", "cannot be in the name"),
        ("A=1\nB=${", "2:3", "malformed"),
        ("A=${Q:?bad}", "1:3", "bad"),
        ('A="${Q:?bad}"', "1:3", "bad"),
    ],
)
def test_faults(text: str, place: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=words) as caught:
        read(text)
    assert str(caught.value.span) == f".env:{place}"
    assert caught.value.source == text


def test_text_that_is_no_utf_8() -> None:
    with pytest.raises(SyntaxDefinitionError, match="UTF-8"):
        read(b"A=1\nB=\xff")


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "A0=aaaaaaaaaa\n" + "".join(f"A{i}={f'$A{i - 1}' * 10}\n" for i in range(1, 20))
    with pytest.raises(SyntaxDefinitionError, match="more than 1048576 characters"):
        read(lines)
    monkeypatch.setattr(dotenv, "MAX_SIZE", 10)
    with pytest.raises(SyntaxDefinitionError, match="larger than 10 bytes"):
        read("A=" + "x" * 20)


pieces = st.sampled_from(
    ["A", "=", "\n", "'", '"', "\\", "$", "{", "}", " ", "#", "export ", ":", "é", "\t", "\x00"]
)


texts = st.lists(pieces, max_size=30).map("".join)


@given(st.one_of(st.binary(), texts.map(str.encode)))
def test_nothing_but_our_errors_gets_out(data: bytes) -> None:
    with suppress(BakexError):
        read(data)
