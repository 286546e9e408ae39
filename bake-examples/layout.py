"""Reads an OCI image layout with nothing but Python: which images it has, and their files."""

from __future__ import annotations

import json
import shutil
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# BuildKit marks provenance manifests in an index with this annotation.
ABOUT = "vnd.docker.reference.digest"


def platform_text(platform: dict[str, str]) -> str:
    """Return a platform in the usual notation."""
    parts = [platform["os"], platform["architecture"], platform.get("variant", "")]
    return "/".join(part for part in parts if part)


def blob_path(layout: Path, digest: str) -> Path:
    """Return where a blob of a layout is."""
    return layout / "blobs" / Path(*digest.split(":"))


def images(layout: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the platform and the manifest of each image in a layout, in order."""
    entries = json.loads((layout / "index.json").read_bytes())["manifests"]
    while entries:
        entry, *entries = entries
        document = json.loads(blob_path(layout, entry["digest"]).read_bytes())
        if "manifests" in document:
            entries = [*document["manifests"], *entries]
        elif ABOUT not in entry.get("annotations", {}):
            config = json.loads(blob_path(layout, document["config"]["digest"]).read_bytes())
            yield platform_text(config), document


def extract(layout: Path, manifest: dict[str, Any], root: Path) -> None:
    """Unpack the layers of an image: files, directories and symbolic links."""
    for layer in manifest["layers"]:
        with tarfile.open(blob_path(layout, layer["digest"])) as archive:
            for member in archive:
                place = root / member.name
                # The folder as it is on disk: a layer must not write through its own links.
                if not place.parent.resolve().is_relative_to(root.resolve()):
                    sys.exit(f"error: {member.name} would be outside of the image")
                _unpack(archive, member, place)


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    if member.isdir():
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    if member.issym():
        place.symlink_to(member.linkname)
    elif (content := archive.extractfile(member)) is not None:
        with place.open("wb") as target:
            shutil.copyfileobj(content, target)
        place.chmod(member.mode & 0o755)
