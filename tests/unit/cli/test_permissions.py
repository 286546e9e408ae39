from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from bakex.bake.resolve import Resolution
from bakex.cli.permissions import permitted
from bakex.config import load
from bakex.errors import ConfigError, EntitlementError, UsageError
from bakex.model.outputs import Output
from bakex.model.target import Target

if TYPE_CHECKING:
    from pathlib import Path

HOST = Target(name="app", network="host")
ELSEWHERE = Target(name="app", context="/elsewhere")
DELETING = Target(name="app", output=(Output(type="local", dest="out", attrs={"mode": "delete"}),))


class Terminal(io.StringIO):
    """A standard input at which somebody sits."""

    def isatty(self) -> bool:
        return True


def asked(
    cwd: Path,
    *targets: Target,
    allow: tuple[str, ...] = (),
    overrides: tuple[str, ...] = (),
    environ: dict[str, str] | None = None,
    rawjson: bool = False,
    ask: bool = True,
) -> tuple[str, ...]:
    resolution = Resolution(
        targets={target.name: target for target in targets}, requested=("app",), groups={}
    )
    return permitted(
        load(environ or {}, cwd=cwd),
        resolution,
        allow=allow,
        overrides=overrides,
        rawjson=rawjson,
        ask=ask,
    )


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))


def test_an_ordinary_build_needs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(tmp_path, Target(name="app")) == ()
    assert asked(tmp_path, HOST, allow=("network.host",)) == ("network.host",)
    assert capsys.readouterr() == ("", "")


def test_what_is_missing_is_refused_with_the_options_that_grant_it(tmp_path: Path) -> None:
    with pytest.raises(EntitlementError) as caught:
        asked(tmp_path, HOST, Target(name="db", context="/elsewhere"))
    assert "access host network" in caught.value.detail
    assert "Read access to path /elsewhere" in caught.value.detail
    assert caught.value.hint == "pass --allow=network.host --allow=fs.read=/elsewhere"


def test_a_mistake_in_the_options(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown privilege"):
        asked(tmp_path, Target(name="app"), allow=("everything",))


@pytest.mark.parametrize(("answer", "goes_on"), [("y\n", True), ("Y\n", True), ("YES\n", False)])
def test_a_person_is_asked(
    answer: str,
    goes_on: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    if goes_on:
        assert asked(tmp_path, HOST, allow=("ssh",)) == ("ssh", "network.host")
    else:
        with pytest.raises(EntitlementError):
            asked(tmp_path, HOST)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("warning[BX3004]: ")
    assert "--allow=network.host" in err
    assert err.endswith("Do you want to grant requested privileges and continue? [y/N] ")


@pytest.mark.parametrize("answer", ["", "n\n", "\n"])
def test_silence_is_no_leave(answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    with pytest.raises(EntitlementError):
        asked(tmp_path, HOST)


def test_programs_are_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    with pytest.raises(EntitlementError):
        asked(tmp_path, HOST, ask=False)


def test_paths_need_not_block(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    off = {"BUILDX_BAKE_ENTITLEMENTS_FS": "0"}
    assert asked(tmp_path, ELSEWHERE, environ=off) == ("fs.read=/elsewhere",)
    assert "--allow=fs.read=/elsewhere" in capsys.readouterr().err
    with pytest.raises(EntitlementError):
        asked(tmp_path, HOST, environ=off)
    with pytest.raises(ConfigError, match="BUILDX_BAKE_ENTITLEMENTS_FS"):
        asked(tmp_path, ELSEWHERE, environ={"BUILDX_BAKE_ENTITLEMENTS_FS": "maybe"})


def test_progress_for_programs_refuses_the_deletion_of_files_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(tmp_path, HOST, rawjson=True) == ("network.host",)
    assert capsys.readouterr().err == ""
    with pytest.raises(EntitlementError) as caught:
        asked(tmp_path, DELETING, Target(name="db", network="host"), rawjson=True)
    assert caught.value.hint == "pass --allow=buildx.local.delete"


def test_paths_on_the_command_line_are_granted(tmp_path: Path) -> None:
    target = Target(name="app", output=(Output(type="tar", dest="/elsewhere/x.tar"),))
    override = "app.output=type=tar,dest=/elsewhere/x.tar"
    found = asked(tmp_path, target, overrides=(override,))
    assert found == ("fs.write=/elsewhere/x.tar",)
    with pytest.raises(EntitlementError):
        asked(tmp_path, target)
