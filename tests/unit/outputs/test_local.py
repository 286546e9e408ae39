"""Root file systems as directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import UnsupportedOutputError
from bakex.model.outputs import Output
from bakex.model.result import SaveTree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.outputs.conftest import Bench

BOTH = ("linux/arm64", "linux/arm/v7")


@pytest.mark.parametrize(
    ("platforms", "split", "expected"),
    [
        (BOTH, None, ["linux_arm64", "linux_arm_v7"]),
        (BOTH, "false", ["", ""]),
        (BOTH[:1], None, [""]),
        (BOTH[:1], "true", ["linux_arm64"]),
    ],
)
def test_each_of_several_platforms_has_its_directory(
    bench: Bench, out: Path, platforms: tuple[str, ...], split: str | None, expected: list[str]
) -> None:
    attrs = {"mode": "copy", "other": "1"} | ({"platform-split": split} if split else {})
    output = Output(type="local", dest=str(out), attrs=attrs)
    requests = bench.requests(bench.target(platforms=platforms), output)
    assert requests == [SaveTree(directory=out / name, attrs={"other": "1"}) for name in expected]


async def test_the_destination_is_reported(bench: Bench, out: Path) -> None:
    finished = await bench.finish(bench.target(platforms=BOTH), Output(type="local", dest=str(out)))
    [publication] = await finished.publish()
    assert (publication.kind, publication.place) == ("local", str(out))
    assert publication.root is finished.root is None
    assert finished.moves == ()
    assert (out / "linux_arm_v7" / "hello").read_text() == "linux/arm/v7"


@pytest.mark.parametrize(
    ("dest", "attrs", "message"),
    [
        ("", {}, "needs a directory"),
        ("-", {}, "needs a directory"),
        ("{out}/file", {}, "is a file"),
        ("{out}", {"mode": "delete"}, "mode=delete is not supported"),
        ("{out}", {"platform-split": "maybe"}, "platform-split=maybe is no boolean"),
    ],
)
def test_impossible_outputs_are_refused_before_the_build(
    bench: Bench, out: Path, dest: str, attrs: dict[str, str], message: str
) -> None:
    (out / "file").write_bytes(b"")
    output = Output(type="local", dest=dest.format(out=out), attrs=attrs)
    with pytest.raises(UnsupportedOutputError, match=message):
        bench.requests(bench.target(), output)
