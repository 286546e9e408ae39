"""Images in places, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.api.comparison import diff
from bakex.api.images import Images
from bakex.config import load
from bakex.errors import UsageError
from bakex.oci.archive import write_archive
from bakex.oci.layout import OciLayout
from bakex.testing.images import put_attested, put_platforms

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.testing.registry import FakeRegistry


async def test_places_of_all_kinds(tmp_path: Path, registry: FakeRegistry) -> None:
    layout = OciLayout.create(tmp_path / "layout")
    one = await put_platforms(layout, "linux/amd64", "linux/arm64")
    other = await put_attested(layout, layers=[{"hello": b"other\n"}])
    await layout.enter([(one, "1"), (other, "2")])
    await write_archive(layout, [(other, "2")], tmp_path / "a.tar")
    async with Images.open(load({"HOME": str(tmp_path)}, cwd=tmp_path)) as images:
        name = f"{registry.host}/app:1"
        await images.copy(f"oci:{layout.root}:1", name)
        found = await diff(images, name, f"oci:{layout.root}:1", files=9)
        assert found.is_equal
        assert (found.a[0], found.b[0]) == (name, f"oci:{layout.root}:1")
        found = await diff(images, name, str(tmp_path / "a.tar"), files=9, attestations=True)
        assert [(image.name, image.status) for image in found.images][:2] == [
            ("linux/amd64", "changed"),
            ("linux/arm64", "removed"),
        ]
        assert [file.path for file in found.images[0].layers[0].files] == ["hello"]
        with pytest.raises(UsageError, match="has several images"):
            await diff(images, name, str(layout.root), files=9)
