"""Builders made by ``docker buildx create``: its store is read and used as it is.

Layout as buildx writes it (docker/buildx, ``store``): ``instances/NAME`` is a JSON document of a
builder with its nodes, ``current`` says which builder is in use for which docker endpoint, and
``defaults/HASH`` which one is the default there. Nothing is ever written.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from bakex.errors import BakexError, ConfigError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.model.platform import Platform
from bakex.nodes.address import is_address, parse_endpoint
from bakex.nodes.carried import is_carried, parse_carried
from bakex.nodes.contexts import DOCKER_SOCKET, context_endpoint, current_context
from bakex.nodes.documents import read_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bakex.config import Settings

_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9.\-_+]*")
_CONTAINER_PREFIX: Final = "buildx_buildkit_"
_HASH_LENGTH: Final = 20
DEFAULT_IMAGE: Final = "moby/buildkit:buildx-stable-1"
_FILE: Final = "file:"  # a file that goes into the container's /etc/buildkit
_FLAGS: Final = "flags"  # arguments of buildkitd, as JSON


def builder_names(settings: Settings) -> tuple[str, ...]:
    """Return the names of the builders that are there, sorted."""
    try:
        return tuple(sorted(p.name for p in _instances(settings).iterdir() if not _is_hidden(p)))
    except OSError:
        return ()


def builder_nodes(settings: Settings, name: str, *, origin: str) -> tuple[Endpoint, ...] | None:
    """Return the nodes of a builder, in its order; None if there is no builder of that name.

    Raises:
        ConfigError: Its file is malformed, or it has a kind of node that cannot be used.
    """
    if not _NAME.fullmatch(name):
        return None
    file = _instances(settings) / name.lower()
    document = read_object(file)
    if document is None:
        return None
    driver = document.get("Driver") or "docker-container"
    make = _DRIVERS.get(str(driver))
    if make is None:
        raise ConfigError(
            f"{origin}: the builder {name!r} has the driver {driver!r}",
            detail=f"Drivers that can be used are {', '.join(_DRIVERS)}.",
            hint="use another builder, or the address of its daemon",
        )
    nodes: object = document.get("Nodes")
    if not isinstance(nodes, list) or not nodes:
        raise ConfigError(f"{file}: the builder has no nodes", hint=f"docker buildx rm {name}")
    return tuple(
        _endpoint(make, settings, cast("list[object]", nodes)[index], file, origin)
        for index in range(len(cast("list[object]", nodes)))
    )


def current_builder(settings: Settings) -> str:
    """Return the builder that ``docker buildx use`` has chosen; empty for docker's own.

    Raises:
        ConfigError: The store, or docker's config.json, is malformed.
    """
    key = _docker_key(settings)
    current = read_object(settings.buildx_config / "current") or {}
    name = current.get("Name")
    if isinstance(name, str) and name and (current.get("Global") or current.get("Key") == key):
        return name if (_instances(settings) / name.lower()).exists() else ""
    hashed = hashlib.sha256(key.encode()).hexdigest()[:_HASH_LENGTH]
    try:
        name = (settings.buildx_config / "defaults" / hashed).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    is_there = _NAME.fullmatch(name) and (_instances(settings) / name.lower()).exists()
    return name if is_there else ""


def _docker_key(settings: Settings) -> str:
    context, _ = current_context(settings)
    if settings.docker_host and not settings.docker_context:
        return settings.docker_host
    return context if context and context != "default" else settings.docker_host or DOCKER_SOCKET


def _endpoint(
    make: Callable[[Settings, Mapping[str, Any], str], Endpoint],
    settings: Settings,
    node: object,
    file: Path,
    origin: str,
) -> Endpoint:
    if not isinstance(node, dict):
        raise ConfigError(f"{file}: a node is not an object")
    fields = cast("dict[str, Any]", node)
    found = make(settings, fields, origin)
    return replace(
        found,
        name=NodeName(str(fields.get("Name") or found.name)),
        platforms=_platforms(fields.get("Platforms"), file),
    )


def _docker(settings: Settings, node: Mapping[str, Any], origin: str) -> Endpoint:
    text = str(node.get("Endpoint") or "default")
    if is_address(text):
        return parse_endpoint(text, origin=origin, bare=Wire.DOCKER)
    return context_endpoint(settings, text, origin=origin)


def _docker_container(settings: Settings, node: Mapping[str, Any], origin: str) -> Endpoint:
    daemon = _docker(settings, node, origin)
    options = _options(node)
    files = cast("dict[str, str | None]", node.get("Files") or {})
    flags = cast("list[str]", node.get("Flags") or [])
    options.setdefault("image", DEFAULT_IMAGE)
    return Endpoint(
        name=daemon.name,
        address=f"docker-container://{_CONTAINER_PREFIX}{node.get('Name')}",
        wire=Wire.BUILDKIT,
        origin=origin,
        via=daemon,
        options={
            **options,
            **({_FLAGS: json.dumps(flags)} if flags else {}),
            **{f"{_FILE}{name}": content or "" for name, content in files.items()},
        },
    )


def _remote(settings: Settings, node: Mapping[str, Any], origin: str) -> Endpoint:
    text, options = str(node.get("Endpoint") or ""), _options(node)
    if is_carried(text):
        found = parse_carried(text, origin=origin)
        return with_daemon(settings, found) if found.address.startswith("docker-c") else found
    found = parse_endpoint(text, origin=origin)
    return replace(
        found,
        tls_ca=options.get("cacert", found.tls_ca),
        tls_cert=options.get("cert", found.tls_cert),
        tls_key=options.get("key", found.tls_key),
        tls_server_name=options.get("servername", found.tls_server_name),
    )


def _kubernetes(settings: Settings, node: Mapping[str, Any], origin: str) -> Endpoint:
    del settings
    text, options = str(node.get("Endpoint") or ""), _options(node)
    if not is_carried(text):
        text = "kubernetes:///buildkit"
    found = parse_carried(text, origin=origin)
    # Deployments are called like their nodes, whatever the address says (buildxNameToDeploymentName
    # in driver/kubernetes/factory.go).
    deployment = str(node.get("Name") or found.name).replace("_", "-")
    taken = {k: v for k, v in options.items() if k in {"namespace", "loadbalance"}}
    return replace(found, address=f"kubernetes:///{deployment}", options={**found.options, **taken})


_DRIVERS: Final = {
    "docker": _docker,
    "docker-container": _docker_container,
    "remote": _remote,
    "kubernetes": _kubernetes,
}


def with_daemon(settings: Settings, endpoint: Endpoint) -> Endpoint:
    """Return the endpoint of a container of docker with the daemon that runs it.

    Raises:
        ConfigError: Docker's settings, or the context that is named, cannot be used.
    """
    origin, options = endpoint.origin, dict(endpoint.options)
    context = options.pop("context", "") or current_context(settings)[0] or "default"
    via = context_endpoint(settings, context, origin=origin)
    return replace(endpoint, via=via, options=options)


def _options(node: Mapping[str, Any]) -> dict[str, str]:
    found: object = node.get("DriverOpts")
    pairs = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    return {key: str(value) for key, value in pairs.items()}


def _platforms(value: object, file: Path) -> tuple[Platform, ...]:
    found: list[Platform] = []
    for item in cast("list[object]", value) if isinstance(value, list) else []:
        try:
            if isinstance(item, str):
                found.append(Platform.parse(item))
            elif isinstance(item, dict):
                fields = cast("dict[str, Any]", item)
                words = (str(fields.get(key) or "") for key in ("os", "architecture", "variant"))
                found.append(Platform.of(*words))
        except BakexError as error:
            raise ConfigError(
                f"{file}: a node's platform cannot be used: {error.summary}"
            ) from None
    return tuple(found)


def _instances(settings: Settings) -> Path:
    return settings.buildx_config / "instances"


def _is_hidden(file: Path) -> bool:
    return file.name.startswith(".")
