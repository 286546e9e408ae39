"""`bakex attach`, `bakex discover` and `bakex pull`, down to a layout and a registry."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from bakex.cli.main import entry
from bakex.oci.layout import OciLayout
from bakex.testing.images import put_artifact, put_image, put_platforms
from bakex.testing.registry import FakeRegistry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bakex.model.descriptor import Descriptor
    from tests.unit.cli.conftest import FakeBackend

    Run = Callable[..., tuple[str, str]]


@pytest.fixture
def layout(tmp_path: Path) -> OciLayout:
    made = OciLayout.create(tmp_path / "layout", durable=False)

    async def fill() -> None:
        await made.tag(await put_platforms(made, "linux/amd64", "linux/arm64"), "app")

    asyncio.run(fill())
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    return made


@pytest.fixture
def run(backend: FakeBackend, layout: OciLayout, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str, code: int = 0) -> tuple[str, str]:
        assert entry(arguments, backend=backend) == code
        found = capsys.readouterr()
        return found.out, found.err

    return call


def test_from_files_to_files(run: Run, layout: OciLayout, tmp_path: Path) -> None:
    place = f"oci:{layout.root}:app"
    words = ["a:text/plain", "b", "--artifact-type", "x/y", "-a", "k=v", "--annotation", "l=w"]
    name, _ = run("attach", place, *words)
    assert run("attach", place, *words) == (name, "")
    assert name.startswith(f"oci:{layout.root}:sha256:")
    root = layout.index().find("app")
    assert root is not None
    digest = name.strip().rpartition(":sha256:")[2]
    tree = f"oci:{layout.root}:{root.digest}\n└── x/y\n    └── sha256:{digest}\n"
    assert run("discover", place) == (tree, "")
    assert run("discover", place, "--artifact-type", "o/p")[0] == tree.splitlines()[0] + "\n"
    document: Any = json.loads(run("discover", place, "--format", "json")[0])
    (referrer,) = document["referrers"]
    assert (referrer["reference"], referrer["artifactType"]) == (name.strip(), "x/y")
    assert (referrer["annotations"], referrer["referrers"]) == ({"k": "v", "l": "w"}, [])
    out = tmp_path / "out"
    assert run("pull", name.strip(), "-o", str(out)) == (f"{out}/a\n{out}/b\n", "")
    (out / "a").write_text("mine")
    _, said = run("pull", place, "--artifact-type", "x/y", "-o", str(out), code=5)
    assert "has something else already: 'a'" in said
    run("pull", place, "--artifact-type", "x/y", "--output", str(out), "--overwrite")
    assert (out / "a").read_text() == "a"


def test_platforms(run: Run, layout: OciLayout, tmp_path: Path) -> None:
    place, arm = f"oci:{layout.root}:app", ["--platform", "linux/arm64"]
    run("attach", place, "a", "--artifact-type", "x/y", *arm)
    assert "x/y" not in run("discover", place)[0]
    assert "x/y" in run("discover", place, *arm)[0]
    run("pull", place, *arm, "--output", str(tmp_path / "out"))
    assert (tmp_path / "out" / "a").exists()


def test_what_a_tree_looks_like(run: Run, layout: OciLayout) -> None:
    async def fill() -> list[Descriptor]:
        image = await put_image(layout)
        one = await put_artifact(layout, image, "a/one")
        two = await put_artifact(layout, image, "a/two")
        third = await put_artifact(layout, image, "a/one", data=b"third")
        below = await put_artifact(layout, one, "a/below")
        last = await put_artifact(layout, two, "\x1b[31m")
        await layout.enter([(item, "") for item in (one, two, third, below, last)])
        return [image, one, third, two, below, last]

    image, one, third, two, below, last = (item.digest for item in asyncio.run(fill()))
    text, _ = run("discover", f"oci:{layout.root}:{image}")
    *lines, odd, end = text.splitlines()
    assert lines == [
        f"oci:{layout.root}:{image}",
        "├── a/one",
        f"│   ├── {one}",
        "│   │   └── a/below",
        f"│   │       └── {below}",
        f"│   └── {third}",
        "└── a/two",
        f"    └── {two}",
    ]
    assert "\x1b" not in odd  # nothing reaches the terminal as it is
    assert end.endswith(str(last))


def test_blobs_without_a_name_are_told_of(run: Run, layout: OciLayout, tmp_path: Path) -> None:
    async def fill() -> Descriptor:
        artifact = await put_artifact(layout, await put_image(layout), "a/b")
        await layout.tag(artifact, "artifact")
        return artifact

    asyncio.run(fill())
    out, said = run("pull", f"oci:{layout.root}:artifact", "-o", str(tmp_path / "out"))
    assert out == ""
    assert "(application/octet-stream) has no name and was left out" in said


def test_what_does_not_fit_together(run: Run, layout: OciLayout) -> None:
    place = f"oci:{layout.root}:app"
    assert "what is attached has no type" in run("attach", place, "a", code=2)[1]
    assert "unknown format 'yaml'" in run("discover", place, "--format", "yaml", code=2)[1]
    assert "is an index, not an artifact" in run("pull", place, code=5)[1]


def test_registries(run: Run, backend: FakeBackend, layout: OciLayout, tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        place = f"{registry.host}/app:1"
        run("image", "copy", f"oci:{layout.root}:app", place)
        name, _ = run("attach", place, "a", "--artifact-type", "x/y", "--insecure")
        assert backend.asked("artifacts") is True
        assert name.startswith(f"{registry.host}/app@sha256:")
        assert "x/y" in run("discover", place)[0]
        run("pull", name.strip(), "-o", str(tmp_path / "out"))
    assert (tmp_path / "out" / "a").read_text() == "a"
