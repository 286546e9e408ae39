"""One exhaustive mapping: every attribute of a target is sent, handled elsewhere, or refused.

A build never ignores an attribute in silence. A test compares the keys of `MAPPED`, `ELSEWHERE` and
`REFUSED` with the attribute table. Source of the frontend attributes: buildkit
frontend/dockerui/config.go, buildx build/opt.go (toSolveOpt).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex._util import csvfields
from bakex._util.units import parse_size
from bakex.engines.buildkit import caches
from bakex.engines.buildkit.recipe import Recipe
from bakex.engines.buildkit.registries import read_dockerfile, registries
from bakex.engines.buildkit.sources import gather
from bakex.engines.buildkit.stages import Runs, foreign
from bakex.errors import SessionError, UnsupportedAttributeError
from bakex.model import resources
from bakex.model.attributes import declared
from bakex.model.node import Feature, Wire
from bakex.model.remote import is_git_over_ssh
from bakex.model.secrets import Secret
from bakex.model.ssh import Ssh
from bakex.session.secrets import secret_source
from bakex.session.ssh import agent_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bakex.building import LinkedContent
    from bakex.config import Settings
    from bakex.engines.buildkit.graphs import Graph
    from bakex.engines.buildkit.sources import Sources
    from bakex.model.node import NodeInfo
    from bakex.model.plan import Cell
    from bakex.model.target import Target

_HOST_GATEWAY_LABEL = "org.mobyproject.buildkit.worker.moby.host-gateway-ip"
_TRUE = frozenset({"1", "t", "true"})
_RESOURCES: Mapping[str, str] = MappingProxyType(
    {key: key.replace("memory-swap", "memswap").replace("-", "") for key in resources.KEYS}
)


@dataclass(slots=True, kw_only=True)
class Draft:
    """A recipe in the making."""

    cell: Cell
    info: NodeInfo
    settings: Settings
    attrs: dict[str, str] = field(default_factory=dict[str, str])
    entitlements: list[str] = field(default_factory=list[str])
    secrets: dict[str, Secret] = field(default_factory=dict[str, Secret])
    ssh: dict[str, Ssh] = field(default_factory=dict[str, Ssh])

    @property
    def target(self) -> Target:
        """The cell's target."""
        return self.cell.target

    def fail(
        self, attribute: str, reason: str, *, detail: str = "", hint: str = ""
    ) -> UnsupportedAttributeError:
        """Return the error that refuses an attribute."""
        return UnsupportedAttributeError(
            f"target {self.target.name!r}: {attribute} {reason}", detail=detail, hint=hint
        )


def compose(
    cell: Cell, info: NodeInfo, settings: Settings, inputs: Mapping[str, LinkedContent | Graph]
) -> Recipe:
    """Return the recipe of a cell. Looks at the disk, so call it in a thread.

    Args:
        cell: What to build.
        info: Where.
        settings: Environment and working directory.
        inputs: Named context -> what another cell has made, or the steps that make it.

    Raises:
        UnsupportedAttributeError: The target asks for something that cannot be done here.
        SessionError: A directory, layout or secret is missing.
        FrontendError: The Dockerfile is missing.
    """
    draft = Draft(cell=cell, info=info, settings=settings)
    try:
        return _compose(draft, inputs)
    except OSError as error:
        # Names that are too long, directories without permission, links that lead in circles.
        raise SessionError(
            f"target {cell.target.name!r}: cannot read {str(error.filename)!r}",
            detail=f"{error.strerror}.",
        ) from None


