"""`bakex image gc|promote` on Debian's docker-registry, seen by other tools, too."""

from __future__ import annotations

import json
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bakex.config import load
from bakex.model.reference import Reference
from bakex.registry.client import RegistryClient
from bakex.registry.credentials import DockerKeychain
from bakex.run.clock import SystemClock
from bakex.testing.images import put_artifact, put_platforms
from tests.loopback import free_port, running

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from bakex.model.descriptor import Descriptor
    from bakex.registry.repository import Repository
    from tests.conftest import LoopbackRegistry, Require
    from tests.e2e.conftest import Bakex

TWO = ("linux/amd64", "linux/arm64")
BASE = {"base": b"base" * 1000}


@pytest.fixture
def own(tmp_path: Path, require: Require) -> Iterator[str]:
    """Return the address of a registry that nobody else uses."""
    folder, port = tmp_path / "registry", free_port()
    folder.mkdir()
    with running(require("docker-registry"), folder, port):
        yield f"127.0.0.1:{port}"


@asynccontextmanager
async def repository(home: Path, name: str) -> AsyncGenerator[Repository, None]:
    settings = load({"HOME": str(home)})
    client = RegistryClient(
        keychain=DockerKeychain(settings), settings=settings, clock=SystemClock()
    )
    try:
        yield client.repository(Reference.parse(name))
    finally:
        await client.aclose()


async def signed(store: Repository, content: str, *tags: str) -> tuple[Descriptor, Descriptor]:
    """Push an attested image for two platforms, and something that refers to it, and to that."""
    root = await put_platforms(store, *TWO, layers=[BASE, {"a": content.encode()}])
    for tag in tags:
        await store.tag(root, tag)
    about = await put_artifact(store, root, "application/x.signature", data=content.encode())
    await put_artifact(store, about, "application/x.countersignature")
    return root, about


def run(*argv: object) -> str:
    done = subprocess.run(
        [str(part) for part in argv], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_no_live_manifest_goes(
    bakex: Bakex, own: str, tmp_path: Path, require: Require
) -> None:
    name = f"{own}/app"
    async with repository(tmp_path, name) as store:
        old, old_signature = await signed(store, "old", "pr-1")
        kept, signature = await signed(store, "kept", "1.0", "latest")
        loose, _ = await signed(store, "loose")
        lost, _ = await signed(store, "lost", "lost")
        await store.delete(lost, along={"lost"})
    given = tmp_path / "candidates"
    given.write_text(f"# found in a log\n{kept.digest}\n{name}@{loose.digest}\n")

    def collect(*more: str) -> Any:
        arguments: tuple[str | Path, ...] = (
            "--delete-tags",
            "pr-*",
            "--candidates",
            given,
            "--format",
            "json",
            *more,
        )
        return json.loads(bakex("image", "gc", name, *arguments, cwd=tmp_path).stdout)

    planned = collect()
    done = collect("--apply")
    assert (planned["applied"], done["applied"]) == (False, True)
    assert planned["remove"] == done["remove"]
    gone = {item["digest"] for item in done["remove"]}
    assert {str(d.digest) for d in (old, old_signature, loose)} <= gone
    assert not {str(kept.digest), str(signature.digest)} & gone
    async with repository(tmp_path, name) as store:
        for digest in gone:
            assert digest not in {str(d.digest) for d in await store.referrers(kept.digest)}
        tags = await store.tags()
        [found] = await store.referrers(kept.digest)
        assert found.digest == signature.digest
        [above] = await store.referrers(found.digest)
    # Two images with a tag, and the lists of what refers to the image and to its signature.
    assert len(tags) == 4
    assert {"1.0", "latest"} < set(tags)
    for tag in ("1.0", "latest"):
        bakex("image", "verify", "--contents", f"{name}:{tag}", cwd=tmp_path)
        for platform in TWO:
            run(require("crane"), "validate", "--platform", platform, "--remote", f"{name}:{tag}")
        target = f"oci:{tmp_path / 'copied'}:{tag}"
        policy = ("--insecure-policy", "copy", "--all", "--src-tls-verify=false")
        run(require("skopeo"), *policy, f"docker://{name}:{tag}", target)
    for digest in (found.digest, above.digest):
        raw = json.loads(run(require("crane"), "manifest", f"{name}@{digest}"))
        assert raw["subject"]["digest"] in {str(kept.digest), str(found.digest)}
    tree = run(require("oras"), "discover", "--plain-http", "--format", "json", f"{name}:1.0")
    assert str(signature.digest) in tree
    assert not collect("--apply")["remove"]


async def test_a_registry_that_does_not_delete(
    bakex: Bakex, tmp_path: Path, require: Require
) -> None:
    folder, port = tmp_path / "registry", free_port()
    folder.mkdir()
    name = f"127.0.0.1:{port}/app"
    with running(require("docker-registry"), folder, port, deletes=False):
        async with repository(tmp_path, name) as store:
            await signed(store, "old", "pr-1")
        arguments = ("image", "gc", name, "--delete-tags", "*", "--apply")
        failed = bakex(*arguments, cwd=tmp_path, code=5)
        assert "storage.delete.enabled" in failed.stderr
        bakex("image", "verify", f"{name}:pr-1", cwd=tmp_path)


async def test_a_signed_image_is_promoted_whole(
    bakex: Bakex, own: str, tmp_path: Path, require: Require, registry: LoopbackRegistry
) -> None:
    source, there = f"{own}/app", f"{registry.host}/promoted/app"
    async with repository(tmp_path, source) as store:
        root, signature = await signed(store, "first", "rc")
        await store.tag(root, cosign(root))
    names = (f"{there}:1.0.0", f"{there}:latest", f"{own}/live:1.0.0")
    bakex("image", "promote", f"{source}:rc", *names, "--from", str(root.digest), cwd=tmp_path)
    for name in names:
        assert run(require("crane"), "digest", name).strip() == str(root.digest)
        for platform in TWO:
            run(require("crane"), "validate", "--platform", platform, "--remote", name)
        tree = run(require("oras"), "discover", "--plain-http", "--format", "json", name)
        assert str(signature.digest) in tree
        about = run(require("crane"), "digest", f"{name.rpartition(':')[0]}:{cosign(root)}")
        assert about.strip() == str(root.digest)
    async with repository(tmp_path, source) as store:
        await signed(store, "second", "rc")
    arguments = ("image", "promote", f"{source}:rc", *names)
    stale = bakex(*arguments, "--from", str(root.digest), cwd=tmp_path, code=5)
    assert "is not what --from says" in stale.stderr
    fixed = bakex(*arguments, "--immutable-tags", "*.*.*", cwd=tmp_path, code=5)
    assert "is immutable" in fixed.stderr
    for name in names:
        assert run(require("crane"), "digest", name).strip() == str(root.digest)
    moved = bakex(*arguments, "--format", "json", cwd=tmp_path)
    assert {tag["state"] for tag in json.loads(moved.stdout)["tags"]} == {"published"}
    # What the tags stood for is not listed by any registry, but known here.
    planned = bakex("image", "gc", there, "--keep-untagged-for", "0s", cwd=tmp_path)
    assert f"index {str(root.digest)[:19]}" in planned.stdout
    bakex("image", "gc", there, "--keep-untagged-for", "0s", "--apply", cwd=tmp_path)
    for name in names:
        bakex("image", "verify", "--contents", name, cwd=tmp_path)
    assert "0 manifests can go" in bakex("image", "gc", there, cwd=tmp_path).stdout


def cosign(root: Descriptor) -> str:
    """Return the tag under which cosign keeps signatures."""
    return f"sha256-{root.digest.hex}.sig"
