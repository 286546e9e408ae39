"""Pods, with a kubectl that leads to a fake daemon on this machine."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bakex.engines.buildkit.client import Control
from bakex.engines.buildkit.transport import Connection
from bakex.errors import DialError
from bakex.model.node import Endpoint, NodeName
from bakex.nodes.carried import parse_carried
from bakex.nodes.dialers import dialer
from bakex.nodes.kubernetes import ready_pods, stickiest
from bakex.nodes.launcher import SystemLauncher
from bakex.testing.buildkitd import FakeBuildkitd

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.carriers import Way

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# Connects its input and output to the daemon's socket, as `kubectl exec -i POD -- buildctl
# dial-stdio` does in the end. `kubectl get pods` prints a file.
PROGRAM = """\
import os, socket, sys, threading
folder = os.path.dirname(os.path.abspath(__file__))
with open(folder + "/log", "a") as log:
    print(" ".join(sys.argv[1:]), file=log)
if os.path.exists(folder + "/fail"):
    sys.exit(open(folder + "/fail").read())
if "get" in sys.argv:
    print(open(folder + "/pods").read())
    sys.exit(0)
assert sys.argv[-2:] == ["buildctl", "dial-stdio"], sys.argv
there = socket.socket(socket.AF_UNIX)
there.connect(folder + "/daemon")
def back():
    while data := there.recv(65536):
        while data:
            data = data[os.write(1, data):]
    os._exit(0)
threading.Thread(target=back, daemon=True).start()
while data := os.read(0, 65536):
    there.sendall(data)
os._exit(0)
"""


def pod(name: str, *, ready: bool = True, leaving: bool = False) -> dict[str, Any]:
    metadata = {"name": name, **({"deletionTimestamp": "2026"} if leaving else {})}
    conditions = [
        {"type": "Initialized", "status": "True"},
        {"type": "Ready", "status": str(ready)},
    ]
    return {"metadata": metadata, "status": {"conditions": conditions}}


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("kubectl", "podman"):
            (folder / name).write_text(f"#!{sys.executable}\n{PROGRAM}")
            (folder / name).chmod(0o755)
        self.pods([pod("one"), pod("two"), pod("broken", ready=False), pod("old", leaving=True)])

    def pods(self, items: list[dict[str, Any]]) -> None:
        (self.folder / "pods").write_text(json.dumps({"items": items}))

    def calls(self) -> list[str]:
        return (self.folder / "log").read_text().splitlines()

    def way(self, address: str, key: str = "") -> Way:
        endpoint = parse_carried(address, origin="--builder")
        return dialer(endpoint, SystemLauncher({"PATH": str(self.folder)}), key=key)

    async def version(self, way: Way) -> str:
        async with FakeBuildkitd(self.folder / "daemon"):
            connection = Connection(way)
            try:
                return await Control(connection).version()
            finally:
                connection.close()
                await way.aclose()


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


async def test_a_pod(cluster: Cluster) -> None:
    address = "kube-pod://mine?namespace=ns&container=c&context=k&kubeconfig=/x"
    assert await cluster.version(cluster.way(address)) == "v0.0.0-fake"
    assert cluster.calls() == [
        "--kubeconfig=/x --context=k --namespace=ns exec -i mine -c c -- buildctl dial-stdio"
    ]


async def test_a_podman_container(cluster: Cluster) -> None:
    assert await cluster.version(cluster.way("podman-container://mine")) == "v0.0.0-fake"
    assert cluster.calls() == ["exec -i mine buildctl dial-stdio"]


async def test_a_ready_pod_of_a_deployment_and_always_the_same(cluster: Cluster) -> None:
    used = set()
    for _ in range(2):
        way = cluster.way("kubernetes:///builder?deployment=dep&namespace=ns", key="me")
        assert way.endpoint.address == "kubernetes:///dep"
        assert await cluster.version(way) == "v0.0.0-fake"
        listing, execution = cluster.calls()[-2:]
        assert listing == "--namespace=ns get pods -l app=dep -o json"
        used.add(execution.split()[3])
    assert len(used) == 1
    assert used <= {"one", "two"}


async def test_any_pod_of_a_deployment(cluster: Cluster) -> None:
    way = cluster.way("kubernetes:///dep?loadbalance=random")
    assert await cluster.version(way) == "v0.0.0-fake"
    assert cluster.calls()[-1].split()[2] in {"one", "two"}


async def test_no_pod_is_ready(cluster: Cluster) -> None:
    cluster.pods([pod("broken", ready=False)])
    with pytest.raises(DialError, match="no pod is ready") as caught:
        await cluster.way("kubernetes:///dep").connect(asyncio.Protocol)
    assert "kubectl get pods -l app=dep" in caught.value.hint


async def test_what_kubectl_complains_about(cluster: Cluster) -> None:
    (cluster.folder / "fail").write_text("Error: pods is forbidden")
    with pytest.raises(DialError, match="could not list the pods") as caught:
        await cluster.way("kubernetes:///dep").connect(asyncio.Protocol)
    assert caught.value.detail == "Error: pods is forbidden"


class Lost(asyncio.Protocol):
    def __init__(self) -> None:
        self.event = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.event.set()


@pytest.mark.parametrize("address", ["kube-pod://mine", "podman-container://mine"])
async def test_a_stream_that_fails_is_explained(cluster: Cluster, address: str) -> None:
    (cluster.folder / "fail").write_text("Error: no such pod")
    way, lost = cluster.way(address), Lost()
    assert await way.explain(NOW) is None
    await way.connect(lambda: lost)
    await lost.event.wait()
    error = await way.explain(NOW)
    assert error is not None
    assert error.summary.startswith(f"{address} (--builder): ")
    assert error.detail == "Error: no such pod"
    assert way.warnings(NOW) == ()
    assert way.endpoint.name == NodeName("mine")
    await way.aclose()


def test_listings_that_make_no_sense() -> None:
    assert ready_pods(b"junk") == []
    assert ready_pods(b"[]") == []
    assert ready_pods(b'{"items": [1]}') == []
    assert ready_pods(b'{"items": [{"metadata": {"name": "x"}}]}') == []


def test_most_keys_keep_their_pod() -> None:
    pods = [f"pod-{n}" for n in range(4)]
    keys = [str(n) for n in range(200)]
    before = {key: stickiest(pods, key) for key in keys}
    assert set(before.values()) == set(pods)
    after = {key: stickiest(pods[:3], key) for key in keys}
    assert all(after[key] == before[key] for key in keys if before[key] != "pod-3")


def test_endpoints_are_values() -> None:
    one = parse_carried("kube-pod://a?namespace=b", origin="x")
    assert isinstance(one, Endpoint)
    assert one.options == {"namespace": "b"}
    assert hash(one) == hash(parse_carried("kube-pod://a", origin="x"))
