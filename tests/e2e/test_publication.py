"""Two targets, two platforms, two real daemons, a real registry: all tags move, or none."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from bakex.config import load
from bakex.model.node import Wire
from bakex.nodes.drivers.private import PrivateEngine
from bakex.run.clock import SystemClock
from bakex.testing.registry import FakeRegistry, Fault
from tests.loopback import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bakex.model.node import Endpoint
    from tests.conftest import Require, TestEngine
    from tests.e2e.conftest import Bakex

BAKE = """
variable "HOST" {}
group "default" { targets = ["app", "db"] }
target "each" {
  name = name
  matrix = { name = ["app", "db"] }
  dockerfile = "Dockerfile.${name}"
  platforms = ["linux/amd64", "linux/arm64"]
  tags = ["${HOST}/${name}:1.0.0", "${HOST}/${name}:latest"]
  output = ["type=registry"]
}
"""
DOCKERFILE = "FROM scratch\nARG TARGETARCH\nCOPY file-$TARGETARCH /file\n"


@dataclass(frozen=True, slots=True)
class LoggedRegistry:
    """Debian's docker-registry, and the requests that it got."""

    host: str
    log: Path

    def requests(self, pattern: str, after: int = 0) -> list[str]:
        found = re.findall(r'"([A-Z]+ /v2/[^ ]*) HTTP/1\.1"', self.log.read_text()[after:])
        return [line for line in found if re.search(pattern, line)]

    def sent(self, after: int) -> list[str]:
        """Return what has written anything: uploads that were opened only to see, are none."""
        opened = self.requests("POST .*/blobs/uploads/", after)
        given_up = self.requests("DELETE .*/blobs/uploads/", after)
        assert len(opened) == len(given_up) + len(self.requests("PUT .*/blobs/", after))
        return self.requests(r"(PUT|PATCH) /v2/", after)

    @property
    def position(self) -> int:
        return len(self.log.read_text())

    def digest(self, repository: str, tag: str) -> str:
        request = urllib.request.Request(
            f"http://{self.host}/v2/{repository}/manifests/{tag}",
            headers={"Accept": "application/vnd.oci.image.index.v1+json"},
            method="HEAD",
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: str = answer.headers["Docker-Content-Digest"]
            return found


@pytest.fixture(scope="module")
def registry(
    require: Require, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoggedRegistry]:
    folder = tmp_path_factory.mktemp("logged")
    port = free_port()
    with running(require("docker-registry"), folder, port, access_log=True, deletes=False):
        yield LoggedRegistry(f"127.0.0.1:{port}", folder / "log")


@pytest.fixture(scope="module")
def builder(engine: TestEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the addresses of two daemons."""
    home = tmp_path_factory.mktemp("second")
    private = PrivateEngine(load({**engine.environment, "HOME": str(home)}), SystemClock())
    second = asyncio.run(private.start())
    yield f"{written(engine.endpoint)},{written(second)}"
    asyncio.run(private.prune())


def written(endpoint: Endpoint) -> str:
    """Return an endpoint as ``--builder`` takes it."""
    scheme = "docker" if endpoint.wire is Wire.DOCKER else "unix"
    return endpoint.address.replace("unix", scheme, 1)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    for name in ("app", "db"):
        (tmp_path / f"Dockerfile.{name}").write_text(DOCKERFILE)
    for architecture in ("amd64", "arm64"):
        (tmp_path / f"file-{architecture}").write_text(f"{architecture}\n")
    return tmp_path


@dataclass(frozen=True, slots=True)
class Runner:
    """Bakes the project on both daemons."""

    bakex: Bakex
    project: Path
    builder: str

    def __call__(self, host: str, *options: str, code: int = 0) -> str:
        return self.bakex(
            *("bake", "--progress", "plain", "--builder", self.builder),
            *("--metadata-file", "metadata.json", *options),
            cwd=self.project,
            code=code,
            HOST=host,
        ).stderr

    def collect(self, repository: str) -> Any:
        """Return what could be removed from a repository."""
        arguments = ("image", "gc", repository, "--keep-untagged-for", "0s", "--format", "json")
        return json.loads(self.bakex(*arguments, cwd=self.project).stdout)

    @property
    def state(self) -> Path:
        """Where bakex keeps what it remembers."""
        return load(self.bakex.environment).state

    @property
    def metadata(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.project / "metadata.json").read_bytes())
        return found

    @property
    def places(self) -> list[dict[str, Any]]:
        return [item for t in self.metadata.values() for item in t["bakex.publications"]]


@pytest.fixture
def bake(bakex: Bakex, project: Path, builder: str) -> Runner:
    return Runner(bakex, project, builder)


TAG_PUT = r"PUT /v2/[^/]+/manifests/(?!sha256)"


def test_all_tags_or_none(bake: Runner, registry: LoggedRegistry) -> None:
    bake(registry.host)
    nodes = {cell["node"] for t in bake.metadata.values() for cell in t["bakex.platforms"]}
    assert len(nodes) == 2
    assert registry.requests(TAG_PUT) == [
        "PUT /v2/app/manifests/1.0.0",
        "PUT /v2/db/manifests/1.0.0",
        "PUT /v2/app/manifests/latest",
        "PUT /v2/db/manifests/latest",
    ]

    at = registry.position
    bake(registry.host)
    assert all(item["unchanged"] for item in bake.places)
    # BuildKit makes a new provenance for each build; still, nothing at all is sent.
    assert registry.sent(at) == []
    bake(registry.host, "--provenance=false")
    at = registry.position
    bake(registry.host, "--provenance=false")
    assert registry.sent(at) == []
    before = {name: registry.digest(name, "latest") for name in ("app", "db")}
    # What lost its tag is known, and can be removed.
    told = bake.collect(f"{registry.host}/app")
    assert len([item for item in told["remove"] if item["kind"] == "attestation"]) == 2

    (bake.project / "file-amd64").write_text("changed\n")
    (bake.project / "Dockerfile.db").write_text(
        DOCKERFILE.replace("file-$TARGETARCH", "file-$TARGETARCH lacking-on-$TARGETARCH*")
        + "COPY lacking-$TARGETARCH /\n"
    )
    (bake.project / "lacking-amd64").write_text("only there\n")
    at = registry.position
    shown = bake(registry.host, code=1)
    assert "lacking-arm64" in shown
    assert registry.requests(TAG_PUT, at) == []
    assert before == {name: registry.digest(name, "latest") for name in ("app", "db")}


def test_a_tag_that_fails_for_good_takes_the_others_back(bake: Runner) -> None:
    with FakeRegistry() as registry:
        bake(registry.host)
        before = {
            (name, tag): registry.content.manifest(name, tag)[0]
            for name in ("app", "db")
            for tag in ("1.0.0", "latest")
        }
        (bake.project / "file-arm64").write_text("changed\n")
        registry.log.clear()
        registry.fail(Fault(match="PUT .*/app/manifests/latest", status=403, times=99))
        shown = bake(registry.host, code=5)
        assert "no tag has moved" in shown
        assert shown.count("restored: ") == 2
        assert before == {key: registry.content.manifest(*key)[0] for key in before}
        states = [item["state"] for t in bake.metadata.values() for item in t["bakex.publications"]]
        assert sorted(states) == ["restored", "restored", "untouched", "untouched"]

        registry.heal()
        bake(registry.host)
        assert not set(before.values()) & {registry.content.manifest(*k)[0] for k in before}


def test_an_immutable_tag_is_refused_before_anything_is_built(
    bake: Runner, registry: LoggedRegistry
) -> None:
    options = ("--immutable-tags", "1.*", "--set", "*.labels.revision=1")
    bake(f"{registry.host}/fixed", *options)
    at = registry.position
    bake(f"{registry.host}/fixed", *options)
    assert registry.requests(TAG_PUT, at) == []
    shown = bake(
        f"{registry.host}/fixed",
        *("--immutable-tags", "1.*", "--set", "*.labels.revision=2"),
        code=5,
    )
    assert "is immutable, and stands for sha256:" in shown
    assert "The label revision is '1' there, and will be '2'" in shown
    assert "COPY" not in shown
    (bake.project / "Dockerfile.app").write_text(DOCKERFILE + "COPY file-$TARGETARCH /more\n")
    at = registry.position
    shown = bake(f"{registry.host}/fixed", *options, code=5)
    assert "has changed since it was published from here" in shown
    assert "COPY" not in shown
    assert registry.requests(TAG_PUT, at) == []


def test_a_changed_file_under_an_immutable_tag_is_refused_before_anything_is_built(
    bake: Runner, registry: LoggedRegistry
) -> None:
    def again(*more: str, code: int = 0) -> str:
        return bake(f"{registry.host}/files", "--immutable-tags", "1.*", *more, code=code)

    file = bake.project / "file-amd64"
    again()
    at = registry.position
    # What no Dockerfile copies may come, change and be touched.
    for log in ("a log", "a longer log"):
        (bake.project / "log").write_text(log)
        file.touch()
        assert "COPY" in again()
    assert registry.sent(at) == []

    file.write_text("AMD64\n")
    shown = again(code=5)
    assert "is immutable, and stands for sha256:" in shown
    assert "'file-amd64' in the context of app, db has changed since" in shown
    assert "COPY" not in shown
    # Both have read it, but that is not known: of one alone nothing is said before it is built.
    assert "COPY" in again("app", code=5)
    file.write_text("amd64\n")
    again()
    file.chmod(0o755)
    assert "COPY" not in again(code=5)
    file.chmod(0o644)

    # What is built alone is known for itself; another machine knows nothing.
    again("app")
    file.write_text("AMD64\n")
    shown = again("app", code=5)
    assert "'file-amd64' in the context of app has" in shown
    assert "COPY" not in shown
    shutil.rmtree(bake.state / "published")
    shown = again("app", code=5)
    assert "The result of this run is sha256:" in shown
    assert "COPY" in shown
    assert registry.requests(TAG_PUT, at) == []


def test_a_layout_from_two_nodes_is_the_same_twice(bake: Runner, require: Require) -> None:
    """Stock tools take it; what is damaged is refused by name."""
    project = bake.project
    for name in ("one.tar", "two.tar"):
        bake("h", "--set", f"*.output=type=oci,dest={name}", "--provenance=false", "app")
    assert (project / "one.tar").read_bytes() == (project / "two.tar").read_bytes()
    bake("h", "--set", "*.output=type=oci,tar=false,dest=layout", "app")
    nodes = {cell["node"] for cell in bake.metadata["app"]["bakex.platforms"]}
    assert len(nodes) == 2
    for source in ("oci:layout:1.0.0", "oci-archive:one.tar:1.0.0"):
        for architecture in ("amd64", "arm64"):
            subprocess.run(
                [
                    *(require("skopeo"), "--override-arch", architecture),
                    *("copy", source, f"dir:{architecture}"),
                ],
                cwd=project,
                check=True,
                capture_output=True,
            )
    done = subprocess.run(
        [require("umoci"), "list", "--layout", "layout"],
        cwd=project,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["1.0.0", "latest"]

    def verify(place: str, code: int = 0) -> str:
        found = bake.bakex("image", "verify", place, cwd=project, code=code)
        return found.stdout + found.stderr

    for place in ("./layout", "one.tar"):
        assert verify(place).count("(linux/amd64, linux/arm64) ok") == 2
    manifest = next((project / "amd64").glob("manifest.json"))
    layer = json.loads(manifest.read_bytes())["layers"][0]["digest"].partition(":")[2]
    blob = project / "layout" / "blobs" / "sha256" / layer
    whole = blob.read_bytes()
    for damaged in (whole[:-1], whole[:-1] + b"!"):
        blob.write_bytes(damaged)
        assert layer in verify("./layout", code=5)
    blob.write_bytes(whole)
    archive = (project / "one.tar").read_bytes()
    at = archive.index(whole)
    (project / "one.tar").write_bytes(archive[:at] + b"!" + archive[at + 1 :])
    assert layer in verify("one.tar", code=5)
    (project / "one.tar").write_bytes(archive[: at + 1])
    assert layer in verify("one.tar", code=5)

    bake("h", "--set", "*.output=type=oci,tar=false,dest=layout", "--load=false", "app", "db")
    both = verify("./layout")
    assert both.count(" ok\n") == 4
