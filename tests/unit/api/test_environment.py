from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex import api
from bakex.config import Settings, load
from bakex.errors import DefinitionError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

FILE = """\
variable "V" { default = "default" }
variable "W" { default = "default" }
target "default" { args = { V = V, W = W } }
"""


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    (tmp_path / "docker-bake.hcl").write_text(FILE)
    (tmp_path / "one.env").write_text("V=one\nW='$V'\n")
    (tmp_path / "two.env").write_text('W="two-${V}"\n')
    return tmp_path


def values(cwd: Path, *files: str, environ: dict[str, str] | None = None, var: str = "") -> str:
    resolution = api.define(
        settings(cwd, environ or {}), env_files=files, variables=[var] if var else []
    )
    args = resolution.targets["default"].args
    return f"{args['V']} {args['W']}"


def settings(cwd: Path, environ: dict[str, str]) -> Settings:
    return load({"HOME": str(cwd), **environ}, cwd=cwd)


def test_a_file_goes_before_defaults(cwd: Path) -> None:
    assert values(cwd) == "default default"
    assert values(cwd, "one.env") == "one $V"


def test_later_files_go_first_and_see_earlier_ones(cwd: Path) -> None:
    assert values(cwd, "one.env", "two.env") == "one two-one"


def test_the_environment_and_var_go_before_files(cwd: Path) -> None:
    assert values(cwd, "one.env", environ={"V": "environ"}) == "environ $V"
    assert values(cwd, "one.env", environ={"V": "environ"}, var="V=var") == "var $V"


def test_a_hidden_environment_does_not_hide_files(cwd: Path) -> None:
    environ = {"V": "environ", "BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP": "1"}
    assert values(cwd, "one.env", environ=environ) == "one $V"


def test_a_variable_that_nothing_sets_is_a_warning(cwd: Path) -> None:
    resolution = api.define(settings(cwd, {}), env_files=["two.env"])
    assert resolution.targets["default"].args["W"] == "two-"
    (warning,) = resolution.warnings
    assert warning.severity == "warning"
    assert warning.summary == "two.env: the variable 'V' is not set; it counts as empty"


def test_files_that_cannot_be_used(cwd: Path) -> None:
    (cwd / "bad.env").write_text("A B=1\n")
    with pytest.raises(UsageError, match=r"no such file: 'none\.env'"):
        values(cwd, "none.env")
    with pytest.raises(DefinitionError):
        values(cwd, "bad.env")


def test_it_is_no_part_of_the_reference(cwd: Path) -> None:
    with pytest.raises(UsageError, match="--env-file is no part of"):
        api.read(settings(cwd, {}), env_files=["one.env"], strict=True)
    api.read(settings(cwd, {}), strict=True)
