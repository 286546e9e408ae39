"""The example `hello`: four platforms, pushed and written, and accepted by other tools."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import LoopbackRegistry, Require
    from tests.e2e.conftest import Bakex, Layout

PLATFORMS = {
    "linux/amd64": "x86_64",
    "linux/arm64": "aarch64",
    "linux/arm/v7": "armv7l",
    "linux/riscv64": "riscv64",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Baked:
    """What one bake of the example made, and how it was told about."""

    image: str
    layout: Layout
    metadata: dict[str, Any]
    again: str


@pytest.fixture(scope="module")
def baked(
    bakex: Bakex,
    examples: Path,
    hello_base: str,
    registry: LoopbackRegistry,
    read_layout: type[Layout],
    tmp_path_factory: pytest.TempPathFactory,
) -> Baked:
    folder = tmp_path_factory.mktemp("hello")
    image = f"{registry.host}/hello"
    arguments = (
        *("bake", "--progress", "plain", "--metadata-file", folder / "metadata.json"),
        *("--allow", "fs.read=*", "--allow", f"fs.write={folder}"),
        *("--set", "hello.output=type=registry"),
        *("--set", f"hello.output+=type=oci,tar=false,dest={folder / 'layout'}"),
    )
    bakex(*arguments, cwd=examples / "hello", BASE=hello_base, IMAGE=image)
    metadata = json.loads((folder / "metadata.json").read_bytes())
    again = bakex(
        *("bake", "--progress", "plain", "--allow", "fs.read=*", "--push"),
        cwd=examples / "hello",
        BASE=hello_base,
        # Another name: each bake has a provenance, and so an index, of its own.
        IMAGE=f"{image}-again",
    )
    layout = read_layout(folder / "layout")
    return Baked(image=image, layout=layout, metadata=metadata, again=again.stderr)


def output(*argv: str | Path) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_platform_runs_its_own_program(baked: Baked, run_image: Callable[..., str]) -> None:
    images = baked.layout.images()
    found = [name.removesuffix("/v8") for name in images]
    assert found == list(PLATFORMS)
    for manifest, machine in zip(images.values(), PLATFORMS.values(), strict=True):
        printed = run_image(baked.layout, manifest, "/usr/bin/hello")
        assert printed == f"hello from {machine}; this image was built on {machine}\n"


def test_configurations_say_what_the_index_says(baked: Baked) -> None:
    for name, manifest in baked.layout.images().items():
        config = baked.layout.json(manifest["config"]["digest"])
        system, architecture, *_ = name.split("/")
        assert (config["os"], config["architecture"]) == (system, architecture)
        if architecture == "arm":
            assert config["variant"] == "v7"
        assert config["config"]["Cmd"] == ["/usr/bin/hello"]
        assert len(config["rootfs"]["diff_ids"]) == len(manifest["layers"])


def images_of(index: Any) -> list[Any]:
    """Return the entries of an index that are images: provenance differs between outputs."""
    return [entry for entry in index["manifests"] if entry["platform"]["os"] != "unknown"]


def test_the_metadata_names_what_was_made(baked: Baked, require: Require) -> None:
    described = baked.metadata["hello"]
    pushed = output(require("crane"), "digest", "--insecure", f"{baked.image}:latest").strip()
    assert described["containerimage.digest"] in {pushed, baked.layout.root["digest"]}
    assert baked.image in described["image.name"]


def test_skopeo(baked: Baked, require: Require) -> None:
    skopeo = require("skopeo")
    raw = output(skopeo, "inspect", "--raw", "--tls-verify=false", f"docker://{baked.image}:latest")
    index = json.loads(raw)
    written = baked.layout.json(baked.layout.root["digest"])
    assert images_of(index) == images_of(written)
    assert len(index["manifests"]) == len(written["manifests"]) == 2 * len(PLATFORMS)
    for entry in index["manifests"]:
        reference = f"docker://{baked.image}@{entry['digest']}"
        manifest = json.loads(output(skopeo, "inspect", "--raw", "--tls-verify=false", reference))
        if entry in images_of(index):
            assert manifest == baked.layout.json(entry["digest"])
    output(skopeo, "inspect", "--raw", f"oci:{baked.layout.folder}")


def test_crane(baked: Baked, require: Require) -> None:
    crane = require("crane")
    # Without --fast crane takes the layers of provenance manifests, which are JSON, for archives.
    output(crane, "validate", "--fast", "--insecure", "--remote", f"{baked.image}:latest")
    index = json.loads(output(crane, "manifest", "--insecure", f"{baked.image}:latest"))
    assert index["mediaType"] == "application/vnd.oci.image.index.v1+json"
    for entry in images_of(index):
        output(crane, "validate", "--insecure", "--remote", f"{baked.image}@{entry['digest']}")


def test_oras(baked: Baked, require: Require) -> None:
    oras = require("oras")
    fetched = output(oras, "manifest", "fetch", "--plain-http", f"{baked.image}:latest")
    written = baked.layout.json(baked.layout.root["digest"])
    assert images_of(json.loads(fetched)) == images_of(written)
    described = json.loads(
        output(
            *(oras, "manifest", "fetch", "--plain-http", "--descriptor"),
            *("--platform", "linux/arm/v7", f"{baked.image}:latest"),
        )
    )
    manifest = baked.layout.images()["linux/arm/v7"]
    assert baked.layout.json(described["digest"]) == manifest


def test_umoci(baked: Baked, require: Require, tmp_path: Path) -> None:
    assert "latest" in output(require("umoci"), "ls", "--layout", baked.layout.folder)
    # umoci does not choose from an index; skopeo makes a layout of one image out of it.
    single = tmp_path / "single"
    output(
        *(require("skopeo"), "--override-arch", "riscv64", "copy"),
        *(f"oci:{baked.layout.folder}:latest", f"oci:{single}:riscv64"),
    )
    stat = json.loads(output(require("umoci"), "stat", "--json", "--image", f"{single}:riscv64"))
    assert len(stat["history"]) >= 3


def test_a_second_bake_runs_nothing(baked: Baked) -> None:
    steps = [line for line in baked.again.splitlines() if "RUN" in line or "COPY" in line]
    assert steps
    assert baked.again.count("CACHED") >= 2 * len(PLATFORMS)
