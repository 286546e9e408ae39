"""Targets: what a bake file says to build, fully resolved.

The fields are the attribute table (see `bakex.model.attributes`); their order is the order of
``--print`` (spec/bake-file 3.5). Source: docker/buildx bake/bake.go, docs/bake-reference.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex.model.attestations import Attestation
from bakex.model.attributes import Attr, Merge, Shape, evolve
from bakex.model.caches import CacheEntry
from bakex.model.outputs import Output
from bakex.model.platform import Platform, named, split_platforms
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

    Attributes:
        variants: Platform -> what differs there (``platform`` blocks, an extension of bakex): field
            name -> value. `for_platform` applies it.
    """

    name: str
    description: str = Attr(
        name="description", shape=_STRING, merge=_REPLACE, nullable=False,
        example='description = "The service that people call"',
        doc="What the target is for; shown by listings.",
    ).field("")  # fmt: skip
    annotations: tuple[str, ...] = Attr(
        name="annotations", shape=_STRINGS, merge=_EXTEND, set_name="annotations",
        escaped=True, set_extends=True,
        example='annotations = ["index:org.opencontainers.image.title=app"]',
        doc="OCI annotations: [index|manifest|index-descriptor|manifest-descriptor[platform]:]k=v.",
    ).field(())  # fmt: skip
    attest: tuple[Attestation, ...] = Attr(
        name="attest", shape=_COMPOSITES, merge=_UPDATE, set_name="attest",
        composite=Attestation, nullable=False, set_extends=True,
        compose="build.sbom, build.provenance",
        example='attest = ["type=provenance,mode=max", "type=sbom"]',
        doc="Attestations to make: type=provenance or type=sbom, with options.",
    ).field(())  # fmt: skip
    context: str | None = Attr(
        name="context", shape=_STRING, merge=_REPLACE, set_name="context",
        per_platform=True,
        compose="build.context",
        example='context = "services/app"',
        doc="Build context: a directory or a URL; default is the working directory.",
    ).field(None)  # fmt: skip
    contexts: Mapping[str, str] = Attr(
        name="contexts", shape=_MAPPING, merge=_UPDATE, set_name="contexts",
        blank_removes=True,
        per_platform=True,
        compose="build.additional_contexts",
        example='contexts = { base = "target:base", src = "../src" }',
        doc="Named contexts: directories, URLs, docker-image://, oci-layout:// or target:NAME.",
    ).field(_NONE)  # fmt: skip
    dockerfile: str | None = Attr(
        name="dockerfile", shape=_STRING, merge=_REPLACE, set_name="dockerfile",
        per_platform=True,
        compose="build.dockerfile",
        example='dockerfile = "deploy/Dockerfile"',
        doc="Dockerfile, relative to the context; default is Dockerfile.",
    ).field(None)  # fmt: skip
    dockerfile_inline: str | None = Attr(
        name="dockerfile-inline", shape=_STRING, merge=_REPLACE, escaped=True,
        per_platform=True,
        compose="build.dockerfile_inline",
        example='dockerfile-inline = "FROM scratch\\nCOPY app /\\n"',
        doc="Text of the Dockerfile, instead of a file.",
    ).field(None)  # fmt: skip
    args: Mapping[str, str] = Attr(
        name="args", shape=_MAPPING, merge=_UPDATE, set_name="args", escaped=True, sparse=True,
        per_platform=True,
        compose="build.args",
        example='args = { VERSION = "1.2", DEBUG = null }',
        doc="Build arguments.",
    ).field(_NONE)  # fmt: skip
    labels: Mapping[str, str] = Attr(
        name="labels", shape=_MAPPING, merge=_UPDATE, set_name="labels", escaped=True, sparse=True,
        per_platform=True,
        compose="build.labels",
        example='labels = { "org.opencontainers.image.licenses" = "MIT" }',
        doc="Labels of the image.",
    ).field(_NONE)  # fmt: skip
    tags: tuple[str, ...] = Attr(
        name="tags", shape=_STRINGS, merge=_REPLACE, set_name="tags",
        compose="build.tags; image where there are none",
        example='tags = ["example.org/app:1.2", "example.org/app:latest"]',
        doc="Names that the image gets.",
    ).field(())  # fmt: skip
    cache_from: tuple[CacheEntry, ...] = Attr(
        name="cache-from", shape=_COMPOSITES, merge=_EXTEND, set_name="cache-from",
        composite=CacheEntry, nullable=False,
        per_platform=True,
        compose="build.cache_from",
        example='cache-from = ["type=registry,ref=example.org/app:cache"]',
        doc="External caches to read.",
    ).field(())  # fmt: skip
    cache_to: tuple[CacheEntry, ...] = Attr(
        name="cache-to", shape=_COMPOSITES, merge=_REPLACE, set_name="cache-to",
        composite=CacheEntry, nullable=False,
        per_platform=True,
        compose="build.cache_to",
        example='cache-to = ["type=local,dest=cache,mode=max"]',
        doc="External caches to write.",
    ).field(())  # fmt: skip
    target: str | None = Attr(
        name="target", shape=_STRING, merge=_REPLACE, set_name="target",
        per_platform=True,
        compose="build.target",
        example='target = "release"',
        doc="Stage of the Dockerfile to build; default is the last.",
    ).field(None)  # fmt: skip
    secret: tuple[Secret, ...] = Attr(
        name="secret", shape=_COMPOSITES, merge=_UPDATE, set_name="secrets",
        composite=Secret, nullable=False,
        per_platform=True,
        compose="build.secrets",
        example='secret = ["id=token,env=TOKEN", { id = "npmrc", src = ".npmrc" }]',
        doc="Secrets for build steps: id with src or env.",
    ).field(())  # fmt: skip
    ssh: tuple[Ssh, ...] = Attr(
        name="ssh", shape=_COMPOSITES, merge=_UPDATE, set_name="ssh",
        composite=Ssh, nullable=False,
        per_platform=True,
        compose="build.ssh",
        example='ssh = ["default", { id = "deploy", paths = ["deploy_key"] }]',
        doc="SSH agents or keys for build steps.",
    ).field(())  # fmt: skip
    platforms: tuple[str, ...] = Attr(
        name="platforms", shape=_STRINGS, merge=_REPLACE, set_name="platform",
        compose="build.platforms",
        example='platforms = ["linux/amd64", "linux/arm64"]',
        doc="Platforms to build for: os/arch[/variant]; default is the node's own.",
    ).field(())  # fmt: skip
    output: tuple[Output, ...] = Attr(
        name="output", shape=_COMPOSITES, merge=_REPLACE, set_name="output",
        composite=Output, nullable=False,
        compose="build.x-bake.output",
        example='output = ["type=registry", { type = "oci", dest = "app.tar" }]',
        doc="Where the result goes.",
    ).field(())  # fmt: skip
    pull: bool | None = Attr(
        name="pull", shape=_BOOLEAN, merge=_REPLACE, set_name="pull",
        compose="build.pull",
        example="pull = true",
        doc="Look for newer base images even if one is there.",
    ).field(None)  # fmt: skip
    no_cache: bool | None = Attr(
        name="no-cache", shape=_BOOLEAN, merge=_REPLACE, set_name="no-cache",
        compose="build.no_cache",
        example="no-cache = true",
        doc="Build without cache.",
    ).field(None)  # fmt: skip
    network: str | None = Attr(
        name="network", shape=_STRING, merge=_REPLACE, set_name="network",
        compose="build.network",
        example='network = "none"',
        doc="Network of RUN steps: default, host or none.",
    ).field(None)  # fmt: skip
    no_cache_filter: tuple[str, ...] = Attr(
        name="no-cache-filter", shape=_STRINGS, merge=_EXTEND, set_name="no-cache-filter",
        per_platform=True,
        compose="build.x-bake.no-cache-filter",
        example='no-cache-filter = ["fetch"]',
        doc="Stages to build without cache.",
    ).field(())  # fmt: skip
    shm_size: str | None = Attr(
        name="shm-size", shape=_STRING, merge=_REPLACE, set_name="shm-size",
        compose="build.shm_size",
        example='shm-size = "128m"',
        doc="Size of /dev/shm in RUN steps.",
    ).field(None)  # fmt: skip
    ulimits: tuple[str, ...] = Attr(
        name="ulimits", shape=_STRINGS, merge=_EXTEND, set_name="ulimits",
        compose="build.ulimits",
        example='ulimits = ["nofile=1024:2048"]',
        doc="Resource limits of RUN steps: name=soft[:hard].",
    ).field(())  # fmt: skip
    resources: Mapping[str, str] | None = Attr(
        name="resources", shape=Shape.OBJECT, merge=_UPDATE, set_name="resources", nullable=False,
        example='resources = { memory = "2g", cpu-quota = 50000 }',
        doc="CPU and memory limits of RUN steps.",
    ).field(None)  # fmt: skip
    call: str | None = Attr(
        name="call", shape=_STRING, merge=_REPLACE, set_name="call",
        example='call = "check"',
        doc="Frontend method to call instead of building.",
    ).field(None)  # fmt: skip
    entitlements: tuple[str, ...] = Attr(
        name="entitlements", shape=_STRINGS, merge=_EXTEND, set_name="entitlements",
        set_extends=True,
        example='entitlements = ["network.host"]',
        doc="Privileges that build steps ask for.",
    ).field(())  # fmt: skip
    extra_hosts: Mapping[str, str] = Attr(
        name="extra-hosts", shape=_MAPPING, merge=_UPDATE, set_name="extra-hosts", escaped=True,
        sparse=True,
        compose="build.extra_hosts",
        example='extra-hosts = { registry = "10.0.0.2" }',
        doc="Additional host names of RUN steps.",
    ).field(_NONE)  # fmt: skip
    policy: tuple[Policy, ...] = Attr(
        name="policy", shape=_COMPOSITES, merge=Merge.APPEND, set_name="policy",
        composite=Policy, nullable=False, set_extends=True,
        example='policy = [{ filename = "policy.rego", strict = true }]',
        doc="Source policies.",
    ).field(())  # fmt: skip
    node: Mapping[str, str] = Attr(
        name="node", shape=_MAPPING, merge=_UPDATE, set_name="node", escaped=True,
        blank_removes=True,
        per_platform=True,
        extension=True,
        example='node = { zone = "a" }',
        doc="Labels of the nodes on which it may be built.",
    ).field(_NONE)  # fmt: skip
    timeout: str | None = Attr(
        name="timeout", shape=_STRING, merge=_REPLACE, set_name="timeout",
        per_platform=True,
        extension=True,
        example='timeout = "30m"',
        doc="The longest that one attempt to build it for one platform may take.",
    ).field(None)  # fmt: skip
    retries: str | None = Attr(
        name="retries", shape=_STRING, merge=_REPLACE, set_name="retries",
        per_platform=True,
        extension=True,
        example="retries = 2",
        doc="How often it is tried again when one of its steps fails.",
    ).field(None)  # fmt: skip
    verify: str | None = Attr(
        name="verify", shape=_STRING, merge=_REPLACE, set_name="verify",
        per_platform=True,
        extension=True,
        values=("off", "entrypoint", "bin", "full"),
        example='verify = "full"',
        doc="Which files must fit their platform: off, entrypoint, bin (the default) or full.",
    ).field(None)  # fmt: skip
    verify_allow: tuple[str, ...] = Attr(
        name="verify-allow", shape=_STRINGS, merge=_EXTEND, set_name="verify-allow",
        per_platform=True,
        extension=True,
        example='verify-allow = ["/opt/firmware/*"]',
        doc="Patterns of paths of files that may be for other processors.",
    ).field(())  # fmt: skip
    device: str | None = Attr(
        name="device", shape=_STRING, merge=_REPLACE, set_name="device",
        extension=True,
        example='device = "raspberry-pi-4"',
        doc="The device it is for: selects the platform, and adds build arguments.",
    ).field(None)  # fmt: skip
    publish_requires: tuple[str, ...] = Attr(
        name="publish.requires", shape=_STRINGS, merge=_REPLACE, set_name="publish.requires",
        extension=True,
        example='publish {\n  requires = ["app-test"]\n}',
        doc="Gates: targets and groups that must succeed before the result becomes visible.",
    ).field(())  # fmt: skip
    variants: Mapping[Platform, Mapping[str, object]] = field(
        default_factory=dict["Platform", "Mapping[str, object]"]
    )

    def for_platform(self, platform: Platform) -> Target:
        """Return the target as it is built for one platform: that one's differences applied.

        The result has no variants; it is this very target if there are none here.
        """
        if not self.variants:
            return self
        return evolve(self, {**self.variants.get(platform, {}), "variants": {}})

    def effective(self) -> tuple[Target, ...]:
        """Return the target in each of its forms: what somebody must look at who checks all of it.

        That is the target itself, unless each of its platforms has a variant of its own, and one
        target for each variant.
        """
        plain = any(named(word) not in self.variants for word in split_platforms(self.platforms))
        forms = [self.for_platform(platform) for platform in self.variants]
        return (*([replace(self, variants={})] if plain else []), *forms) if forms else (self,)
