from __future__ import annotations

import pytest

from bakex.cli.options import spelled


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["bake", "--push=true"], ["bake", "--push"]),
        (["--no-cache=1", "--pull=T"], ["--no-cache", "--pull"]),
        (["--push=false", "--load=0"], ["--no-push", "--no-load"]),
        (["--no-cache=f", "--pull=False"], ["--cache", "--no-pull"]),
        (["--print=false", "--debug=false"], []),
        (["--push=maybe"], ["--push=maybe"]),
        (["--set=a.push=true", "--sbom=true"], ["--set=a.push=true", "--sbom=true"]),
        (["--push", "true"], ["--push", "true"]),
        (["--", "--push=true"], ["--", "--push=true"]),
        ([], []),
    ],
)
def test_flags_with_values_as_go_takes_them(given: list[str], expected: list[str]) -> None:
    assert spelled(given) == expected
