"""Artifacts: what we attach oras finds and fetches, and the other way round."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bakex.oci.layout import OciLayout
from bakex.testing.images import put_platforms
from bakex.testing.registry import FakeRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Require

KIND = "application/vnd.example.report"
FILES = ["sbom.json:application/spdx+json", "reports", "notes/big"]
CREATED = "org.opencontainers.image.created=2026-01-02T03:04:05Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A folder with files to attach, an image to attach them to, and both tools.

    Attributes:
        place: The image, as bakex names it.
        name: The image, as oras names it.
        flags: What oras needs to find it.
    """

    folder: Path
    oras_program: Path
    place: str
    name: str
    flags: tuple[str, ...]

    def bakex(self, *words: object) -> str:
        return self._run(Path(sys.executable).with_name("bakex"), *words)

    def oras(self, verb: str, *words: object) -> str:
        return self._run(self.oras_program, verb, *self.flags, *words)

    def _run(self, *words: object) -> str:
        done = subprocess.run(
            [str(word) for word in words],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def listed(self) -> dict[str, str]:
        """Return digests and types of what oras finds."""
        found = json.loads(self.oras("discover", "--format", "json", self.name))
        entries = found.get("referrers") or found["manifests"]
        return {entry["digest"]: entry["artifactType"] for entry in entries}

    def files(self, place: Path) -> dict[str, Any]:
        """Return names, links and contents below a directory."""
        found: dict[str, Any] = {}
        for path in sorted(place.rglob("*")):
            name = str(path.relative_to(place))
            if path.is_symlink():
                found[name] = str(path.readlink())
            elif path.is_file():
                found[name] = (path.read_bytes(), path.stat().st_mode & 0o100)
        return found


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as found:
        yield found


@pytest.fixture(params=["docker-registry", "referrers API", "layout"])
def desk(request: pytest.FixtureRequest, require: Require, tmp_path: Path) -> Desk:
    """Return a desk for a registry without the API, one that has it, and a layout."""
    folder = tmp_path / "desk"
    (folder / "reports" / "deep").mkdir(parents=True)
    (folder / "notes").mkdir()
    (folder / "sbom.json").write_text("{}\n")
    (folder / "reports" / "run").write_text("#!/bin/sh\n")
    (folder / "reports" / "run").chmod(0o755)
    (folder / "reports" / "deep" / "é").write_text("é")
    (folder / "reports" / "link").symlink_to("deep/é")
    (folder / "notes" / "big").write_bytes(os.urandom(2_000_000))
    layout = OciLayout.create(folder / "layout")

    async def fill() -> None:
        await layout.tag(await put_platforms(layout, "linux/amd64", "linux/arm64"), "app")

    asyncio.run(fill())
    oras = require("oras")
    local = "oci:layout:app"
    if request.param == "layout":
        flags, name, place = ("--oci-layout",), "layout:app", local
    else:
        fixture = "registry" if request.param == "docker-registry" else "fake"
        host = request.getfixturevalue(fixture).host
        flags, name = ("--plain-http",), f"{host}/{tmp_path.name.replace('_', '-')}/app:1"
        place = name
    found = Desk(folder=folder, oras_program=oras, place=place, name=name, flags=flags)
    if place != local:
        found.bakex("image", "copy", local, place)
    return found


def test_oras_finds_and_fetches_what_we_attach(desk: Desk) -> None:
    first = desk.bakex("attach", desk.place, *FILES, "--artifact-type", KIND)
    again = desk.bakex("attach", desk.place, *FILES, "--artifact-type", KIND)
    assert first == again
    digest = f"sha256:{first.strip().rpartition('sha256:')[2]}"
    assert desk.listed() == {digest: KIND}
    name = desk.name.rpartition(":")[0]
    desk.oras("pull", f"{name}@{digest}", "--output", "theirs")
    desk.bakex("pull", first.strip(), "--output", "ours")
    theirs = desk.files(desk.folder / "theirs")
    assert theirs == desk.files(desk.folder / "ours")
    assert set(theirs) == {"sbom.json", "notes/big"} | {
        f"reports/{name}" for name in ("run", "deep/é", "link")
    }
    assert theirs["reports/run"] == (b"#!/bin/sh\n", 0o100)


def test_we_find_and_fetch_what_oras_attaches(desk: Desk) -> None:
    desk.oras("attach", "--artifact-type", KIND, desk.name, *FILES)
    (digest,) = desk.listed()
    found = json.loads(desk.bakex("discover", desk.place, "--format", "json"))
    (referrer,) = found["referrers"]
    assert (referrer["digest"], referrer["artifactType"]) == (digest, KIND)
    assert digest in desk.bakex("discover", desk.place)
    desk.bakex("pull", desk.place, "--artifact-type", KIND, "--output", "ours")
    desk.oras("pull", f"{desk.name.rpartition(':')[0]}@{digest}", "--output", "theirs")
    assert desk.files(desk.folder / "ours") == desk.files(desk.folder / "theirs")


def test_both_attach_beside_each_other(desk: Desk) -> None:
    desk.bakex("attach", desk.place, "sbom.json", "--artifact-type", "a/ours")
    desk.oras("attach", "--artifact-type", "a/theirs", desk.name, "sbom.json")
    desk.bakex("attach", desk.place, "notes/big", "--artifact-type", "a/ours")
    assert sorted(desk.listed().values()) == ["a/ours", "a/ours", "a/theirs"]
    ours = json.loads(desk.bakex("discover", desk.place, "--format", "json"))["referrers"]
    assert {item["digest"]: item["artifactType"] for item in ours} == desk.listed()
    desk.bakex("image", "verify", desk.place)


# For a layout, oras puts the name of the image into the subject, and for a platform that platform.
@pytest.mark.parametrize("desk", ["docker-registry"], indirect=True)
@pytest.mark.parametrize(
    "words",
    [
        ["--annotation", CREATED, "--annotation", "z=<&>", "--annotation", "a=ü"],
        ["--annotation-file", "said.json"],
    ],
)
def test_the_manifest_is_the_one_that_oras_makes(desk: Desk, words: list[str]) -> None:
    key, _, moment = CREATED.partition("=")
    said = {"$manifest": {key: moment}, "sbom.json": {"k": "v"}}
    (desk.folder / "said.json").write_text(json.dumps(said))
    files = ["sbom.json:application/spdx+json", "notes/big"]
    ours = desk.bakex("attach", desk.place, *files, "--artifact-type", KIND, *words)
    theirs = desk.oras("attach", "--artifact-type", KIND, *words, desk.name, *files)
    assert theirs.strip().rpartition("sha256:")[2] == ours.strip().rpartition("sha256:")[2]


def test_chains_look_alike(desk: Desk) -> None:
    sbom = desk.bakex("attach", desk.place, "sbom.json", "--artifact-type", "a/sbom").strip()
    desk.bakex("attach", sbom, "notes/big", "--artifact-type", "a/signature")
    ours = desk.bakex("discover", desk.place).splitlines()
    theirs = desk.oras("discover", "--format", "tree", desk.name).splitlines()
    assert ours[1:] == theirs[1:]
