from __future__ import annotations

from dataclasses import replace

import pytest

from bakex.model.node import Speed, Terms
from bakex.model.platform import Platform
from bakex.plan.matching import speed
from bakex.testing.fakes import fake_node

NODE = fake_node(
    "n", native=("linux/amd64", "linux/amd64/v3", "linux/386"), emulated=("linux/arm/v7",)
)


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux/amd64", Speed.NATIVE),
        ("linux/amd64/v2", Speed.NATIVE),
        ("linux/amd64/v4", None),
        ("linux/386", Speed.NATIVE),
        ("linux/arm/v7", Speed.EMULATED),
        ("linux/arm/v6", Speed.EMULATED),
        ("linux/arm/v5", Speed.EMULATED),
        ("linux/arm/v8", None),
        ("linux/arm64", None),
        ("windows/amd64", None),
        ("linux/arm/weird", None),
    ],
)
def test_newer_hardware_runs_older_code_and_not_the_reverse(
    platform: str, expected: Speed | None
) -> None:
    assert speed(NODE, Platform.parse(platform)) is expected


def test_an_exact_match_wins_over_a_compatible_one() -> None:
    node = fake_node("n", native=("linux/arm/v8",), emulated=("linux/arm/v6",))
    assert speed(node, Platform.parse("linux/arm/v6")) is Speed.EMULATED


@pytest.mark.parametrize("arm", ["linux/arm/v7", "linux/arm/v6", "linux/arm/v8"])
def test_an_arm64_stands_for_arm(arm: str) -> None:
    # Workers of BuildKit 0.13 do not list arm where they list arm64.
    emulating = fake_node("n", native=("linux/amd64",), emulated=("linux/arm64",))
    assert speed(emulating, Platform.parse(arm)) is Speed.EMULATED
    board = fake_node("n", native=("linux/arm64",))
    assert speed(board, Platform.parse(arm)) is Speed.NATIVE
    assert speed(board, Platform.parse("linux/arm/weird")) is None


def test_a_node_that_is_used_for_some_platforms_only() -> None:
    only = (Platform.parse("linux/arm/v7"), Platform.parse("linux/amd64"))
    node = fake_node("n", native=("linux/arm64",))
    used = replace(node, endpoint=replace(node.endpoint, terms=Terms(only=only)))
    assert speed(used, Platform.parse("linux/arm/v7")) is Speed.NATIVE
    assert speed(used, Platform.parse("linux/arm/v6")) is None
    assert speed(used, Platform.parse("linux/arm64")) is None
    assert speed(used, Platform.parse("linux/amd64")) is None
