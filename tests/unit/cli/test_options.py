from __future__ import annotations

import pytest

from bakex.cli.options import spelled, wants_json


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["bake", "--push=true"], ["bake", "--push"]),
        (["--no-cache=1", "--pull=T"], ["--no-cache", "--pull"]),
        (["--push=false", "--load=0"], ["--no-push", "--no-load"]),
        (["--no-cache=f", "--pull=False"], ["--cache", "--no-pull"]),
        (["--print=false", "--debug=false"], []),
        (["--print", "app", "--print=false", "--check=T"], ["app", "--check"]),
        (["--push=maybe"], ["--push=maybe"]),
        (["--set=a.push=true", "--sbom=true"], ["--set=a.push=true", "--sbom=true"]),
        (["--push", "true"], ["--push", "true"]),
        (["--", "--push=true"], ["--", "--push=true"]),
        ([], []),
    ],
)
def test_flags_with_values_as_go_takes_them(given: list[str], expected: list[str]) -> None:
    assert spelled(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["bake", "--format", "json"], True),
        (["bake", "--format=json", "x"], True),
        (["bake", "--format=json", "--format", "text"], False),
        (["bake", "--format"], False),
        (["bake", "--", "--format=json"], False),
        ([], False),
    ],
)
def test_whether_findings_are_for_programs(given: list[str], expected: bool) -> None:
    assert wants_json(given) is expected
