"""Targets: what a bake file says to build, fully resolved.

The fields are the attribute table (see `bakex.model.attributes`); their order is the order of
``--print`` (spec/bake-file 3.5). Source: docker/buildx bake/bake.go, docs/bake-reference.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex.model.attestations import Attestation
from bakex.model.attributes import Attr, Merge, Shape
from bakex.model.caches import CacheEntry
from bakex.model.outputs import Output
from bakex.model.policy import Policy
from bakex.model.secrets import Secret
from bakex.model.ssh import Ssh

if TYPE_CHECKING:
    from collections.abc import Mapping

_NONE: Mapping[str, str] = MappingProxyType({})
_STRING, _BOOLEAN, _STRINGS = Shape.STRING, Shape.BOOLEAN, Shape.STRINGS
_MAPPING, _COMPOSITES = Shape.MAPPING, Shape.COMPOSITES
_REPLACE, _EXTEND, _UPDATE = Merge.REPLACE, Merge.EXTEND, Merge.UPDATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One resolved target: no variables, no inheritance, overrides applied.

    Platforms stay as written here (``--print`` shows them so); the planner parses them. Paths are
    relative to the working directory, as in the reference.
    """

    name: str
    description: str = Attr(
        name="description", shape=_STRING, merge=_REPLACE, nullable=False,
        doc="What the target is for; shown by listings.",
    ).field("")  # fmt: skip
    annotations: tuple[str, ...] = Attr(
        name="annotations", shape=_STRINGS, merge=_EXTEND, set_name="annotations",
        escaped=True, set_extends=True,
        doc="OCI annotations: [index|manifest|index-descriptor|manifest-descriptor[platform]:]k=v.",
    ).field(())  # fmt: skip
    attest: tuple[Attestation, ...] = Attr(
        name="attest", shape=_COMPOSITES, merge=_UPDATE, set_name="attest",
        composite=Attestation, nullable=False, set_extends=True,
        doc="Attestations to make: type=provenance or type=sbom, with options.",
    ).field(())  # fmt: skip
    context: str | None = Attr(
        name="context", shape=_STRING, merge=_REPLACE, set_name="context",
        doc="Build context: a directory or a URL; default is the working directory.",
    ).field(None)  # fmt: skip
    contexts: Mapping[str, str] = Attr(
        name="contexts", shape=_MAPPING, merge=_UPDATE, set_name="contexts",
        blank_removes=True,
        doc="Named contexts: directories, URLs, docker-image://, oci-layout:// or target:NAME.",
    ).field(_NONE)  # fmt: skip
    dockerfile: str | None = Attr(
        name="dockerfile", shape=_STRING, merge=_REPLACE, set_name="dockerfile",
        doc="Dockerfile, relative to the context; default is Dockerfile.",
    ).field(None)  # fmt: skip
    dockerfile_inline: str | None = Attr(
        name="dockerfile-inline", shape=_STRING, merge=_REPLACE, escaped=True,
        doc="Text of the Dockerfile, instead of a file.",
    ).field(None)  # fmt: skip
    args: Mapping[str, str] = Attr(
        name="args", shape=_MAPPING, merge=_UPDATE, set_name="args", escaped=True, sparse=True,
        doc="Build arguments.",
    ).field(_NONE)  # fmt: skip
    labels: Mapping[str, str] = Attr(
        name="labels", shape=_MAPPING, merge=_UPDATE, set_name="labels", escaped=True, sparse=True,
        doc="Labels of the image.",
    ).field(_NONE)  # fmt: skip
    tags: tuple[str, ...] = Attr(
        name="tags", shape=_STRINGS, merge=_REPLACE, set_name="tags",
        doc="Names that the image gets.",
    ).field(())  # fmt: skip
    cache_from: tuple[CacheEntry, ...] = Attr(
        name="cache-from", shape=_COMPOSITES, merge=_EXTEND, set_name="cache-from",
        composite=CacheEntry, nullable=False,
        doc="External caches to read.",
    ).field(())  # fmt: skip
    cache_to: tuple[CacheEntry, ...] = Attr(
        name="cache-to", shape=_COMPOSITES, merge=_REPLACE, set_name="cache-to",
        composite=CacheEntry, nullable=False,
        doc="External caches to write.",
    ).field(())  # fmt: skip
    target: str | None = Attr(
        name="target", shape=_STRING, merge=_REPLACE, set_name="target",
        doc="Stage of the Dockerfile to build; default is the last.",
    ).field(None)  # fmt: skip
    secret: tuple[Secret, ...] = Attr(
        name="secret", shape=_COMPOSITES, merge=_UPDATE, set_name="secrets",
        composite=Secret, nullable=False,
        doc="Secrets for build steps: id with src or env.",
    ).field(())  # fmt: skip
    ssh: tuple[Ssh, ...] = Attr(
        name="ssh", shape=_COMPOSITES, merge=_UPDATE, set_name="ssh",
        composite=Ssh, nullable=False,
        doc="SSH agents or keys for build steps.",
    ).field(())  # fmt: skip
    platforms: tuple[str, ...] = Attr(
        name="platforms", shape=_STRINGS, merge=_REPLACE, set_name="platform",
        doc="Platforms to build for: os/arch[/variant]; default is the node's own.",
    ).field(())  # fmt: skip
    output: tuple[Output, ...] = Attr(
        name="output", shape=_COMPOSITES, merge=_REPLACE, set_name="output",
        composite=Output, nullable=False,
        doc="Where the result goes.",
    ).field(())  # fmt: skip
    pull: bool | None = Attr(
        name="pull", shape=_BOOLEAN, merge=_REPLACE, set_name="pull",
        doc="Look for newer base images even if one is there.",
    ).field(None)  # fmt: skip
    no_cache: bool | None = Attr(
        name="no-cache", shape=_BOOLEAN, merge=_REPLACE, set_name="no-cache",
        doc="Build without cache.",
    ).field(None)  # fmt: skip
    network: str | None = Attr(
        name="network", shape=_STRING, merge=_REPLACE, set_name="network",
        doc="Network of RUN steps: default, host or none.",
    ).field(None)  # fmt: skip
    no_cache_filter: tuple[str, ...] = Attr(
        name="no-cache-filter", shape=_STRINGS, merge=_EXTEND, set_name="no-cache-filter",
        doc="Stages to build without cache.",
    ).field(())  # fmt: skip
    shm_size: str | None = Attr(
        name="shm-size", shape=_STRING, merge=_REPLACE, set_name="shm-size",
        doc="Size of /dev/shm in RUN steps.",
    ).field(None)  # fmt: skip
    ulimits: tuple[str, ...] = Attr(
        name="ulimits", shape=_STRINGS, merge=_EXTEND, set_name="ulimits",
        doc="Resource limits of RUN steps: name=soft[:hard].",
    ).field(())  # fmt: skip
    resources: Mapping[str, str] | None = Attr(
        name="resources", shape=Shape.OBJECT, merge=_UPDATE, set_name="resources", nullable=False,
        doc="CPU and memory limits of RUN steps.",
    ).field(None)  # fmt: skip
    call: str | None = Attr(
        name="call", shape=_STRING, merge=_REPLACE, set_name="call",
        doc="Frontend method to call instead of building.",
    ).field(None)  # fmt: skip
    entitlements: tuple[str, ...] = Attr(
        name="entitlements", shape=_STRINGS, merge=_EXTEND, set_name="entitlements",
        set_extends=True,
        doc="Privileges that build steps ask for.",
    ).field(())  # fmt: skip
    extra_hosts: Mapping[str, str] = Attr(
        name="extra-hosts", shape=_MAPPING, merge=_UPDATE, set_name="extra-hosts", escaped=True,
        sparse=True,
        doc="Additional host names of RUN steps.",
    ).field(_NONE)  # fmt: skip
    policy: tuple[Policy, ...] = Attr(
        name="policy", shape=_COMPOSITES, merge=Merge.APPEND, set_name="policy",
        composite=Policy, nullable=False, set_extends=True,
        doc="Source policies.",
    ).field(())  # fmt: skip
