from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import DefinitionError
from bakex.model.ulimits import NAMES, Ulimit


@pytest.mark.parametrize(
    ("text", "ulimit"),
    [
        ("nofile=1024", Ulimit(name="nofile", soft=1024, hard=1024)),
        ("nofile=1:2", Ulimit(name="nofile", soft=1, hard=2)),
        ("cpu=-1", Ulimit(name="cpu", soft=-1, hard=-1)),
        ("cpu=5:-1", Ulimit(name="cpu", soft=5, hard=-1)),
    ],
)
def test_parse(text: str, ulimit: Ulimit) -> None:
    assert Ulimit.parse(text) == ulimit


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "nofile",
        "foo=1",
        "nofile=a",
        "nofile=2:1",
        "nofile=-1:5",
        "nofile=1:2:3",
        "cpu=" + "9" * 5000,
    ],
)
def test_what_is_no_ulimit(text: str) -> None:
    with pytest.raises(DefinitionError):
        Ulimit.parse(text)


@given(st.sampled_from(sorted(NAMES)), st.integers(0, 99), st.integers(100, 999))
def test_format_and_parse_are_inverse(name: str, soft: int, hard: int) -> None:
    ulimit = Ulimit(name=name, soft=soft, hard=hard)
    assert Ulimit.parse(ulimit.format()) == ulimit
