"""Images in places, verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.api.images import Images
from bakex.api.platforms import catalogue
from bakex.api.verification import Choice, layer_facts, verify
from bakex.config import load
from bakex.errors import UsageError
from bakex.model.platform import Platform
from bakex.model.verification import Mode, Wishes
from bakex.oci.layout import OciLayout
from bakex.testing.binaries import Elf
from bakex.testing.images import put_attested, put_platforms

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = {"bin/app": Elf(machine=40, bits=32, flags=0x05000400).build()}


async def test_which_images_are_verified(tmp_path: Path) -> None:
    layout = OciLayout.create(tmp_path / "layout")
    root = await put_platforms(layout, "linux/arm/v6", "linux/arm64", layers=[PROGRAM])
    await layout.enter([(root, "1")])
    settings = load({"HOME": str(tmp_path)}, cwd=tmp_path)
    known = catalogue(settings)
    place = f"oci:{layout.root}:1"

    async with Images.open(settings) as images:

        async def told(choice: Choice) -> dict[str, int]:
            facts = layer_facts(settings)
            ((image, found),) = await verify(images, place, choice, catalogue=known, facts=facts)
            assert image.root.digest == root.digest
            return {result.platform: len(result.findings) for result in found}

        assert await told(Choice()) == {"linux/arm/v6": 0, "linux/arm64": 1}
        only = Wishes(mode=Mode.ENTRYPOINT)
        assert await told(Choice(wishes=only)) == {"linux/arm/v6": 0, "linux/arm64": 0}
        arm64 = Platform.parse("linux/arm64")
        assert await told(Choice(platforms=(arm64,))) == {"linux/arm64": 1}
        zero = known.device("raspberry-pi-zero")
        assert await told(Choice(device=zero)) == {"linux/arm/v6": 0}
        with pytest.raises(UsageError, match="has no image for linux/386") as caught:
            await told(Choice(platforms=(Platform.parse("linux/386"),)))
        assert caught.value.hint == "it has linux/arm/v6, linux/arm64"
        board = next(d for d in known.devices.values() if "riscv" in str(d.platform))
        with pytest.raises(UsageError, match="has no image that runs on"):
            await told(Choice(device=board))


async def test_a_manifest_that_nothing_lists(tmp_path: Path) -> None:
    layout = OciLayout.create(tmp_path / "layout")
    await layout.enter([(await put_attested(layout, layers=[PROGRAM]), "1")])
    settings = load({"HOME": str(tmp_path)}, cwd=tmp_path)
    async with Images.open(settings) as images:
        ((_, found),) = await verify(
            images,
            f"oci-archive:{layout.root}",
            Choice(),
            catalogue=catalogue(settings),
            facts=layer_facts(settings),
        )
    assert [(v.platform, len(v.errors)) for v in found] == [("linux/amd64", 1)]
