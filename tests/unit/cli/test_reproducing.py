"""`bakex repro`, down to a builder that says what it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.cli.main import entry
from bakex.oci.layout import OciLayout
from bakex.testing.images import put_attested

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

    from bakex.bake.resolve import Resolution
    from bakex.events import Event
    from tests.unit.cli.conftest import FakeBackend


def building(backend: FakeBackend, *layers: Mapping[str, bytes]) -> list[Resolution]:
    """Have the builder write layouts with these layers, one build after the other."""
    left, built = list(layers), list[object]()

    async def body(emit: Callable[[Event], None]) -> None:
        resolution = backend.calls[-1][1]["resolution"]
        built.append(resolution)
        (output,) = resolution.targets["app"].output
        layout = OciLayout.create(Path(output.dest))
        await layout.tag(await put_attested(layout, layers=[left.pop(0)]), "latest")

    backend.body = body
    return built  # type: ignore[return-value]


def test_equal_builds(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    built = building(backend, {"x": b"1"}, {"x": b"1"})
    assert entry(["repro", "--progress", "plain", "app"], backend=backend) == 0
    out, err = capsys.readouterr()
    assert out.startswith("app: reproducible\n  linux/amd64: equal, sha256:")
    assert err.index("first build") < err.index("second build, without cache")
    assert [target.no_cache for found in built for target in found.targets.values()] == [None, True]
    assert [call for call in backend.calls if call[0] == "over"] == []
    places = {Path(found.targets["app"].output[0].dest) for found in built}
    assert not any(place.exists() for place in places)


def test_different_builds(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    building(backend, {"x": b"at 14:11:17"}, {"x": b"at 14:11:19"})
    assert entry(["repro", "--progress", "quiet", "app"], backend=backend) == 7
    out, err = capsys.readouterr()
    assert "app: not reproducible\n" in out
    assert "    layer 1 of 1: COPY hello /\n" in out
    assert "      ~ /x\n" in out
    assert "    a file has a time in it (/x):\n" in out
    assert err.startswith("error[BX4300]: app is not reproducible\n  The first difference")
    assert "first build" not in err


def test_a_report_for_programs_and_the_results(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    building(backend, {"x": b"1"}, {"x": b"2"})
    options = ["--format", "json", "--keep", "both", "--nodes", "here, there", "--max-files", "0"]
    assert entry(["repro", *options, "app"], backend=backend) == 7
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["schemaVersion"], document["reproducible"]) == (1, False)
    assert document["kept"] == "both"
    assert document["targets"][0]["first"]["file"]["path"] == "x"
    assert json.loads(err)["diagnostics"][0]["code"] == "BX4300"
    assert [call[1] for call in backend.calls if call[0] == "over"] == [("here",), ("there",)]
    for which in ("first", "second"):
        assert OciLayout.open(tmp_path / "both" / which / "app").index().entries
    allowed = backend.asked("bake")["allow"]
    assert any(item == f"fs.write={tmp_path / 'both'}" for item in allowed)


def test_a_directory_that_is_in_use(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    building(backend, {"x": b"1"}, {"x": b"1"})
    (tmp_path / "empty").mkdir()
    assert entry(["repro", "--keep", "empty", "app"], backend=backend) == 0
    for place in ("empty", "file"):
        (tmp_path / "file").touch()
        assert entry(["repro", "--keep", place, "app"], backend=backend) == 2
        assert "it is there already" in capsys.readouterr().err


def test_warnings_are_told_once(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.unit.cli.conftest import ODD  # noqa: PLC0415 - only here

    backend.warnings = (ODD,)
    building(backend, {"x": b"1"}, {"x": b"1"})
    assert entry(["repro", "--progress", "plain", "app"], backend=backend) == 0
    assert capsys.readouterr().err.count("the file is odd") == 1
