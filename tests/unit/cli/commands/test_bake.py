from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from bakex.cli.main import entry
from bakex.errors import StepFailedError
from tests.unit.cli.conftest import ODD, FakeBackend, warning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bakex.events import Event


def test_print_is_all_that_standard_output_gets(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.warnings = (ODD,)
    assert entry(["bake", "--print", "app"], backend=backend) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["target"]["app"]["tags"] == ["r.example/app:1"]
    assert err == "warning[BX2000]: the file is odd\n"
    assert [name for name, _ in backend.calls] == ["define"]


def test_list(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["bake", "--list", "targets", "-f", "a.hcl", "--var", "A=1"]
    assert entry(argv, backend=backend) == 0
    assert capsys.readouterr().out.startswith("TARGET")
    assert backend.asked("read") == {"files": ["a.hcl"], "variables": ["A=1"]}


@pytest.mark.parametrize(
    ("argv", "out"),
    [
        (["--list-targets"], "TARGET\tDESCRIPTION\n"),
        (["--list-variables=true"], "VARIABLE\tTYPE\tVALUE\tDESCRIPTION\n"),
    ],
)
def test_old_ways_to_list(
    argv: list[str], out: str, backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry(["bake", *argv], backend=backend) == 0
    captured = capsys.readouterr()
    assert captured.out == out
    assert "is deprecated: use --list=" in captured.err


@pytest.mark.parametrize(
    ("argv", "out"),
    [
        (["--list", "variables"], "[]\n"),
        (["--list", "type=variables,format=table"], "VARIABLE\tTYPE\tVALUE\tDESCRIPTION\n"),
    ],
)
def test_lists_for_programs(
    argv: list[str], out: str, backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry(["bake", "--format=json", *argv], backend=backend) == 0
    assert capsys.readouterr() == (out, "")


def test_findings_for_programs(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    backend.warnings = (ODD, ODD)
    assert entry(["bake", "--print", "--format", "json"], backend=backend) == 0
    out, err = capsys.readouterr()
    assert "target" in json.loads(out)
    (warning,) = json.loads(err)["diagnostics"]
    assert warning["severity"] == "warning"
    backend.warnings = ()
    assert entry(["bake", "--print", "--format", "json"], backend=backend) == 0
    assert capsys.readouterr().err == ""


def test_failures_for_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docker-bake.hcl").write_text('target "app" {\n  tags = [\n}\n')
    assert entry(["bake", "--print", "--format=json"]) == 3
    first = json.loads(capsys.readouterr().err)["diagnostics"][0]
    assert first["code"] == "BX2001"
    assert first["span"]["file"] == "docker-bake.hcl"
    assert first["span"]["line"] == 3


def test_a_build_for_programs(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    async def failing(emit: Callable[[Event], None]) -> None:
        emit(warning("look out"))
        raise StepFailedError("make failed")

    backend.warnings, backend.body = (ODD,), failing
    assert entry(["bake", "--format=json"], backend=backend) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert [item["summary"] for item in json.loads(err)["diagnostics"]] == [
        "the file is odd",
        "look out",
        "make failed",
    ]


def test_a_mistake_in_allow_counts_for_print(backend: FakeBackend) -> None:
    assert entry(["bake", "--print", "--allow", "everything"], backend=backend) == 2
    assert entry(["bake", "--print", "--allow", "ssh"], backend=backend) == 0


def test_what_only_bakex_understands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = """\
target "default" {
  platforms = ["linux/arm64"]
  platform "linux/arm64" {
    target = "x"
  }
}
"""
    (tmp_path / "docker-bake.hcl").write_text(text)
    assert entry(["bake", "--print", "--strict=false"]) == 0
    capsys.readouterr()
    assert entry(["bake", "--print", "--strict"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "docker-bake.hcl:3:3" in err


@pytest.mark.parametrize(
    "argv",
    [
        ["--list", "targets", "--print"],
        ["--list-targets", "--print"],
        ["--list", "everything"],
        ["--list", "targets", "--check"],
        ["--format", "yaml"],
    ],
)
def test_what_makes_no_sense(argv: list[str], backend: FakeBackend) -> None:
    assert entry(["bake", *argv], backend=backend) == 2


def test_every_option_gets_where_it_belongs(backend: FakeBackend, tmp_path: Path) -> None:
    argv = [
        "bake",
        "-f",
        "one.hcl",
        "-f",
        "two.json",
        "--set",
        "app.args.A=1",
        "--set",
        "*.labels.x=y",
        "--var",
        "V=1",
        "--push",
        "--platform",
        "linux/amd64,linux/arm64",
        "-o",
        "type=oci,dest=x",
        "--no-cache",
        "--pull=false",
        "--policy",
        "strict=true",
        "--provenance",
        "mode=max",
        "--sbom",
        "true",
        "--builder",
        "box",
        "--progress",
        "quiet",
        "--metadata-file",
        "m.json",
        "--allow",
        "network.host",
        "--allow",
        "ssh",
        "app",
        "db",
    ]
    assert entry(argv, backend=backend) == 0
    assert backend.asked("define") == {
        "files": ["one.hcl", "two.json"],
        "targets": ["app", "db"],
        "overrides": [
            "app.args.A=1",
            "*.labels.x=y",
            "*.push=true",
            "*.no-cache=true",
            "*.pull=false",
            "*.attest=type=sbom",
            "*.attest=type=provenance,mode=max",
            "*.policy=strict=true",
            "*.platform=linux/amd64",
            "*.platform=linux/arm64",
            "*.output=type=oci,dest=x",
        ],
        "variables": ["V=1"],
    }
    assert backend.asked("connect") == "box"
    # What the command line names as an output may be written.
    assert backend.asked("bake")["allow"] == ("network.host", "ssh", "fs.write=x")
    assert (tmp_path / "m.json").exists()


def test_options_and_targets_in_any_order(backend: FakeBackend) -> None:
    argv = ["bake", "app", "--progress", "quiet", "db", "--load"]
    assert entry(argv, backend=backend) == 0
    assert backend.asked("define")["targets"] == ["app", "db"]


def test_a_bake_file_on_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    piped = io.TextIOWrapper(io.BytesIO(b'target "app" { tags = ["piped"] }\n'))
    monkeypatch.setattr(sys, "stdin", piped)
    assert entry(["bake", "-f", "-", "--print", "app"]) == 0
    assert json.loads(capsys.readouterr().out)["target"]["app"]["tags"] == ["piped"]


def test_a_syntax_error_shows_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docker-bake.hcl").write_text('target "app" {\n  tags = [\n}\n')
    assert entry(["bake", "--print"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith("error[BX2001]: ")
    assert lines[1].startswith("  --> docker-bake.hcl:3:1")
    assert "  3 | }" in lines
    assert "    | ^" in lines


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["bake", "--help"]) == 0
    out = capsys.readouterr().out
    assert "Examples:\n\n    bakex bake  " in out
    assert "  -o, --output type=TYPE,..." in out
