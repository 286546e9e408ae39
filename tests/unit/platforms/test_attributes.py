from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.platforms.attributes import Attributes, arm, number
from bakex.testing.binaries import arm_attributes


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        (((6, 4), (8, 1), (9, 1)), Attributes(architecture=5, float="soft")),
        (((6, 7), (10, 2), (28, 1)), Attributes(architecture=6, float="hard")),
        (((6, 9),), Attributes(architecture=6, float="soft")),
        (((6, 8),), Attributes(architecture=7, float="soft")),  # Thumb-2
        (((5, "Cortex-A8"), (6, 10), (7, 65), (12, 1), (28, 1)),
         Attributes(architecture=7, float="hard", simd=True)),
        (((6, 14),), Attributes(architecture=8, float="soft")),
        (((6, 22),), Attributes(architecture=9, float="soft")),
        (((6, 13),), Attributes(architecture=0, float="soft")),  # a microcontroller
        (((6, 10), (28, 2)), Attributes(architecture=7)),
        # Tag_compatibility has a number and a text: here "C2.09", and no Tag_conformance.
        (((4, "x"), (32, 1), (67, "2.09"), (6, 6)), Attributes(architecture=6, float="soft")),
        (((64, 1), (65, "x"), (68, 3), (6, 6)), Attributes(architecture=6, float="soft")),
        ((), Attributes()),
    ],
)  # fmt: skip
def test_what_they_say(pairs: tuple[tuple[int, int | str], ...], expected: Attributes) -> None:
    assert arm(arm_attributes(*pairs)) == expected
    assert arm(arm_attributes(*pairs, big=True), big=True) == expected


def test_a_section_of_another_version_and_one_without_end() -> None:
    made = arm_attributes((6, 10))
    assert arm(b"B" + made[1:]) == Attributes()
    assert arm(arm_attributes(*[(6, 6)] * 1000, (6, 10))).architecture == 6


def test_other_vendors_and_parts_of_files_do_not_count() -> None:
    made = arm_attributes((6, 10))
    assert arm(made.replace(b"aeabi", b"other")) == Attributes()
    assert arm(made.replace(b"\0\x01", b"\0\x02")) == Attributes()
    vendor = b"\x0b\0\0\0other\0\0"
    assert arm(b"A" + vendor + made[1:]) == arm(made)


@given(st.binary(max_size=80), st.booleans())
def test_noise_is_no_crash(noise: bytes, big: bool) -> None:
    arm(b"A" + noise, big=big)
    made = arm_attributes((6, 10), (67, "2.09"), big=big)
    arm(made[:-3] + noise, big=big)


@given(st.integers(0, (1 << 63) - 1), st.binary(max_size=3))
def test_numbers(value: int, before: bytes) -> None:
    content = bytearray(before)
    rest = value
    while rest >= 0x80:
        content.append(rest & 0x7F | 0x80)
        rest >>= 7
    content.append(rest)
    assert number(bytes(content), len(before)) == (value, len(content))
    assert number(bytes(content[:-1]), len(before)) == (0, len(content))


def test_a_number_without_end() -> None:
    assert number(b"\x80" * 20, 0) == (0, 21)
