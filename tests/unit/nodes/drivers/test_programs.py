from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.config import load
from bakex.errors import EngineStartError
from bakex.nodes.drivers.programs import (
    Kind,
    find_programs,
    install_hint,
    is_old_debian,
    read_os_release,
    search_path,
)

if TYPE_CHECKING:
    from tests.unit.nodes.drivers.conftest import Installation

DEBIAN_12 = {"ID": "debian", "VERSION_ID": "12"}
DEBIAN_13 = {"ID": "debian", "VERSION_ID": "13"}
needs_no_real_daemon = pytest.mark.skipif(
    any(Path(p, "dockerd").exists() for p in ("/usr/bin", "/usr/sbin", "/usr/local/bin")),
    reason="a real dockerd is installed where daemons are always looked for",
)


def test_dockerd_in_the_prefix(installation: Installation) -> None:
    found = find_programs(installation.settings, release=DEBIAN_12)
    assert found.kind is Kind.DOCKERD
    assert found.daemon == installation.prefix / "usr" / "sbin" / "dockerd"
    assert found.path.startswith(f"{installation.prefix}/bin:")


def test_buildkitd_is_preferred_once_it_is_complete(installation: Installation) -> None:
    installation.add("buildkitd")
    assert find_programs(installation.settings, release={}).kind is Kind.BUILDKITD


def test_a_helper_may_come_from_path(installation: Installation, tmp_path: Path) -> None:
    (installation.prefix / "usr" / "bin" / "containerd").rename(tmp_path / "containerd")
    settings = load({"HOME": str(tmp_path), "PATH": str(tmp_path)}, cwd=tmp_path)
    settings = load(
        {
            "HOME": str(tmp_path),
            "PATH": str(tmp_path),
            "BAKEX_ENGINE_PREFIX": str(installation.prefix),
        },
        cwd=tmp_path,
    )
    assert find_programs(settings, release={}).kind is Kind.DOCKERD


@needs_no_real_daemon
def test_what_is_missing_is_said(installation: Installation) -> None:
    (installation.prefix / "usr" / "bin" / "containerd-shim-runc-v2").unlink()
    (installation.prefix / "usr" / "sbin" / "dockerd").unlink()
    with pytest.raises(EngineStartError) as caught:
        find_programs(installation.settings, release=DEBIAN_13)
    assert "For buildkitd there is no buildkitd." in caught.value.detail
    assert "For dockerd there is no dockerd, no containerd-shim-runc-v2." in caught.value.detail
    assert caught.value.hint == "apt-get install docker.io"
    with pytest.raises(EngineStartError) as caught:
        find_programs(installation.settings, release=DEBIAN_12)
    assert "20.10" in caught.value.detail
    assert "from Debian 13" in caught.value.hint


def test_places_are_looked_at_once_and_in_order(tmp_path: Path) -> None:
    settings = load({"HOME": str(tmp_path), "PATH": "/usr/bin::/mine:/usr/bin"}, cwd=tmp_path)
    places = search_path(settings).split(os.pathsep)
    assert places[:4] == [
        str(settings.engine_prefix / part) for part in ("bin", "sbin", "usr/bin", "usr/sbin")
    ]
    assert places[4:6] == ["/usr/bin", "/mine"]
    assert "/usr/sbin" in places
    assert len(places) == len(set(places))


def test_os_release(tmp_path: Path) -> None:
    file = tmp_path / "os-release"
    file.write_text("ID=debian\nVERSION_ID=\"12\"\n\nID_LIKE='x y'\n# ID=no\n")
    assert read_os_release(file)["VERSION_ID"] == "12"
    assert read_os_release(file)["ID_LIKE"] == "x y"
    assert read_os_release(tmp_path / "none") == {}


@pytest.mark.parametrize(
    ("release", "hint"),
    [
        (DEBIAN_13, "apt-get install docker.io"),
        ({"ID": "debian"}, "apt-get install docker.io"),
        ({"ID": "mint", "ID_LIKE": "ubuntu debian"}, "apt-get install docker.io"),
        (DEBIAN_12, "from Debian 13"),
        ({"ID": "fedora"}, "install docker (23 or later)"),
        ({}, "install docker (23 or later)"),
    ],
)
def test_advice_fits_the_system(release: dict[str, str], hint: str) -> None:
    assert hint in install_hint(release)


def test_old_debians() -> None:
    assert is_old_debian(DEBIAN_12)
    assert is_old_debian({"ID": "debian", "VERSION_ID": "11"})
    assert not is_old_debian(DEBIAN_13)
    assert not is_old_debian({"ID": "ubuntu", "VERSION_ID": "12"})
