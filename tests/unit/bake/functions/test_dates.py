from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.functions.conftest import Refuse, Run

AT = '"2024-03-05T17:08:09+05:30"'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("timestamp()", '"2024-03-05T07:08:09Z"'),
        (f'formatdate("YYYY YY M MM MMM MMMM D DD EEE EEEE", {AT})',
         '"2024 24 3 03 Mar March 5 05 Tue Tuesday"'),
        (f'formatdate("h hh H HH AA aa m mm s ss", {AT})', '"17 17 5 05 PM pm 8 08 9 09"'),
        (f'formatdate("Z ZZZ ZZZZ ZZZZZ", {AT})', '"+05:30 +0530 +0530 +05:30"'),
        ('formatdate("Z ZZZ ZZZZ H aa AA", "2024-01-01T00:00:00Z")', '"Z UTC +0000 12 am AM"'),
        (f"formatdate(\"'it''s' D, é\", {AT})", '"it\'s 5, é"'),
        (f"formatdate(\"'at' h''m\", {AT})", '"at 17\'8"'),
        ('formatdate("", "2024-01-01T00:00:00Z")', '""'),
        ('formattimestamp("YYYY", 0)', '"1970"'),
        ('formattimestamp("X", "2024-03-05T07:08:09Z")', '"1709622489"'),
        ('formattimestamp("X", -1)', '"-1"'),
        ('timeadd("2024-01-01T00:00:00.6+01:00", "1h500ms")', '"2024-01-01T01:00:01+01:00"'),
        ('timeadd("2024-01-01T00:00:00Z", "-1ns")', '"2023-12-31T23:59:59Z"'),
        ("unixtimestampparse(1735603200)",
         ('{"day":31,"hour":0,"iso_week":1,"iso_year":2025,"minute":0,"month":12,'
         '"month_name":"December","rfc3339":"2024-12-31T00:00:00Z","second":0,"weekday":2,'
         '"weekday_name":"Tuesday","year":2024,"year_day":366}')),
        ("unixtimestampparse(-1).rfc3339", '"1969-12-31T23:59:59Z"'),
    ],
)  # fmt: skip
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'formatdate("YYY", {AT})', 'no meaning for "YYY"'),
        (f'formatdate("Q", {AT})', 'no meaning for "Q"'),
        (f'formatdate("\'x", {AT})', "a quote that is not closed"),
        ('formatdate("D", "x")', "is not a time of RFC 3339"),
        ('formattimestamp("D", 1.5)', "whole number of seconds"),
        ('formattimestamp("D", 1e30)', "whole number of seconds"),
        ('formattimestamp("D", true)', "but this is a bool"),
        ('timeadd("x", "1h")', "is not a time of RFC 3339"),
        ('timeadd("2024-01-01T00:00:00Z", "1d")', "is not a duration"),
    ],
)
def test_refusal(refuse: Refuse, text: str, reason: str) -> None:
    assert reason in refuse(text).summary


def test_known_letters_are_suggested(refuse: Refuse) -> None:
    assert refuse(f'formatdate("YYY", {AT})').hint == "there are YYYY, YY"
    assert "single quotes" in refuse(f'formatdate("Q", {AT})').hint
