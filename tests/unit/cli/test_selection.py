from __future__ import annotations

from dataclasses import replace

import pytest

from bakex.cli.selection import Selection, select, warn
from bakex.errors import UsageError
from tests.unit.cli.conftest import ODD, FakeBackend

NOTHING = Selection(
    files=None, targets=None, set=None, variables=None, platform=None, output=None, push=None,
    load=None, no_cache=None, pull=None, provenance="", sbom="",
)  # fmt: skip


def asked(backend: FakeBackend, selection: Selection) -> dict[str, list[str]]:
    select(selection, backend, backend.settings())
    found: dict[str, list[str]] = backend.asked("define")
    return found


def test_nothing_asked_for(backend: FakeBackend) -> None:
    assert asked(backend, NOTHING) == {
        "files": [], "targets": [], "overrides": [], "variables": [],
    }  # fmt: skip


def test_everything_asked_for(backend: FakeBackend) -> None:
    selection = Selection(
        files=["a.hcl", "-"],
        targets=["app", "db"],
        set=["app.tags=x"],
        variables=["V=1"],
        platform=["linux/amd64,linux/arm64", "linux/riscv64,"],
        output=["type=oci,dest=x"],
        push=True,
        load=True,
        no_cache=True,
        pull=False,
        provenance="mode=max",
        sbom="true",
    )
    found = asked(backend, selection)
    assert found["files"] == ["a.hcl", "-"]
    assert found["targets"] == ["app", "db"]
    assert found["variables"] == ["V=1"]
    assert found["overrides"] == [
        "app.tags=x",
        "*.push=true",
        "*.load=true",
        "*.no-cache=true",
        "*.pull=false",
        "*.attest=type=sbom",
        "*.attest=type=provenance,mode=max",
        "*.platform=linux/amd64",
        "*.platform=linux/arm64",
        "*.platform=linux/riscv64",
        "*.output=type=oci,dest=x",
    ]


@pytest.mark.parametrize("wanted", [None, False])
def test_not_pushing_changes_nothing(backend: FakeBackend, wanted: bool | None) -> None:
    assert asked(backend, replace(NOTHING, push=wanted, load=wanted))["overrides"] == []


def test_what_define_refuses_gets_through(backend: FakeBackend) -> None:
    backend.refusal = UsageError("no")
    with pytest.raises(UsageError):
        select(NOTHING, backend, backend.settings())


def test_warnings_are_told(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    warn(select(NOTHING, backend, backend.settings()))
    assert capsys.readouterr().err == ""
    backend.warnings = (ODD, ODD)
    warn(select(NOTHING, backend, backend.settings()))
    assert capsys.readouterr().err == (
        "warning[BX2000]: the file is odd\n  This happened 2 times.\n"
    )
