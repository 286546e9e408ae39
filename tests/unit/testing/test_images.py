"""Small images are sound ones."""

from __future__ import annotations

import pytest

from bakex.model.manifest import ImageManifest
from bakex.model.platform import Platform
from bakex.oci.memory import MemoryStore
from bakex.oci.validate import validate
from bakex.oci.verified import read_document
from bakex.testing.images import put_attested, put_image


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm/v6", "windows/amd64"])
@pytest.mark.parametrize("make", [put_image, put_attested])
@pytest.mark.parametrize("docker", [False, True])
async def test_they_pass_every_check(platform: str, make: object, docker: bool) -> None:
    store = MemoryStore()
    root = await make(store, platform, docker=docker)  # type: ignore[operator]
    wanted = [Platform.parse(platform)]
    assert list(await validate(store, root, platforms=wanted, contents=True)) == wanted


async def test_annotations_are_in_the_manifest() -> None:
    store = MemoryStore()
    image = await read_document(store, await put_image(store, annotations={"a": "b"}))
    assert isinstance(image, ImageManifest)
    assert image.annotations == {"a": "b"}