def _compose(draft: Draft, inputs: Mapping[str, LinkedContent | Graph]) -> Recipe:
    info, settings = draft.info, draft.settings
    for name, reason in REFUSED.items():
        if _is_set(draft.target, name):
            raise draft.fail(name, "is not supported", detail=reason)
    sources = gather(draft.target, inputs, settings.cwd)
    for apply in MAPPED.values():
        apply(draft)
    cached = caches.translate(draft.target, info, settings, draft.cell.platform)
    if cached.frontend_attr:
        draft.attrs["cache-imports"] = cached.frontend_attr
    draft.attrs["platform"] = str(draft.cell.platform)
    syntax = draft.target.args.get("BUILDKIT_SYNTAX", "").split()
    if syntax:
        draft.attrs.update(source=syntax[0], cmdline=draft.target.args["BUILDKIT_SYNTAX"])
    recipe = Recipe(
        frontend="gateway.v0" if syntax else "dockerfile.v0",
        attrs={**sources.attrs, **draft.attrs},
        entitlements=tuple(dict.fromkeys(draft.entitlements)),
        imports=cached.imports,
        exports=cached.exports,
        dirs=sources.dirs,
        layouts=sources.layouts,
        cache_dirs=cached.directories,
        cache_suffix=cached.suffix,
        secrets=draft.secrets,
        ssh=draft.ssh,
        uploads=sources.uploads,
        graphs=sources.graphs,
        dockerfile=sources.dockerfile,
        runs=_runs(draft, sources),
    )
    return replace(recipe, registries=registries(recipe))


def _runs(draft: Draft, sources: Sources) -> Runs:
    filename = sources.attrs.get("filename", "")
    text = read_dockerfile(sources.dirs.get("dockerfile"), filename) or ""
    return Runs(
        platform=draft.cell.platform,
        speed=draft.cell.speed,
        stages=foreign(text, draft.cell, draft.info.machine),
        speeds=dict(draft.info.platforms),
    )


def _is_set(target: Target, name: str) -> bool:
    attribute = declared(target)[name][0]
    return bool(getattr(target, attribute))


# ---------------------------------------------------------------- one function per attribute


def _args(draft: Draft) -> None:
    # Provenance and exporters look at this one, too; the reproducible-builds variable counts.
    epoch = draft.settings.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch:
        draft.attrs["build-arg:SOURCE_DATE_EPOCH"] = epoch
    for name, value in draft.target.args.items():
        draft.attrs[f"build-arg:{name}"] = value


def _attest(draft: Draft) -> None:
    supported = Feature.ATTESTATIONS in draft.info.features
    default = draft.settings.environ.get("BUILDX_NO_DEFAULT_ATTESTATIONS", "").lower() not in _TRUE
    if supported and default:
        # It describes the build to whoever inspects the image; plain files do not get it.
        draft.attrs["attest:provenance"] = "mode=min,inline-only=true"
    for attestation in draft.target.attest:
        key = f"attest:{attestation.type}"
        draft.attrs.pop(key, None)
        if attestation.disabled:
            continue
        if not supported:
            raise draft.fail("attest", f"needs attestations, which {draft.info.name} cannot make")
        fields = [f"{name}={value}" for name, value in attestation.attrs.items()]
        draft.attrs[key] = csvfields.join(fields) if fields else ""


def _labels(draft: Draft) -> None:
    for name, value in draft.target.labels.items():
        draft.attrs[f"label:{name}"] = value


def _target(draft: Draft) -> None:
    if draft.target.target:
        draft.attrs["target"] = draft.target.target


def _secret(draft: Draft) -> None:
    for secret in draft.target.secret:
        # Only to see now, and not in mid-build, that there is something to read.
        secret_source(secret, environ=draft.settings.environ, cwd=draft.settings.cwd)
        draft.secrets[secret.id] = secret


def _ssh(draft: Draft) -> None:
    target = draft.target
    # Whoever builds from a private repository wants the agent (buildx bake, toBuildOpt).
    implied = (Ssh(),) if is_git_over_ssh(target.context or "") else ()
    for ssh in target.ssh or implied:
        # As with secrets: a missing agent or an encrypted key is an error now.
        agent_source(ssh, environ=draft.settings.environ, cwd=draft.settings.cwd)
        draft.ssh[ssh.id] = ssh


def _pull(draft: Draft) -> None:
    if draft.target.pull:
        draft.attrs["image-resolve-mode"] = "pull"
    elif draft.info.endpoint.wire is Wire.DOCKER:
        # As with dockerd's own builder, an image that is in its store is used from there.
        draft.attrs["image-resolve-mode"] = "local"


def _no_cache(draft: Draft) -> None:
    if draft.target.no_cache:
        draft.attrs["no-cache"] = ""  # all stages


