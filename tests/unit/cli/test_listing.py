from __future__ import annotations

import pytest

from bakex.cli.backend import Invocation
from bakex.cli.listing import show, wanted
from bakex.cli.selection import Selection
from bakex.errors import UsageError
from tests.unit.cli.conftest import ODD, FakeBackend


@pytest.mark.parametrize(
    ("option", "targets", "variables", "kind", "noted"),
    [
        ("targets", False, False, "targets", False),
        ("", True, False, "targets", True),
        ("", False, True, "variables", True),
    ],
)
def test_what_is_listed(
    option: str,
    targets: bool,
    variables: bool,
    kind: str,
    noted: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert wanted(option, targets=targets, variables=variables) == kind
    assert ("deprecated" in capsys.readouterr().err) is noted


def test_the_listing_and_its_warnings(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.warnings = (ODD,)
    show(Invocation(backend), backend.settings(), Selection(), "targets")
    assert capsys.readouterr() == (
        "TARGET\tDESCRIPTION\n",
        "warning[BX2000]: the file is odd\n",
    )


def test_a_listing_for_programs(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    run = Invocation(backend)
    run.as_json = True
    show(run, backend.settings(), Selection(), "targets")
    assert capsys.readouterr().out == "null\n"
    show(run, backend.settings(), Selection(), "type=targets,format=table")
    assert capsys.readouterr().out == "TARGET\tDESCRIPTION\n"


@pytest.mark.parametrize("selection", [Selection(check=True), Selection(call="outline")])
def test_a_listing_calls_nothing(selection: Selection, backend: FakeBackend) -> None:
    with pytest.raises(UsageError, match="calls no method"):
        show(Invocation(backend), backend.settings(), selection, "targets")
