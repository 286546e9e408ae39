from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.api.privileges import request
from bakex.bake.entitlements import Entitlement, Kind
from bakex.bake.resolve import Resolution
from bakex.config import load
from bakex.errors import ConfigError
from bakex.model.ssh import Ssh
from bakex.model.target import Target

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = Entitlement(Kind.NETWORK_HOST)


def resolution(**values: object) -> Resolution:
    target = Target(name="app", **values)  # type: ignore[arg-type]
    return Resolution(targets={"app": target}, requested=("app",), groups={})


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "work" / "inside").symlink_to("../elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to("../work")
    settings = load({}, cwd=tmp_path / "work")
    assert request(settings, resolution(context="inside")).lacking == (
        Entitlement(Kind.READ, "inside"),
    )
    assert request(settings, resolution(context="../elsewhere/back")).lacking == ()


@pytest.mark.parametrize(
    ("value", "blocks"), [("", True), ("1", True), ("true", True), ("0", False), ("FALSE", False)]
)
def test_the_setting_for_paths(value: str, blocks: bool, tmp_path: Path) -> None:
    settings = load({"BUILDX_BAKE_ENTITLEMENTS_FS": value}, cwd=tmp_path)
    asked = resolution(context="/elsewhere", ssh=(Ssh(),), network="host")
    found = request(settings, asked, allow=["ssh"] if blocks else [])
    assert NETWORK in found.blocking
    paths = Entitlement(Kind.READ, "/elsewhere")
    assert paths in found.lacking
    assert (paths in found.blocking) is blocks
    assert Entitlement(Kind.SSH) not in found.blocking


def test_a_setting_that_is_none(tmp_path: Path) -> None:
    settings = load({"BUILDX_BAKE_ENTITLEMENTS_FS": "perhaps"}, cwd=tmp_path)
    with pytest.raises(ConfigError, match="'perhaps'"):
        request(settings, resolution())
