from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bakex import api
from bakex.config import Settings, load
from bakex.errors import DefinitionError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.bake.resolve import Resolution


def settings(cwd: Path, **environ: str) -> Settings:
    return load({"HOME": str(cwd), "PATH": os.environ["PATH"], **environ}, cwd=cwd)


def test_files_of_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "docker-bake.hcl").write_text(
        'variable "V" {}\ntarget "default" { args = { v = "${V}${timestamp()}" } }'
    )
    found = api.define(settings(tmp_path), variables=["V=1"], overrides=["*.tags=t"])
    target = found.targets["default"]
    assert target.args["v"].startswith("120")
    assert target.tags == ("t",)
    assert [variable.name for variable in api.read(settings(tmp_path)).variables] == ["V"]


def test_what_others_include(tmp_path: Path) -> None:
    (tmp_path / "a.hcl").write_text('include = ["lib/*.hcl"]\ntarget "default" { tags = [T] }')
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "x.hcl").write_text('T = "t"')
    assert api.define(settings(tmp_path), files=["a.hcl"]).targets["default"].tags == ("t",)
    with pytest.raises(DefinitionError, match="include"):
        api.define(settings(tmp_path), files=["a.hcl"], strict=True)


@pytest.mark.parametrize("item", ["V", "=1"])
def test_variables_that_are_none(tmp_path: Path, item: str) -> None:
    with pytest.raises(UsageError, match="invalid variable"):
        api.read(settings(tmp_path), variables=[item], stdin=bytes, files=["-"])


TARGETS = """
target "secret" { secret = ["id=nofile"] }
target "ssh" { ssh = ["default"] }
target "git" { context = "git@github.com:a/b.git" }
target "output" { output = ["type=tar,dest=dir"] }
target "fine" { secret = ["id=HOME"] }
"""


@pytest.mark.parametrize(
    ("name", "fault"),
    [("secret", "nofile"), ("ssh", "agent"), ("git", "agent"), ("output", "directory")],
)
def test_checks(tmp_path: Path, name: str, fault: str) -> None:
    (tmp_path / "dir").mkdir()

    def define(name: str, *, check: bool) -> Resolution:
        return api.define(
            settings(tmp_path),
            files=["-"],
            targets=[name],
            check=check,
            stdin=TARGETS.encode,
        )

    with pytest.raises(DefinitionError, match=fault) as caught:
        define(name, check=True)
    assert caught.value.summary.startswith(f"target {name!r}: ")
    with pytest.raises(DefinitionError, match=fault):
        api.check(settings(tmp_path), define(name, check=False))
    assert define("fine", check=True).requested == ("fine",)


def test_extensions_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "a.hcl").write_text('target "default" {}\ntarget "t" {}')
    overrides = ["default.publish.requires=t"]
    found = api.define(settings(tmp_path), files=["a.hcl"], overrides=overrides)
    assert list(found.targets) == ["default", "t"]
    with pytest.raises(UsageError, match=r"--set default\.publish\.requires is no part"):
        api.define(settings(tmp_path), files=["a.hcl"], overrides=overrides, strict=True)
    api.define(settings(tmp_path), files=["a.hcl"], strict=True)
