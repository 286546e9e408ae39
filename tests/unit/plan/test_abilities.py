from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import CapabilityError
from bakex.model.attestations import Attestation
from bakex.model.caches import CacheEntry
from bakex.model.node import Endpoint, Feature, NodeInfo, NodeName, Speed, Wire
from bakex.model.plan import Cell, CellId, Plan
from bakex.model.platform import Platform
from bakex.model.result import PushImage, SaveImage, SaveTar, StoreImage
from bakex.model.target import Target
from bakex.plan.abilities import check_abilities

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.model.result import ExportRequest

AMD64 = Platform.parse("linux/amd64")
CLASSIC = frozenset({Feature.IMAGE_LOAD})


def node(features: frozenset[Feature]) -> NodeInfo:
    endpoint = Endpoint(name=NodeName("old"), address="unix:///s", wire=Wire.DOCKER)
    return NodeInfo(endpoint=endpoint, platforms={AMD64: Speed.NATIVE}, features=features)


def check(
    *requests: ExportRequest,
    features: frozenset[Feature] = CLASSIC,
    links: tuple[tuple[str, CellId], ...] = (),
    direct: frozenset[CellId] = frozenset(),
    **fields: Any,
) -> None:
    identity = CellId("app", AMD64)
    cell = Cell(
        id=identity, target=Target(name="app", **fields), node=NodeName("old"),
        speed=Speed.NATIVE, links=links, direct=direct,
    )  # fmt: skip
    plan = Plan(cells=(cell,), requested=("app",))
    check_abilities(plan, [node(features)], {str(identity): requests})


def lacking(*requests: ExportRequest, **fields: Any) -> str:
    with pytest.raises(CapabilityError) as caught:
        check(*requests, **fields)
    assert caught.value.hint
    return caught.value.summary + "\n" + caught.value.detail


def test_nothing_is_asked_for(tmp_path: Path) -> None:
    check()
    check(SaveImage(layout=tmp_path), PushImage(repositories=("r/a",)), StoreImage(names=()))
    check(SaveTar(file=tmp_path), features=frozenset())


def test_everything_that_is_lacking_is_named() -> None:
    text = lacking(
        attest=(Attestation(type="sbom"), Attestation(type="provenance", disabled=True)),
        cache_to=(CacheEntry(type="registry"), CacheEntry(type="inline")),
        ulimits=("nofile=1:2",),
        resources={"memory": "1g"},
        contexts={"base": "docker-image://x"},
    )
    assert text.splitlines() == [
        "old lacks attestations (sbom), which 'app' needs",
        "old lacks export of caches of type registry, which 'app' needs",
        "old lacks limits for build steps (ulimits), which 'app' needs",
        "old lacks limits on memory and CPU of build steps (resources), which 'app' needs",
        "old lacks named contexts (contexts), which 'app' needs",
    ]


def test_a_frontend_of_ones_own_may_know_named_contexts() -> None:
    check(contexts={"base": "docker-image://x"}, args={"BUILDKIT_SYNTAX": "docker/dockerfile:1"})


def test_content_of_ours_as_a_context() -> None:
    features = frozenset({Feature.NAMED_CONTEXTS, Feature.OCI_EXPORT})
    assert "OCI layouts" in lacking(features=features, contexts={"a": "oci-layout://x"})
    linked = (("a", CellId("base", AMD64)),)
    assert "other targets" in lacking(
        features=features, contexts={"a": "target:base"}, links=linked
    )
    check(features=features | {Feature.OCI_LAYOUT_CONTEXTS}, links=linked)
    check(features=features, links=linked, direct=frozenset({linked[0][1]}))


def test_what_cannot_be_made_of_a_classic_image(tmp_path: Path) -> None:
    attrs = {"compression": "zstd", "rewrite-timestamp": "true"}
    text = lacking(SaveImage(layout=tmp_path, attrs=attrs))
    assert "compression=zstd" in text
    assert "rewrite-timestamp" in text
    everything = frozenset(Feature)
    check(SaveImage(layout=tmp_path, attrs=attrs), features=everything)


def test_a_daemon_that_hands_over_nothing(tmp_path: Path) -> None:
    text = lacking(SaveImage(layout=tmp_path), features=frozenset())
    assert "a way to hand over images" in text
