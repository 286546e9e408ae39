"""What a bake builds and records, as a whole and as a shard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.resolve import Resolution
from bakex.cli.sharding import recording
from bakex.errors import UsageError
from bakex.model.outputs import Output
from bakex.model.platform import Platform
from bakex.model.publication import PublishPolicy
from bakex.model.target import Target

if TYPE_CHECKING:
    from bakex.cli.seam import Selecting

TARGET = Target(
    name="app",
    tags=("r.example/app:1",),
    platforms=("linux/amd64", "linux/arm64"),
    output=(Output(type="registry"),),
)
WHOLE = Resolution(targets={"app": TARGET}, requested=("app",), groups={})
GIVEN: Selecting = {
    "files": (), "variables": (), "env_files": (), "strict": False, "url": "",
    "context_url": "", "targets": ("app",), "overrides": (), "check": False,
}  # fmt: skip


def test_the_whole() -> None:
    built, kept = recording(WHOLE, GIVEN, PublishPolicy(), "", "r.json")
    assert built is WHOLE
    assert (kept.resolution, kept.shard, kept.result) == (WHOLE, (), "r.json")


def test_a_shard_is_a_part_of_what_is_on_record() -> None:
    built, kept = recording(WHOLE, GIVEN, PublishPolicy(), "platform=linux/arm64", "")
    assert built.targets["app"].platforms == ("linux/arm64",)
    assert kept.resolution is WHOLE
    assert kept.shard == (Platform.parse("linux/arm64"),)


def test_what_is_no_shard() -> None:
    with pytest.raises(UsageError, match="invalid --shard 'linux/arm64'"):
        recording(WHOLE, GIVEN, PublishPolicy(), "linux/arm64", "")
