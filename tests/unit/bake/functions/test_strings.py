from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.functions.conftest import Refuse, Run

FAMILY = "👨\u200d👩\u200d👧"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('upper("abc")', '"ABC"'),
        ('upper("straße ŉ ᾳ")', '"STRAßE ŉ ᾼ"'),
        ('lower("ABC")', '"abc"'),
        ('lower("\u0391\u03a3 İ")', '"\u03b1\u03c3 i"'),
        ('title("hello wORLD foo-bar it\'s a_b")', '"Hello WORLD Foo-Bar It\'S A_b"'),
        ('title("éa ßb d\u2019e\u00a0x")', '"Éa ßb D\u2019e\u00a0X"'),
        (f'reverse("ab{FAMILY}")', f'"{FAMILY}ba"'),
        (f'strlen("{FAMILY}")', "1"),
        ("strlen(123)", "3"),
        ('substr("hello", 1, 3)', '"ell"'),
        ('substr("hello", 1, -1)', '"ello"'),
        ('substr("hello", 10, 1)', '""'),
        ('substr("hello", 2, 0)', '""'),
        ('substr("hello", -3, 0)', '"llo"'),
        ('substr("hello", -10, 2)', '"he"'),
        ('join("-", ["a", 1], [true])', '"a-1-true"'),
        ('split(",", "a,b,,c")', '["a","b","","c"]'),
        ('split(",", "")', '[""]'),
        ('split("", "aé")', '["a","é"]'),
        (r'chomp("a\r\n\n")', '"a"'),
        (r'indent(2, "a\nb\n")', r'"a\n  b\n  "'),
        ('trim("abcba", "ab")', '"c"'),
        ('trim("abc", "")', '"abc"'),
        ('trimspace("\u00a0 x\u3000")', '"x"'),
        ('trimprefix("aab", "a")', '"ab"'),
        ('trimsuffix("abb", "b")', '"ab"'),
        ('replace("abc", "", "-")', '"-a-b-c-"'),
        ('replace("aaa", "aa", "b")', '"ba"'),
        ('basename("")', '"."'),
        ('basename("/")', '"/"'),
        ('basename("a/b/")', '"b"'),
        ('dirname("a")', '"."'),
        ('dirname("/a/b/")', '"/a/b"'),
        ('dirname("a//b/../c")', '"a"'),
        ('dirname("//a/b")', '"/a"'),
        ('sanitize("a.b/ç-_Z9")', '"a_b__-_Z9"'),
        ('urlencode("a b&ü~")', '"a+b%26%C3%BC~"'),
    ],
)
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('join(",")', "at least one list"),
        ('join(",", ["a"], ["b", null])', "element 1 is null"),
        ('indent(-1, "a")', "cannot be negative"),
        (r'indent(1e9, "a\nb")', "the text is too long"),
        ('replace(format("%1000000s", "a"), " ", format("%1000s", "b"))', "too long"),
        ('join(format("%9000000s", "a"), ["a", "b", "c"])', "too long"),
        ('split("", format("%2000000s", "a"))', "the value is too large"),
        ('substr("a", 0.5, 1)', '"offset" must be a whole number'),
    ],
)
def test_refusal(refuse: Refuse, text: str, reason: str) -> None:
    assert reason in refuse(text).summary
