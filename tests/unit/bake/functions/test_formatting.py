from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.functions.conftest import Refuse, Run


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ('"plain %%"', "plain %"),
        ('"%s-%s", "a", 1', "a-1"),
        ('"%[2]s %[1]s", "a", "b"', "b a"),
        ('"%[2]s %s", "a", "b", "c"', "b c"),
        ('"%5s|%-5s|%05s", "é", "b", "c"', "    é|b    |0000c"),
        ('"%.2s", "abc"', "ab"),
        ('"%q %8q %.1q", "a\\"<", "b", "cd"', '"a\\"\\u003c"      "b" "c"'),
        ('"%t %t", true, "false"', "true false"),
        ('"%5d|%-5d|%05d|%+d|% d", 1, 2, 3, 4, 5', "    1|2    |00003|+4| 5"),
        ('"%.3d|%.0d|%-05d|%06.3d", 7, 0, 8, 9', "007||8    |   009"),
        ('"%b %o %x %X %#x %#o", 5, 8, 255, 255, 255, 8', "101 10 ff FF 0xff 010"),
        ('"%d %x", 1e30, -255', "1000000000000000000000000000000 -ff"),
        ('"%f %.2f %9.3f|", 1.5, 1.005, 2', "1.500000 1.00     2.000|"),
        ('"%.0f %.0f %.0f %.0f", 0.5, 1.5, 2.5, 0', "0 2 2 0"),
        ('"%+.1e %E", 12345, 0', "+1.2e+04 0.000000E+00"),
        ('"%g %G %g %g", 100000, 1e21, 1e-5, 0.0001', "100000 1E+21 1e-05 0.0001"),
        ('"%.3g %.0g %.9g", 1234.5678, 15, 0.5', "1.23e+03 2e+01 0.5"),
        ('"%08.3f|%-8.1f|%8.1f", -3.14159, 2, 3', "-003.142|2.0     |     3.0"),
        ('"%f %+g %5v", 1/0, -1/0, 1/0', "+Inf -Inf  +Inf"),
        ('"%v %v %v", "s", 123456789, null', "s 1.23456789e+08 null"),
        ('"%v %#v %#v %v", {b=1}, "a", 1.5, -2', '{"b":1} "a" 1.5 -2'),
    ],
)
def test_format(run: Run, arguments: str, value: str) -> None:
    assert run(f"format({arguments}) == {_quoted(value)}") == "true"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%{", "%%{") + '"'


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ('"%d", 3.5', "a whole number is required"),
        ('"%d", "x"', "a number is required"),
        ('"%s", null', "null cannot be formatted"),
        ('"%s", [1]', "a string is required, but this is a tuple"),
        ('"%z", 1', 'there is no format "%z"'),
        ('"%s %d", "a"', 'argument 2 is missing: "%d" at offset 3'),
        ('"%s", "a", "b"', "too many arguments; only 1 used"),
        ('"x", "a"', "too many arguments; the format uses none"),
        ('"abc%"', 'invalid from "%" on'),
        ('"%[0]s", "a"', 'invalid from "%[0]s" on'),
        ('"%99999999d", 1', "a number in the format is too large"),
        ('"%9999999s%9999999s", 1, 1', "too long"),
    ],
)
def test_format_refusal(refuse: Refuse, arguments: str, reason: str) -> None:
    assert reason in refuse(f"format({arguments})").summary


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ('"%s-%s", "x", ["a", "b"]', '["x-a","x-b"]'),
        ('"%s", "a"', '["a"]'),
        ('"%s", []', "[]"),
        ('"hi"', '["hi"]'),
        ('"%v", setunion([2, 1])', '["1","2"]'),
    ],
)
def test_formatlist(run: Run, arguments: str, value: str) -> None:
    assert run(f"formatlist({arguments})") == value


def test_lists_of_different_lengths(refuse: Refuse) -> None:
    error = refuse('formatlist("%s%s", ["a"], ["b", "c"])')
    assert "same number of elements" in error.summary
    assert error.hint == "argument 1 has 1, argument 2 has 2"
