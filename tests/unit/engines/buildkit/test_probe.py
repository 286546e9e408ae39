from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit.client import Control
from bakex.engines.buildkit.probe import features, probe, speeds
from bakex.engines.buildkit.transport import Connection
from bakex.errors import DialError, NodeError, NodeLostError
from bakex.model.node import Feature, NodeInfo, Speed, Wire
from bakex.testing.buildkitd import failure

if TYPE_CHECKING:
    from bakex.testing.buildkitd import FakeBuildkitd
    from tests.unit.engines.buildkit.conftest import UnixDialer

SNAPSHOTTER = {"org.mobyproject.buildkit.worker.snapshotter": "overlayfs"}


async def probed(dialer: UnixDialer) -> NodeInfo:
    connection = Connection(dialer)
    try:
        return await probe(Control(connection), dialer.endpoint)
    finally:
        connection.close()


def platforms(*texts: str) -> list[pb.Platform]:
    found = []
    for text in texts:
        os, architecture, variant = (*text.split("/"), "")[:3]
        found.append(pb.Platform(os=os, architecture=architecture, variant=variant))
    return found


def spoken(*texts: str) -> dict[str, str]:
    return {str(key): value.value for key, value in speeds(platforms(*texts)).items()}


async def test_a_daemon_is_described(daemon: FakeBuildkitd, dialer: UnixDialer) -> None:
    info = await probed(dialer)
    assert info.endpoint is dialer.endpoint
    assert {str(key): value for key, value in info.platforms.items()} == {
        "linux/amd64": Speed.NATIVE,
        "linux/arm64": Speed.EMULATED,
    }
    assert info.version == "v0.0.0-fake"
    assert str(info.machine) == "linux/amd64"
    assert info.labels == SNAPSHOTTER
    assert Feature.ATTESTATIONS in info.features
    assert Feature.IMAGE_LOAD not in info.features


async def test_dockerd_tells_its_version_elsewhere(
    dockerd: FakeBuildkitd, docker_dialer: UnixDialer
) -> None:
    dockerd.workers[0].buildkit_version.version = ""
    info = await probed(docker_dialer)
    assert info.version == ""
    assert Feature.IMAGE_LOAD in info.features


async def test_a_daemon_without_workers(daemon: FakeBuildkitd, dialer: UnixDialer) -> None:
    daemon.workers = []
    with pytest.raises(NodeError, match="has no worker"):
        await probed(dialer)


async def test_a_daemon_that_refuses(daemon: FakeBuildkitd, dialer: UnixDialer) -> None:
    daemon.info_error = failure("go away")
    with pytest.raises(NodeError, match="no usable BuildKit") as caught:
        await probed(dialer)
    assert "UNKNOWN: go away" in caught.value.detail


async def test_no_daemon(dialer: UnixDialer) -> None:
    with pytest.raises(DialError):
        await probed(dialer)


async def test_the_wrong_kind_of_daemon_gets_a_hint(
    daemon: FakeBuildkitd, dialer: UnixDialer
) -> None:
    daemon.hang_up = True
    with pytest.raises(NodeLostError) as caught:
        await probed(dialer)
    assert "docker daemon" in caught.value.hint


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (["linux/amd64", "linux/amd64", "linux/amd64/v2", "linux/386", "linux/arm64"],
         {"linux/amd64": "native", "linux/amd64/v2": "native", "linux/386": "native",
          "linux/arm64": "emulated"}),
        (["linux/arm64", "linux/amd64", "linux/arm/v7", "linux/arm/v6"],
         {"linux/arm64": "native", "linux/arm/v7": "native", "linux/arm/v6": "native",
          "linux/amd64": "emulated"}),
        (["linux/arm/v7", "linux/arm/v6", "linux/arm64"],
         {"linux/arm/v7": "native", "linux/arm/v6": "native", "linux/arm64": "emulated"}),
        (["linux/s390x", "linux/amd64"], {"linux/s390x": "native", "linux/amd64": "emulated"}),
        (["linux/amd64", "windows/amd64"],
         {"linux/amd64": "native", "windows/amd64": "emulated"}),
        ([], {}),
    ],
)  # fmt: skip
def test_the_first_platform_is_native(listed: list[str], expected: dict[str, str]) -> None:
    assert list(spoken(*listed).items()) == list(expected.items())


def test_features_follow_capabilities() -> None:
    everything = {
        "exporter.multiple", "gateway.warnings", "source.ocilayout", "exporter.sourcedateepoch",
        "gc.freespacefilter", "exporter.image.attestations", "exec.meta.ulimit",
        "exec.meta.linux.resources",
        "reference.output", "gateway.solve.evaluate", "frontend.inputs",
    }  # fmt: skip
    assert features(Wire.DOCKER, SNAPSHOTTER, everything) == frozenset(Feature)
    assert features(Wire.BUILDKIT, SNAPSHOTTER, everything) == (
        frozenset(Feature) - {Feature.IMAGE_LOAD}
    )


def test_links_take_all_of_their_capabilities() -> None:
    some = {"reference.output", "gateway.solve.evaluate", "frontend.inputs"}
    assert Feature.LINKS in features(Wire.DOCKER, {}, some)
    for name in some:
        assert Feature.LINKS not in features(Wire.BUILDKIT, SNAPSHOTTER, some - {name})


def test_the_classic_image_store_has_no_image_features() -> None:
    found = features(Wire.DOCKER, {}, {"exporter.image.attestations", "exporter.multiple"})
    assert found == {Feature.MULTIPLE_EXPORTS, Feature.IMAGE_LOAD}


def test_a_very_old_daemon() -> None:
    assert features(Wire.BUILDKIT, SNAPSHOTTER, ()) == {
        Feature.IMAGE_PUSH,
        Feature.OCI_EXPORT,
        Feature.REMOTE_CACHE,
    }
