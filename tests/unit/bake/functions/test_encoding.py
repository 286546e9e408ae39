from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.functions.encoding import byteslen, bytesslice
from bakex.bake.functions.function import FunctionError
from bakex.bake.values.value import Value, number
from bakex.bake.values.valuetype import BYTES

if TYPE_CHECKING:
    from tests.unit.bake.functions.conftest import Refuse, Run


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('jsonencode({b = [1, true, null], a = "<é"})',
         r'"{\"a\":\"\\u003cé\",\"b\":[1,true,null]}"'),
        ("jsonencode(null)", '"null"'),
        (r'jsondecode("{\"a\": [1.50, \"x\"]}")', '{"a":[1.5,"x"]}'),
        (r'jsondecode("{\"a\":1,\"a\":\"x\"}")', '{"a":"x"}'),
        ('base64encode("é")', '"w6k="'),
        ("base64encode(12)", '"MTI="'),
        (r'base64decode("aGVs\nbG8=")', '"hello"'),
        ('base64decode("")', '""'),
        ("homedir()", '"/home/user"'),
        (r'csvdecode("a,b\n1,2\n\n\"x, \"\"y\"\"\n\",4\n")',
         r'[{"a":"1","b":"2"},{"a":"x, \"y\"\n","b":"4"}]'),
        (r'csvdecode("a\r\n1\r\n")', '[{"a":"1"}]'),
        ('csvdecode("a")', "[]"),
        (r'csvdecode("a,b\n,")', '[{"a":"","b":""}]'),
    ],
)  # fmt: skip
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("jsonencode([1/0])", "infinity cannot be written as JSON"),
        ('jsondecode("{")', "expected the name of a property (at character 2)"),
        (r'jsondecode("[\n1 2]")', "missing comma between the items of an array (at line 2"),
        ('jsondecode("")', "unexpected end of JSON"),
        ('base64decode("aGk")', "the text is not base64"),
        ('base64decode("a-_=")', "the text is not base64"),
        ('base64decode("/w==")', "not text in UTF-8"),
        ('csvdecode("")', "there is no header line"),
        (r'csvdecode("a,a\n1,2")', 'two columns named "a"'),
        (r'csvdecode("a,b\n1\n")', "line 2 of the text has 1 fields, but the header 2"),
        (r'csvdecode("a\n\"x")', "line 2 of the text has a quote"),
        (r'csvdecode("a\nx\"y")', "line 2 of the text has a quote"),
        (r'csvdecode("a\n\"x\"y")', "line 2 of the text has a quote"),
        (r'csvdecode(replace(format("%600000s", ""), " ", "x\n"))', "the value is too large"),
        ('byteslen("abc")', 'wrong argument "buf"'),
    ],
)
def test_refusal(refuse: Refuse, text: str, reason: str) -> None:
    assert reason in refuse(text).summary


def test_bytes() -> None:
    buffer = Value(BYTES, b"abcd")
    assert byteslen(buffer).number.truncate() == 4
    assert bytesslice(buffer, number(1), number(2)).raw == b"bc"
    with pytest.raises(FunctionError, match="4 bytes only"):
        bytesslice(buffer, number(3), number(2))
