from __future__ import annotations

from bakex.bake.hcl.suggestion import did_you_mean


def test_near_names_are_suggested() -> None:
    assert did_you_mean("VERSON", ["TAG", "VERSION"]) == 'did you mean "VERSION"?'
    assert did_you_mean("VERSION", ["TAG"]) == ""


def test_short_names_must_be_nearer() -> None:
    assert did_you_mean("foo", ["bool", "fox"]) == 'did you mean "fox"?'
    assert did_you_mean("foo", ["bool"]) == ""


def test_long_names_are_not_compared() -> None:
    assert did_you_mean("x" * 100_000, ["x" * 100_001]) == ""
