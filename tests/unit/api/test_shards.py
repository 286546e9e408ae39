"""A part of a bake: what it builds, and what it must not do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.api.shards import parse, platforms_of, shard
from bakex.errors import TagConflictError, UnsupportedOutputError, UsageError
from bakex.model.platform import Platform
from tests.unit.api.test_resume import LINKED, bake

if TYPE_CHECKING:
    from bakex.bake.resolve import Resolution
    from tests.unit.api.conftest import Shop

ARM64, AMD64 = Platform.parse("linux/arm64"), Platform.parse("linux/amd64")
TOOLS = """
target "tools" {
  platforms = ["linux/amd64"]
  tags = ["${HOST}/tools:1"]
  output = ["type=registry"]
}
target "made" {
  contexts = { tools = "target:tools" }
  platforms = ["linux/amd64", "linux/arm64"]
  tags = ["${HOST}/made:1"]
  output = ["type=registry"]
}
"""


def targets(resolution: Resolution) -> dict[str, tuple[str, ...]]:
    return {name: target.platforms for name, target in resolution.targets.items()}


def test_the_option() -> None:
    assert parse("platform=linux/arm64") == (ARM64,)
    assert parse("platform=linux/arm64,linux/amd64,linux/arm64") == (ARM64, AMD64)


@pytest.mark.parametrize(
    "text",
    [
        *("", "platform", "platform=", "platform=a/b/c/d/e", "target=x"),
        *("platform=linux/arm64,", "platform=local"),
    ],
)
def test_what_is_no_shard(text: str) -> None:
    with pytest.raises(UsageError, match="--shard"):
        parse(text)


def test_a_target_is_narrowed_and_so_is_what_it_links_to(shop: Shop) -> None:
    shop.text += LINKED
    whole = shop.define("user", "app")
    part = shard(whole, [ARM64])
    assert targets(part) == {
        "user": ("linux/arm64",),
        "app": ("linux/arm64",),
        "lib": ("linux/arm64",),
    }
    assert part.requested == ("user", "app")
    assert targets(whole)["user"] == ("linux/amd64", "linux/arm64")


def test_a_target_of_other_platforms_is_left_out_unless_something_is_built_on_it(
    shop: Shop,
) -> None:
    shop.text += TOOLS
    whole = shop.define("tools", "made", "db")
    part = shard(whole, [ARM64])
    assert part.requested == ("made", "db")
    assert targets(part)["tools"] == ("linux/amd64",)
    assert "tools" not in shard(shop.define("tools", "db"), [ARM64]).targets


def test_gates_come_along(shop: Shop) -> None:
    shop.text += """
target "app" {
  publish { requires = ["test"] }
}
target "test" {
  contexts = { app = "target:app" }
  output = ["type=cacheonly"]
}
"""
    part = shard(shop.define("app", "db"), [ARM64])
    assert set(part.targets) == {"app", "db", "test"}
    assert part.requested == ("app", "db")


def test_no_target_is_built_for_it(shop: Shop) -> None:
    with pytest.raises(UsageError, match="no target is built for linux/riscv64") as caught:
        shard(shop.define("app"), parse("platform=linux/riscv64"))
    assert caught.value.hint == "the platforms are linux/amd64, linux/arm64"


def test_a_target_that_names_no_platform(shop: Shop) -> None:
    shop.text += 'target "any" { tags = ["x"] }\ntarget "here" { platforms = ["local"] }\n'
    for name in ("any", "here"):
        with pytest.raises(UsageError, match=f"target '{name}' does not name its platforms"):
            platforms_of(shop.define("app", name))


@pytest.mark.parametrize("output", ["[]", '["type=local,dest=out"]', '["type=image"]'])
def test_what_is_not_pushed_is_refused(shop: Shop, output: str) -> None:
    shop.text += f"""
target "x" {{
  platforms = ["linux/arm64"]
  tags = ["${{HOST}}/x:1"]
  output = {output}
}}
"""
    with pytest.raises(UnsupportedOutputError, match="target 'x' cannot be built in shards") as e:
        shard(shop.define("app", "x"), [ARM64])
    assert e.value.hint == "add --push"


async def test_a_shard_pushes_and_moves_no_tag(shop: Shop) -> None:
    shop.engines = shop.engines[1:]  # no node builds for the other platform
    whole = shop.define("app", "db")
    part = shard(whole, [ARM64])
    report = await shop.bake(resolution=part, course={"parts": True})
    assert sorted(shop.solved) == ["app@linux/arm64", "db@linux/arm64"]
    assert shop.tags() == {}
    assert report["app"].publications == ()


async def test_a_tag_that_must_not_move_is_no_matter_of_a_shard(shop: Shop) -> None:
    await bake(shop, "app")
    before = shop.tags()
    shop.content("new")
    part = shard(shop.define("app"), [ARM64])
    await shop.bake(resolution=part, course={"parts": True}, immutable=("1",))
    assert shop.tags() == before
    with pytest.raises(TagConflictError):
        await shop.bake("app", immutable=("1",))
