from __future__ import annotations

import pytest

from bakex.bake.hcl.faults import Fault
from bakex.bake.hcl.strings import unescape, unescape_sequences


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        (r"\n\r\t\"\\", '\n\r\t"\\'),
        (r"\u00e9\U0001F600", "é😀"),
        ("$${a}%%{b}$$c", "${a}%{b}$$c"),
        ("$$${a}", "$${a}"),
    ],
)
def test_unescape(text: str, result: str) -> None:
    assert unescape(text, 0) == result


@pytest.mark.parametrize(
    ("text", "summary", "start"),
    [
        (r"ab\x41", r'unknown escape "\x" in a string', 12),
        (r"\$", r'unknown escape "\$" in a string', 10),
        (r"\u12", r"incomplete escape \u in a string", 10),
        (r"\U0001F60", r"incomplete escape \U in a string", 10),
        (r"\ud800", "U+D800 is not a character", 10),
        (r"\UFFFFFFFF", "U+FFFFFFFF is not a character", 10),
    ],
)
def test_escapes_that_do_not_exist(text: str, summary: str, start: int) -> None:
    with pytest.raises(Fault) as caught:
        unescape(text, 10)
    assert (caught.value.summary, caught.value.start) == (summary, start)


def test_heredocs_have_no_escapes_but_those_of_sequences() -> None:
    assert unescape_sequences(r"\n $${x} %%{y} $z") == r"\n ${x} %{y} $z"
    assert unescape_sequences("plain") == "plain"
