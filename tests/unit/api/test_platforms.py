from __future__ import annotations

from pathlib import Path

import pytest

import bakex
from bakex.api.platforms import catalogue, documents, parse, shipped
from bakex.config import load
from bakex.diagnostics import render
from bakex.errors import ConfigError, InternalError
from bakex.model.platform import Platform

OWN = """\
platform: linux/amd64
title: mine
"""
BOARD = """\
device: toaster
title: A toaster
cpu: something
systems:
  - platform: linux/arm/v6
    gcc: [-mcpu=arm1176jzf-s]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / ".config" / "bakex" / "platforms"
    (made / "devices").mkdir(parents=True)
    return made


def test_files_of_the_user_add_and_change(tmp_path: Path, folder: Path) -> None:
    (folder / "amd64.yaml").write_text(OWN)
    (folder / "readme.txt").write_text("not read")
    (folder / "devices" / "toaster.yml").write_text(BOARD)
    found = catalogue(load({"HOME": str(tmp_path)}))
    amd64 = found.profiles[Platform.parse("amd64")]
    assert (amd64.title, amd64.names.debian) == ("mine", "amd64")
    assert found.device("toaster").systems[0].gcc == ("-mcpu=arm1176jzf-s",)
    assert "raspberry-pi-4" in found.devices
    plain = catalogue(load({"HOME": "/nonexistent"}))
    assert plain.profiles[Platform.parse("amd64")].title != "mine"
    elsewhere = catalogue(load({"HOME": "/x", "XDG_CONFIG_HOME": str(tmp_path / ".config")}))
    assert elsewhere == found


def test_a_mistake_of_the_user_is_shown_where_it_is(tmp_path: Path, folder: Path) -> None:
    (folder / "a.yaml").write_text(OWN + "nmaes: {}\n")
    with pytest.raises(ConfigError) as caught:
        catalogue(load({"HOME": str(tmp_path)}))
    assert render(caught.value.diagnostics()[0]).splitlines() == [
        "error[BX1001]: nmaes: unknown key",
        f"  --> {folder}/a.yaml:3:1",
        "  2 | title: mine",
        "  3 | nmaes: {}",
        "    | ^^^^^",
        "  hint: did you mean 'names'?",
    ]


@pytest.mark.parametrize(
    ("data", "summary"),
    [
        (b"a: [", "this is no YAML"),
        (b"a: \xff", "not UTF-8"),
        (b"a: 1\na: 2\n", "the key 'a' is there twice"),
        (b"", "a.yaml holds 0 documents"),
        (b"a: 1\n---\nb: 2\n", "a.yaml holds 2 documents"),
        (b"x" * 20_000_000, "larger than"),
    ],
)
def test_what_is_no_document(data: bytes, summary: str) -> None:
    with pytest.raises(ConfigError, match=summary):
        parse("a.yaml", data)


def test_values_and_their_places() -> None:
    found = parse("a.yaml", b"a: {b: [1, x]}\nc: on\nd:\ne: 0x10\n")
    assert found.value == {"a": {"b": [1, "x"]}, "c": "on", "d": None, "e": 16}

    def places(*path: str | int) -> list[str]:
        return [str(span).removeprefix("a.yaml:") for span in found.place(path) or ()]

    assert places() == ["1:1", "1:1"]
    assert places("a") == ["1:1", "1:4"]
    assert places("a", "b") == ["1:5", "1:8"]
    assert places("a", "b", 1) == ["1:12", "1:12"]
    assert places("e") == ["4:1", "4:4"]
    assert places("a", "b", 2) == places("a", 0) == places("x") == places("c", "x") == []


def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    assert documents(tmp_path / "nothing") == []
    (tmp_path / "a.yaml").mkdir()
    with pytest.raises(ConfigError, match="cannot read") as caught:
        documents(tmp_path)
    assert str(tmp_path / "a.yaml") in caught.value.summary
    with pytest.raises(ConfigError, match="cannot read"):
        documents(Path(__file__))


def test_where_the_data_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As in a wheel, as in a source tree, and missing.
    package = tmp_path / "lib" / "bakex"
    beside, inside = tmp_path / "lib" / "platforms", package / "_data" / "platforms"
    monkeypatch.setattr(bakex, "__file__", str(package / "__init__.py"))
    with pytest.raises(InternalError, match="missing"):
        shipped()
    for folder in (beside, inside):
        folder.mkdir(parents=True)
        (folder / "schema.json").touch()
        assert shipped() == folder
