"""What refers to what in a layout, which has no list of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import ContentError
from bakex.oci.layout import OciLayout
from bakex.oci.referrers import LayoutReferrers
from bakex.testing.images import put_artifact, put_blob, put_image, put_index

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.model.descriptor import Descriptor


@pytest.fixture
def layout(tmp_path: Path) -> OciLayout:
    return OciLayout.create(tmp_path, durable=False)


async def found(layout: OciLayout, subject: Descriptor, kind: str = "") -> list[Descriptor]:
    return list(await LayoutReferrers(layout).referrers(subject.digest, kind))


async def test_entries_with_that_subject(layout: OciLayout) -> None:
    image, other = await put_image(layout), await put_image(layout, "linux/arm64")
    sbom = await put_artifact(layout, image, "a/sbom")
    second = await put_artifact(layout, image, "a/sbom", data=b"another")
    signature = await put_artifact(layout, sbom, "a/signature")
    await layout.enter([(image, "app"), (other, ""), (sbom, ""), (second, "named")])
    await layout.enter([(signature, "")])
    entries = await found(layout, image)
    assert [entry.digest for entry in entries] == [sbom.digest, second.digest]
    assert {entry.artifact_type for entry in entries} == {"a/sbom"}
    assert [entry.digest for entry in await found(layout, sbom)] == [signature.digest]
    assert await found(layout, other) == []
    assert await found(layout, image, "a/signature") == []
    assert len(await found(layout, image, "a/sbom")) == 2


async def test_what_an_index_lists_counts(layout: OciLayout) -> None:
    image = await put_image(layout)
    artifact = await put_artifact(layout, image, "a/b")
    index = await put_index(layout, [image, artifact])
    await layout.enter([(index, "app"), (artifact, "")])
    assert [entry.digest for entry in await found(layout, image)] == [artifact.digest]


async def test_what_is_not_there_or_no_document_is_passed_over(layout: OciLayout) -> None:
    image = await put_image(layout)
    artifact = await put_artifact(layout, image, "a/b")
    gone = await put_image(layout, "linux/arm64")
    blob = await put_blob(layout, b"{}", "text/plain")
    await layout.enter([(gone, ""), (blob, ""), (artifact, "")])
    layout.path(gone.digest).unlink()
    assert [entry.digest for entry in await found(layout, image)] == [artifact.digest]
    layout.path(artifact.digest).write_bytes(b"x" * artifact.size)
    with pytest.raises(ContentError):
        await found(layout, image)
