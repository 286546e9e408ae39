"""A real registry behind a password, a token server or TLS: what we push, stock tools read."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import bcrypt
import pytest

from bakex.config import load
from bakex.errors import DeniedError, NameUnknownError, RegistryError, UnauthorizedError
from bakex.model.documents import encode
from bakex.model.media_types import OCI_EMPTY, OCI_MANIFEST
from bakex.model.platform import Platform
from bakex.model.reference import Reference
from bakex.oci.assemble import assemble
from bakex.oci.copy import copy, push_document, walk
from bakex.oci.memory import MemoryStore
from bakex.oci.parts import collect
from bakex.oci.validate import validate
from bakex.oci.verified import read
from bakex.registry.client import RegistryClient
from bakex.registry.credentials import DockerKeychain
from bakex.registry.hosts import Hosts
from bakex.run.clock import SystemClock
from bakex.testing.certificates import Authority
from bakex.testing.images import put_attested, put_blob
from bakex.testing.token_server import ISSUER, SERVICE, TokenServer
from tests.loopback import free_port, running

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from bakex.model.descriptor import Descriptor
    from tests.conftest import Require

PLATFORMS = tuple(map(Platform.parse, ("linux/amd64", "linux/arm64")))
USER, PASSWORD = "joe", "hunter2"
LAYERS = ({"large": os.urandom(300_000)}, {"small": b"x"})
POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'
ACCESS = ("open", "basic", "token", "tls", "client-tls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A running registry, and what a client needs to be let in."""

    host: str
    access: str
    certificates: Path
    tokens: TokenServer | None = None

    @property
    def scheme(self) -> str:
        return "https" if "tls" in self.access else "http"

    @property
    def needs_login(self) -> bool:
        return self.access in {"basic", "token"}

    def configure(self, home: Path) -> dict[str, str]:
        """Return the environment of a client whose user has logged in."""
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        auths = {self.host: {"auth": pair}} if self.needs_login else {}
        (home / ".docker").mkdir(parents=True, exist_ok=True)
        file = home / ".docker" / "config.json"
        file.write_text(json.dumps({"auths": auths}))
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "DOCKER_CONFIG": str(file.parent),
            "REGISTRY_AUTH_FILE": str(file),
            "TMPDIR": str(home),
            "XDG_RUNTIME_DIR": str(home),
        }


@contextmanager
def started(program: Path, folder: Path, access: str) -> Iterator[Guarded]:
    port = free_port()
    host = f"127.0.0.1:{port}"
    http, auth, tokens = "", "", None
    certificates = folder / "certs.d"
    (certificates / host).mkdir(parents=True)
    if access == "basic":
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        (folder / "htpasswd").write_text(f"{USER}:{hashed}\n")
        auth = f"auth: {{htpasswd: {{realm: test, path: {folder / 'htpasswd'}}}}}"
    elif access == "token":
        tokens = TokenServer(folder, users={USER: PASSWORD}, now=time.time)
        tokens.start()
        auth = (
            f"auth: {{token: {{realm: '{tokens.realm}', service: {SERVICE}, issuer: {ISSUER},"
            f" rootcertbundle: {tokens.certificate}}}}}"
        )
    elif "tls" in access:
        authority = Authority(folder)
        cert, key = authority.issue("server", "127.0.0.1")
        (certificates / host / "ca.crt").write_bytes(authority.certificate.read_bytes())
        http = f", tls: {{certificate: {cert}, key: {key}"
        if access == "client-tls":
            http += f", clientcas: [{authority.certificate}]"
            for file in authority.issue("client"):
                (certificates / host / file.name).write_bytes(file.read_bytes())
        http += "}"
    try:
        with running(program, folder, port, http=http, auth=auth):
            yield Guarded(host=host, access=access, certificates=certificates, tokens=tokens)
    finally:
        if tokens is not None:
            tokens.stop()


def ways(*names: str) -> pytest.MarkDecorator:
    """Return a mark for tests of these kinds of registries only."""
    return pytest.mark.parametrize("guarded", names, indirect=True)


