"""Base images for the examples, made from Debian packages: no registry is needed for them.

    base.py hello    busybox for linux/amd64, linux/arm64, linux/arm/v7 and linux/riscv64
    base.py cross    compilers for linux/arm64: one that runs here, one that runs there
    base.py go       Go, for this machine

The result is an OCI image layout, an index with one image per platform; its address is printed, to
be used as a named context. It is made once: remove the folder to have it made again.

The packages are unpacked and not installed: none of their scripts is run, so no emulator and no
root is needed, and what is in an image depends on the packages alone.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

from debian import DebianError, cache_folder, first_that_works, native_architecture

if TYPE_CHECKING:
    from pathlib import Path

# The first release with riscv64, and where to go if the mirror has trouble with it.
SUITES = ("trixie", "forky", "sid")
PLATFORMS = {
    "amd64": {"architecture": "amd64", "os": "linux"},
    "arm64": {"architecture": "arm64", "os": "linux", "variant": "v8"},
    "armhf": {"architecture": "arm", "os": "linux", "variant": "v7"},
    "riscv64": {"architecture": "riscv64", "os": "linux"},
}
# Debian's merged directories (https://wiki.debian.org/UsrMerge), which base-files would make.
MERGED = ("bin", "lib", "lib64", "sbin")
APPLETS = """
    [ awk basename cat chmod chown cp cut date dd df dirname du echo env expr false find grep gunzip
    gzip head hostname id install ln ls md5sum mkdir mktemp mv nproc od paste printf ps pwd readlink
    realpath rm rmdir sed seq sh sha256sum sleep sort stat strings sync tail tar tee test time
    timeout touch tr true uname uniq unzip wc wget which xargs yes
""".split()  # noqa: SIM905 - a list of seventy short words
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
GZIP_LEVEL = 3  # the larger bases are used from the local disk, so speed goes before size


class Add(Protocol):
    """Adds an entry to an archive, unless one of that name is in it."""

    def __call__(self, member: tarfile.TarInfo, content: IO[bytes] | None = None) -> None:
        """Add it."""


@dataclass(frozen=True)
class Base:
    """Which packages are in a base image, by Debian architecture."""

    packages: dict[str, list[str]]


def base_of(name: str) -> Base:
    """Return what goes into the base of an example."""
    if name == "hello":
        return Base({architecture: ["busybox-static"] for architecture in PLATFORMS})
    here = native_architecture()
    if name == "go":
        return Base({here: ["busybox-static", "golang-go"]})
    tools = ["busybox-static", "gcc", "libc6-dev"]
    if here == "arm64":
        return Base({"arm64": tools})
    cross = ["busybox-static", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"]
    return Base({here: cross, "arm64": tools})


def make(name: str) -> Path:
    """Make the base of an example, unless it is there already; return its layout's folder."""
    layout = cache_folder() / "examples" / f"base-{name}"
    if (layout / "index.json").exists():
        return layout
    scratch = layout.with_name(layout.name + ".new")
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "blobs" / "sha256").mkdir(parents=True)
    packages = base_of(name).packages
    with ThreadPoolExecutor() as pool:
        images = list(pool.map(lambda pair: _image(scratch, *pair), packages.items()))
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": images}
    root = _blob(scratch, INDEX, json.dumps(index, indent=2).encode())
    root["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (scratch / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}\n')
    (scratch / "index.json").write_text(
        json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [root]}, indent=2)
    )
    shutil.rmtree(layout, ignore_errors=True)
    scratch.replace(layout)
    return layout


def _image(layout: Path, architecture: str, names: list[str]) -> dict[str, object]:
    suite, files = first_that_works(SUITES, architecture, lambda found: found.fetch_all(names))
    raw = layout / f"{architecture}.tar"
    _root_filesystem(files, raw)
    with raw.open("rb") as source:
        diff_id = "sha256:" + hashlib.file_digest(source, "sha256").hexdigest()
    layer = _layer(layout, raw)
    platform = PLATFORMS[architecture]
    config = {
        **platform,
        "config": {"Env": ["PATH=/usr/sbin:/usr/bin"], "Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created_by": f"debian {suite} packages: {' '.join(names)}"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _blob(layout, CONFIG, json.dumps(config).encode()),
        "layers": [layer],
    }
    return {**_blob(layout, MANIFEST, json.dumps(manifest).encode()), "platform": platform}


def _root_filesystem(files: list[Path], target: Path) -> None:
    """Write one archive with the content of all packages, documentation left out."""
    seen: set[str] = set()
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:

        def add(member: tarfile.TarInfo, content: IO[bytes] | None = None) -> None:
            if member.name not in seen:
                seen.add(member.name)
                member.mtime = 0
                archive.addfile(member, content)

        for name in ("usr", *(f"usr/{part}" for part in MERGED), "etc", "tmp", "root"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            add(folder)
        for part in MERGED:
            add(_link(part, f"usr/{part}"))
        for file in sorted(files):
            _add_package(file, add)
        for applet in APPLETS:
            add(_link(f"usr/bin/{applet}", "busybox"))


def _add_package(file: Path, add: Add) -> None:
    unpacked = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", file], check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as source:
        for member in source:
            name = member.name.removeprefix("./").rstrip("/")
            if name in {"", ".", *MERGED} or name.startswith(("usr/share/doc", "usr/share/man")):
                continue
            if name.partition("/")[0] in MERGED:
                name = f"usr/{name}"
            member.name = name
            if member.islnk():
                member.linkname = member.linkname.removeprefix("./")
            add(member, source.extractfile(member) if member.isfile() else None)


def _link(name: str, target: str) -> tarfile.TarInfo:
    link = tarfile.TarInfo(name)
    link.type, link.linkname, link.mode = tarfile.SYMTYPE, target, 0o777
    return link


def _layer(layout: Path, raw: Path) -> dict[str, object]:
    packed = raw.with_suffix(".gz")
    with (
        raw.open("rb") as source,
        packed.open("wb") as plain,
        gzip.GzipFile("", "wb", GZIP_LEVEL, plain, mtime=0) as target,
    ):
        shutil.copyfileobj(source, target, 1 << 20)
    raw.unlink()
    with packed.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    size = packed.stat().st_size
    packed.replace(layout / "blobs" / "sha256" / digest)
    return {"mediaType": LAYER, "digest": f"sha256:{digest}", "size": size}


def _blob(layout: Path, media_type: str, content: bytes) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    (layout / "blobs" / "sha256" / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Make a base image for an example.")
    parser.add_argument("example", choices=("hello", "cross", "go"))
    layout = make(parser.parse_args().example)
    digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    print(f"oci-layout://{layout}@{digest}")


if __name__ == "__main__":
    try:
        main()
    except DebianError as problem:
        sys.exit(f"error: {problem}")
