from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.platforms.golang import level, settings
from bakex.testing.binaries import go_settings


def test_settings() -> None:
    made = go_settings(CGO_ENABLED="0", GOARCH="arm", GOARM="6,softfloat")
    expected = {"CGO_ENABLED": "0", "GOARCH": "arm", "GOARM": "6,softfloat"}
    assert settings(made) == expected
    assert settings(bytes(64) + made) == expected  # behind what another linker has put there
    assert settings(bytes(63) + made) == {}  # not where it may be


def test_programs_that_say_nothing() -> None:
    made = bytearray(go_settings(GOARM="6"))
    assert settings(b"") == {}
    assert settings(bytes(made[:20])) == {}
    made[15] = 0  # Go before 1.18: pointers instead of texts
    assert settings(bytes(made)) == {}


@given(st.binary(max_size=100), st.integers(0, 200))
def test_noise_is_no_crash(noise: bytes, at: int) -> None:
    made = go_settings(GOARM="6", GOOS="linux")
    settings(made[:at] + noise + made[at + len(noise) :])


@pytest.mark.parametrize(
    ("value", "expected"),
    [("6", 6), ("v3", 3), ("7,hardfloat", 7), ("", 0), ("x", 0), ("66", 0), ("v8.0", 0)],
)
def test_levels(value: str, expected: int) -> None:
    assert level({"K": value}, "K") == expected
    assert level({}, "K") == 0
