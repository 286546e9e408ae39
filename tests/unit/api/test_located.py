"""What was found, and what refers to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.api.located import Located
from bakex.config import load
from bakex.model.reference import Reference
from bakex.oci.layout import OciLayout
from bakex.registry.client import RegistryClient
from bakex.testing.clock import ManualClock
from bakex.testing.images import put_artifact, put_image
from bakex.testing.keychain import StaticKeychain

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.testing.registry import FakeRegistry


async def test_layouts_and_repositories_say_what_refers_to_an_image(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    layout = OciLayout.create(tmp_path / "layout")
    image = await put_image(layout)
    await layout.enter([(image, "1"), (await put_artifact(layout, image, "x/y"), "")])
    found = Located.in_layout(layout, image, "1")
    assert [entry.artifact_type for entry in await found.referring.referrers(image.digest)] == [
        "x/y"
    ]
    assert "store" not in repr(found)
    settings = load({"HOME": str(tmp_path)}, cwd=tmp_path)
    client = RegistryClient(keychain=StaticKeychain(), settings=settings, clock=ManualClock())
    store = client.repository(Reference.parse(f"{registry.host}/app"))
    image = await put_image(store)
    await put_artifact(store, image, "x/z")
    remote = Located(name="1", root=image, store=store, reader=store)
    assert [entry.artifact_type for entry in await remote.referring.referrers(image.digest)] == [
        "x/z"
    ]
    await client.aclose()