@pytest.fixture(scope="module", params=ACCESS)
def guarded(
    request: pytest.FixtureRequest, require: Require, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp(request.param)
    with started(require("docker-registry"), folder, request.param) as found:
        yield found


@asynccontextmanager
async def client_for(
    registry: Guarded, home: Path, *, login: bool = True
) -> AsyncGenerator[RegistryClient, None]:
    environ = registry.configure(home)
    if not login:
        (home / ".docker" / "config.json").unlink()
    settings = load(environ, cwd=home)
    client = RegistryClient(
        keychain=DockerKeychain(settings),
        settings=settings,
        clock=SystemClock(),
        certificates=[registry.certificates],
        hosts=Hosts(settings, containers=(), buildkit=()),
    )
    try:
        yield client
    finally:
        await client.aclose()


async def whole() -> tuple[MemoryStore, Descriptor]:
    local = MemoryStore()
    parts = [
        await collect(local, await put_attested(local, str(p), layers=LAYERS), platform=p)
        for p in PLATFORMS
    ]
    return local, await push_document(local, assemble(parts).raw)


async def pushed(registry: Guarded, home: Path, name: str) -> Descriptor:
    local, root = await whole()
    reference = Reference.parse(f"{registry.host}/{name}")
    async with client_for(registry, home) as client:
        repository = client.repository(reference)
        await copy(local, repository, root)
        await validate(repository, root, platforms=PLATFORMS)
        await repository.tag(root, reference.tag)
    return root


async def test_push_pull_mount_and_delete(guarded: Guarded, tmp_path: Path) -> None:
    root = await pushed(guarded, tmp_path, "cycle/app:1")
    issued = len(guarded.tokens.issued) if guarded.tokens else 0
    local, _ = await whole()
    graph = await walk(local, root)
    async with client_for(guarded, tmp_path) as client:
        first = client.repository(Reference.parse(f"{guarded.host}/cycle/app"))
        target = MemoryStore()
        await copy(first, target, await first.resolve("1"))
        assert set(target.blobs) == {d.digest for d in graph.descriptors}
        second = client.repository(Reference.parse(f"{guarded.host}/cycle/mounted"))
        for blob in graph.blobs.values():
            assert await first.exists(blob)

            def never() -> AsyncGenerator[bytes, None]:
                raise AssertionError("uploaded instead of mounted")

            await second.push(blob, never)
            assert await read(second, blob, limit=1 << 20) == local.blobs[blob.digest]
        await copy(first, second, root)
        await second.tag_all(root, ["a", "b"])
        assert sorted(await second.tags()) == ["a", "b"]
        with pytest.raises(DeniedError, match="is still tagged b"):
            await second.delete(root, along=["a"])
        assert (await second.resolve("b")).digest == root.digest
        await second.delete(root, along=["a", "b"])
        with pytest.raises(NameUnknownError):
            await second.resolve("b")
        assert (await first.resolve("1")).digest == root.digest
    if guarded.tokens:
        assert "repository:cycle/app:pull,push" in guarded.tokens.issued[:issued]
        assert issued == 1  # one token for all of the first push


@ways("basic", "token")
async def test_who_may_not_is_told_so(guarded: Guarded, tmp_path: Path) -> None:
    async with client_for(guarded, tmp_path, login=False) as client:
        repository = client.repository(Reference.parse(f"{guarded.host}/none/app"))
        with pytest.raises(UnauthorizedError) as caught:
            await put_blob(repository, b"x", "text/plain")
        assert caught.value.hint == f"log in with: bakex login {guarded.host}"


@ways("tls", "client-tls")
async def test_an_unknown_authority_is_refused(guarded: Guarded, tmp_path: Path) -> None:
    settings = load(guarded.configure(tmp_path), cwd=tmp_path)
    client = RegistryClient(
        keychain=DockerKeychain(settings),
        settings=settings,
        clock=SystemClock(),
        certificates=[],
        hosts=Hosts(settings, containers=(), buildkit=()),
    )
    repository = client.repository(Reference.parse(f"{guarded.host}/none/app"))
    with pytest.raises(RegistryError, match="its certificate is not trusted"):
        await repository.resolve("1")
    await client.aclose()


@ways("open", "basic", "token", "tls")
async def test_referrers_are_listed_under_a_tag_and_oras_sees_them(
    guarded: Guarded, require: Require, tmp_path: Path
) -> None:
    root = await pushed(guarded, tmp_path, "attach/app:1")
    async with client_for(guarded, tmp_path) as client:
        repository = client.repository(Reference.parse(f"{guarded.host}/attach/app"))
        kinds = ["application/vnd.example.sbom", "application/vnd.example.signature"]
        attached: list[Descriptor] = []
        for kind in kinds:
            layer = await put_blob(repository, kind.encode(), "text/plain")
            empty = await put_blob(repository, b"{}", OCI_EMPTY)
            document = {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": kind,
                "config": empty.to_json(),
                "layers": [layer.to_json()],
                "subject": {
                    "mediaType": root.media_type, "digest": str(root.digest), "size": root.size
                },
                "annotations": {"of": kind},
            }  # fmt: skip
            attached.append(await push_document(repository, encode(document)))
        found = await repository.referrers(root.digest)
        assert [entry.digest for entry in found] == [entry.digest for entry in attached]
        (only,) = await repository.referrers(root.digest, kinds[1])
        assert (only.artifact_type, only.annotations) == (kinds[1], {"of": kinds[1]})
        shown = await oras(guarded, require, tmp_path, "discover", "-o", "json", "attach/app:1")
        assert {str(entry.digest) for entry in attached} <= set(_digests(json.loads(shown)))
        await repository.delete(attached[0])
        assert [e.digest for e in await repository.referrers(root.digest)] == [attached[1].digest]


def _digests(document: object) -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "digest":
                yield value
            yield from _digests(value)
    elif isinstance(document, list):
        for value in document:
            yield from _digests(value)


# ---- what others read


class Read(Protocol):
    async def __call__(
        self, registry: Guarded, require: Require, home: Path, name: str
    ) -> None: ...


def run(registry: Guarded, home: Path, *argv: object) -> str:
    authority = registry.certificates / registry.host / "ca.crt"
    trust = {"SSL_CERT_FILE": str(authority)} if registry.scheme == "https" else {}
    done = subprocess.run(
        [str(part) for part in argv],
        env={**registry.configure(home), **trust},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def oras(registry: Guarded, require: Require, home: Path, *argv: str) -> str:
    *words, name = argv
    flags: list[object] = ["--plain-http"]
    if registry.scheme == "https":
        flags = ["--ca-file", registry.certificates / registry.host / "ca.crt"]
    return run(registry, home, require("oras"), *words, *flags, f"{registry.host}/{name}")


async def skopeo_reads(registry: Guarded, require: Require, home: Path, name: str) -> None:
    (home / "policy.json").write_text(POLICY)
    run(
        registry, home, require("skopeo"), "--policy", home / "policy.json", "copy", "--all",
        *_flags(registry, "--src-"), f"docker://{registry.host}/{name}", f"oci:{home / 'copy'}:1",
    )  # fmt: skip


async def crane_reads(registry: Guarded, require: Require, home: Path, name: str) -> None:
    for platform in PLATFORMS:
        run(
            registry, home, require("crane"), "validate", "--platform", platform,
            "--remote", f"{registry.host}/{name}",
        )  # fmt: skip


async def oras_reads(registry: Guarded, require: Require, home: Path, name: str) -> None:
    text = await oras(registry, require, home, "manifest", "fetch", name)
    assert len(json.loads(text)["manifests"]) == 2 * len(PLATFORMS)


async def podman_reads(registry: Guarded, require: Require, home: Path, name: str) -> None:
    _pull(registry, home, require("podman"), name)


async def buildah_reads(registry: Guarded, require: Require, home: Path, name: str) -> None:
    _pull(registry, home, require("buildah"), name)


def _pull(registry: Guarded, home: Path, program: Path, name: str) -> None:
    (home / "policy.json").write_text(POLICY)
    # Podman takes no long path for its state.
    with tempfile.TemporaryDirectory(prefix="run") as state:
        store = ["--root", home / "store", "--runroot", state, "--storage-driver", "vfs"]
        pull = [*_flags(registry, "--"), "--signature-policy", home / "policy.json"]
        found = run(
            registry, home, program, *store, "pull", "--quiet", *pull, f"{registry.host}/{name}"
        )
        assert re.fullmatch(r"[0-9a-f]{64}", found.strip())  # the digest of the config


def _flags(registry: Guarded, prefix: str) -> list[str]:
    if registry.scheme == "https":
        return [f"{prefix}cert-dir={registry.certificates / registry.host}"]
    return [f"{prefix}tls-verify=false"]


READERS: dict[str, Read] = {
    "skopeo": skopeo_reads,
    "crane": crane_reads,
    "oras": oras_reads,
    "podman": podman_reads,
    "buildah": buildah_reads,
}


@pytest.mark.parametrize("reader", READERS)
@ways("open", "basic", "token", "tls")
async def test_stock_tools_read_what_we_push(
    guarded: Guarded, require: Require, tmp_path: Path, reader: str
) -> None:
    name = f"read/{reader}:1"
    await pushed(guarded, tmp_path, name)
    await READERS[reader](guarded, require, tmp_path, name)


@pytest.mark.parametrize("reader", ["skopeo", "podman", "buildah"])  # others take no certificate
@ways("client-tls")
async def test_stock_tools_with_a_certificate_read_what_we_push(
    guarded: Guarded, require: Require, tmp_path: Path, reader: str
) -> None:
    name = f"read/{reader}:1"
    await pushed(guarded, tmp_path, name)
    await READERS[reader](guarded, require, tmp_path, name)
