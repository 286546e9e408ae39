from __future__ import annotations

from typing import Any

import pytest

from bakex.cli.backend import Invocation
from bakex.cli.selection import Selection, begin, read, select, warn
from bakex.errors import UsageError
from tests.unit.cli.conftest import ODD, FakeBackend

NOTHING = Selection()


def asked(backend: FakeBackend, selection: Selection) -> dict[str, Any]:
    select(Invocation(backend), backend.settings(), selection)
    found: dict[str, Any] = backend.asked("define")
    return found


def test_nothing_asked_for(backend: FakeBackend) -> None:
    assert asked(backend, NOTHING) == {}


def test_everything_asked_for(backend: FakeBackend) -> None:
    selection = Selection(
        files=["a.hcl", "-"],
        targets=["app", "db"],
        sets=["app.tags=x"],
        variables=["V=1"],
        env_files=["a.env"],
        platform=["linux/amd64,linux/arm64", "linux/riscv64,"],
        output=["type=oci,dest=x"],
        push=True,
        load=True,
        no_cache=True,
        pull=False,
        provenance="mode=max",
        sbom="true",
        policy=["strict=true"],
        call="outline,format=json",
        strict=True,
    )
    assert asked(backend, selection) == {
        "files": ["a.hcl", "-"],
        "targets": ["app", "db"],
        "variables": ["V=1"],
        "env_files": ["a.env"],
        "strict": True,
        "overrides": [
            "app.tags=x",
            "*.push=true",
            "*.load=true",
            "*.call=outline",
            "*.no-cache=true",
            "*.pull=false",
            "*.attest=type=sbom",
            "*.attest=type=provenance,mode=max",
            "*.policy=strict=true",
            "*.platform=linux/amd64",
            "*.platform=linux/arm64",
            "*.platform=linux/riscv64",
            "*.output=type=oci,dest=x",
        ],
    }


@pytest.mark.parametrize("wanted", [None, False])
def test_not_pushing_changes_nothing(backend: FakeBackend, wanted: bool | None) -> None:
    assert asked(backend, NOTHING._replace(push=wanted, load=wanted)) == {}


@pytest.mark.parametrize("call", ["", "outline"])
def test_a_check_is_a_call(backend: FakeBackend, call: str) -> None:
    selection = NOTHING._replace(check=True, call=call)
    assert asked(backend, selection) == {"overrides": ["*.call=lint"]}


def test_what_define_refuses_gets_through(backend: FakeBackend) -> None:
    backend.refusal = UsageError("no")
    with pytest.raises(UsageError):
        select(Invocation(backend), backend.settings(), NOTHING)


def test_listings_select_nothing(backend: FakeBackend) -> None:
    selection = Selection(files=["a.hcl"], targets=["app"], variables=["V=1"], strict=True)
    read(Invocation(backend), backend.settings(), selection)
    assert backend.asked("read") == {"files": ["a.hcl"], "variables": ["V=1"], "strict": True}


def test_options_of_the_whole_command(backend: FakeBackend) -> None:
    run = Invocation(backend)
    assert begin(run, NOTHING) == backend.settings()
    assert (run.debug, run.as_json) == (False, False)
    begin(run, NOTHING._replace(debug=True, format="json"))
    assert (run.debug, run.as_json) == (True, True)
    with pytest.raises(UsageError, match="invalid format 'yaml'"):
        begin(run, NOTHING._replace(format="yaml"))


def test_warnings_are_told(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    run = Invocation(backend)
    warn(run, ())
    assert capsys.readouterr().err == ""
    warn(run, (ODD, ODD))
    assert capsys.readouterr().err == (
        "warning[BX2000]: the file is odd\n  This happened 2 times.\n"
    )
    run.as_json = True
    warn(run, (ODD,))
    assert capsys.readouterr().err == ""
    assert run.findings == [ODD]
