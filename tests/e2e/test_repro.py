"""Builds twice on real daemons, and images of stock tools compared with what these tools see."""

from __future__ import annotations

import asyncio
import json
import subprocess
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from bakex.config import load
from bakex.nodes.drivers.private import PrivateEngine
from bakex.run.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import LoopbackRegistry, Require, TestEngine
    from tests.e2e.conftest import Bakex

EPOCH = "1700000000"
REWRITE = "type=registry,rewrite-timestamp=true"


@pytest.fixture
def project(tmp_path: Path, hello_base: str) -> Path:
    """Return a folder with targets that are reproducible, and others that are not."""
    both = ["linux/amd64", "linux/arm64"]
    base = {"contexts": {"base": hello_base}, "tags": ["127.0.0.1:1/never:1"]}
    fixed = {**base, "output": [REWRITE], "args": {"SOURCE_DATE_EPOCH": EPOCH}}
    targets = {
        "good": {**fixed, "platforms": both, "dockerfile-inline": "FROM base\nRUN echo a > /a\n"},
        "user": {
            **fixed,
            "contexts": {"base": "target:good"},
            "platforms": both,
            "dockerfile-inline": "FROM base\nCOPY docker-bake.json /etc/\n",
        },
        "date": {
            **fixed,
            "platforms": both,
            "dockerfile-inline": "FROM base\nRUN echo a > /a\nRUN sleep 1.1 && date +%s > /x\n",
            "cache-to": ["type=local,dest=cache"],
        },
        "times": {
            **base,
            "dockerfile-inline": "FROM base\nRUN echo a > /a && sleep 1.1\n",
        },
    }
    (tmp_path / "docker-bake.json").write_text(json.dumps({"target": targets}))
    return tmp_path


def test_what_is_reproducible(bakex: Bakex, project: Path, allow: list[str]) -> None:
    """Also if it builds on another target; what it says about pushing counts for nothing."""
    done = bakex("repro", *allow, "good", "user", cwd=project)
    lines = done.stdout.splitlines()
    assert [line for line in lines if "reproducible" in line] == [
        "good: reproducible",
        "user: reproducible",
    ]
    assert sum(" equal, sha256:" in line for line in lines) == 4


def test_the_first_layer_and_file_that_differ(
    bakex: Bakex, project: Path, allow: list[str]
) -> None:
    done = bakex("repro", *allow, "--format", "json", "--keep", "both", "date", cwd=project, code=7)
    (target,) = json.loads(done.stdout)["targets"]
    first = target["first"]
    assert (first["platform"], first["layer"]) == ("linux/amd64", 3)
    assert "date +%s > /x" in first["createdBy"]
    file = first["file"]
    assert (file["path"], file["differs"]) == ("x", ["content"])
    contents: list[str] = []
    for which in ("first", "second"):
        layout = f"oci:both/{which}/date"
        bakex("image", "verify", layout, cwd=project)
        inspected = json.loads(bakex("image", "inspect", layout, cwd=project).stdout)
        image = next(i for i in inspected["images"] if i["platform"] == "linux/amd64")
        blob = project / "both" / which / "date" / "blobs" / "sha256"
        layer = blob / image["layers"][2]["digest"].removeprefix("sha256:")
        content = subprocess.run(
            ["tar", "-xzOf", layer, "x"], check=True, capture_output=True
        ).stdout
        digest = subprocess.run(["sha256sum"], input=content, check=True, capture_output=True)
        contents.append(f"sha256:{digest.stdout.decode().split()[0]}")
    assert [file["a"]["content"], file["b"]["content"]] == contents
    assert [suspect["kind"] for suspect in target["suspects"]] == ["embedded-time"]
    assert {image["name"] for image in target["comparison"]["images"]} == {
        "linux/amd64",
        "linux/arm64",
    }
    (finding,) = json.loads(done.stderr)["diagnostics"]
    assert finding["code"] == "BX4300"
    assert not (project / "cache").exists()
    shown = bakex("image", "diff", "both/first/date", "both/second/date", cwd=project, code=7)
    assert shown.stdout.count("    ~ /x\n") == 2
    assert "2 of 2 platforms differ" in shown.stdout


def test_times_are_the_usual_suspects(bakex: Bakex, project: Path, allow: list[str]) -> None:
    done = bakex("repro", *allow, "times", cwd=project, code=7)
    assert "add rewrite-timestamp=true to the target's output" in done.stdout
    assert "The first difference for linux/amd64 is /a in layer" in done.stderr
    set_ = ("--set", f"times.output={REWRITE}")
    bakex("repro", *allow, *set_, "times", cwd=project, SOURCE_DATE_EPOCH=EPOCH)