def _no_cache_filter(draft: Draft) -> None:
    if draft.target.no_cache_filter and not draft.target.no_cache:
        draft.attrs["no-cache"] = ",".join(draft.target.no_cache_filter)


def _network(draft: Draft) -> None:
    mode = draft.target.network or "default"
    if mode == "default" and draft.info.endpoint.host_network:
        mode = "host"
    if mode == "host":
        draft.attrs["force-network-mode"] = "host"
        draft.entitlements.append("network.host")
    elif mode in {"none", "sandbox"}:
        draft.attrs["force-network-mode"] = mode
    elif mode != "default":
        raise draft.fail(
            "network",
            f"is {mode!r}, which BuildKit does not know",
            hint="use default, host or none",
        )


def _shm_size(draft: Draft) -> None:
    if draft.target.shm_size:
        try:
            draft.attrs["shm-size"] = str(parse_size(draft.target.shm_size))
        except ValueError as error:
            raise draft.fail("shm-size", "is not a size", detail=f"{error}.") from None


def _ulimits(draft: Draft) -> None:
    if draft.target.ulimits:
        draft.attrs["ulimit"] = ",".join(draft.target.ulimits)


def _resources(draft: Draft) -> None:
    for key, value in (draft.target.resources or {}).items():
        is_size = resources.KEYS[key] is resources.Kind.SIZE and value != "-1"
        draft.attrs[_RESOURCES[key]] = str(parse_size(value)) if is_size else value


def _entitlements(draft: Draft) -> None:
    draft.entitlements.extend(draft.target.entitlements)


def _extra_hosts(draft: Draft) -> None:
    found: list[str] = []
    for host, value in draft.target.extra_hosts.items():
        addresses = [_address(draft, host, text.strip()) for text in value.split(",")]
        found.extend(f"{host}={address}" for address in addresses)
    if found:
        draft.attrs["add-hosts"] = csvfields.join(found)


def _address(draft: Draft, host: str, text: str) -> str:
    gateway = text == "host-gateway"
    address = draft.info.labels.get(_HOST_GATEWAY_LABEL, "") if gateway else text
    try:
        return str(ipaddress.ip_address(address.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    if gateway:
        raise draft.fail(
            "extra-hosts",
            f"asks for host-gateway, which {draft.info.name} does not tell",
            hint="write the address",
        )
    raise draft.fail("extra-hosts", f"gives {host!r} the malformed address {text!r}")


MAPPED: Mapping[str, Callable[[Draft], None]] = MappingProxyType(
    {
        "args": _args,
        "attest": _attest,
        "labels": _labels,
        "target": _target,
        "secret": _secret,
        "ssh": _ssh,
        "pull": _pull,
        "no-cache": _no_cache,
        "no-cache-filter": _no_cache_filter,
        "network": _network,
        "shm-size": _shm_size,
        "ulimits": _ulimits,
        "resources": _resources,
        "entitlements": _entitlements,
        "extra-hosts": _extra_hosts,
    }
)
ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "description": "for people",
        "annotations": "exports.py: attributes of the exporters",
        "context": "sources.py",
        "contexts": "sources.py",
        "dockerfile": "sources.py",
        "dockerfile-inline": "sources.py",
        "tags": "bakex.outputs: names of the export requests",
        "cache-from": "caches.py",
        "cache-to": "caches.py",
        "platforms": "bakex.plan: a cell has one platform",
        "output": "bakex.outputs: export requests",
        "call": "questions.py: asked instead of building, by bakex.api.calls",
        "node": "bakex.plan.candidates: which nodes may build a cell",
        "timeout": "bakex.run.watch: how long an attempt may take",
        "retries": "bakex.run.executor: how often steps that fail are tried again",
        "verify": "bakex.api.proof: which files are looked at before anything becomes visible",
        "verify-allow": "bakex.api.proof: which of them may be as they are",
        "device": "bakex.api.devices: the platform, and build arguments",
        "publish.requires": "bakex.plan: gates are cells; bakex.api.gates holds results back",
    }
)
REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "policy": "Source policies are not evaluated.",
    }
)