@pytest.fixture
def second(engine: TestEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the addresses of two daemons."""
    home = tmp_path_factory.mktemp("second")
    private = PrivateEngine(load({**engine.environment, "HOME": str(home)}), SystemClock())
    endpoints = [engine.endpoint, asyncio.run(private.start())]
    yield ",".join(found.address.replace("unix", "docker", 1) for found in endpoints)
    asyncio.run(private.prune())


def test_two_nodes(bakex: Bakex, project: Path, allow: list[str], second: str) -> None:
    options = ("--builder", second, "--set", "*.network=host", "--allow", "network.host")
    done = bakex("repro", *allow, *options, "--format", "json", "good", cwd=project)
    (target,) = json.loads(done.stdout)["targets"]
    assert target["reproducible"] is True
    for nodes in target["nodes"].values():
        assert nodes["a"] != nodes["b"]
    node = target["nodes"]["linux/amd64"]["b"]
    done = bakex("repro", *allow, *options, "--nodes", node, "good", cwd=project)
    assert f"linux/amd64 was built on {node} twice" in done.stdout


def test_a_node_that_is_not_there(bakex: Bakex, project: Path, allow: list[str]) -> None:
    done = bakex("repro", *allow, "--nodes", "mars", "good", cwd=project, code=2)
    assert "there is no node 'mars'" in done.stderr


@pytest.fixture
def umoci(require: Require, tmp_path: Path) -> Callable[..., None]:
    """Return a function that runs umoci on the layout ``stock``."""

    def run(*arguments: str) -> None:
        subprocess.run(
            [require("umoci"), *arguments], cwd=tmp_path, check=True, capture_output=True
        )

    return run


def test_images_of_stock_tools(
    bakex: Bakex,
    tmp_path: Path,
    require: Require,
    umoci: Callable[..., None],
    registry: LoopbackRegistry,
) -> None:
    """What umoci changes is what is found, whatever skopeo makes of the compression."""
    umoci("init", "--layout", "stock")
    umoci("new", "--image", "stock:base")
    for name, content in (("a", "1"), ("b", "2")):
        (tmp_path / name).write_text(content)
        umoci("insert", "--image", "stock:base", name, f"/etc/{name}")
    umoci("tag", "--image", "stock:base", "other")
    (tmp_path / "a").write_text("3")
    (tmp_path / "a").chmod(0o600)
    umoci("insert", "--image", "stock:other", "a", "/etc/a")
    umoci("config", "--image", "stock:other", "--config.env", "A=1", "--config.user", "me")
    done = bakex("image", "diff", "oci:stock:base", "oci:stock:other", cwd=tmp_path, code=7)
    for line in (
        "    config.Env.A: (nothing) -> 1\n",
        "    config.User: (nothing) -> me\n",
        "    history[2].created_by: (nothing) -> umoci insert\n",
        "  layer 3 of 3: umoci insert\n    only in b: ",
    ):
        assert line in done.stdout
    for kind in ("zstd", "gzip"):
        subprocess.run(
            [
                *(require("skopeo"), "copy", "--dest-compress-format", kind),
                *("oci:stock:base", f"oci:{kind}:base"),
            ],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    done = bakex("image", "diff", "zstd", "gzip", cwd=tmp_path, code=7)
    assert done.stdout.count("    only the compression differs (zstd, gzip)") == 2
    pushed = f"{registry.host}/stock:base"
    bakex("image", "copy", "oci:stock:base", pushed, cwd=tmp_path)
    bakex("image", "diff", pushed, "oci:stock:base", cwd=tmp_path)
    assert (
        bakex("image", "diff", pushed, "zstd", cwd=tmp_path, code=7).stdout.count("(gzip, zstd)")
        == 2
    )
    (tmp_path / "b").write_text("4")
    umoci("new", "--image", "stock:third")
    for name in ("a", "b"):
        umoci("insert", "--image", "stock:third", name, f"/etc/{name}")
    done = bakex("image", "diff", "oci:zstd:base", "oci:stock:third", cwd=tmp_path, code=7)
    assert "    ~ /etc/a\n        mode: 0644 -> 0600\n" in done.stdout
    contents = [
        f"{side}: sha256:{sha256(text).hexdigest()}"
        for side, text in zip("ab", (b"2", b"4"), strict=True)
    ]
    found = done.stdout.partition("    ~ /etc/b\n")[2]
    assert all(line in found for line in contents)
