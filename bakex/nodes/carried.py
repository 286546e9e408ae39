"""Addresses of daemons inside containers and pods, which another program or daemon leads to.

* ``docker-container://NAME[?context=CONTEXT][&image=IMAGE]...``: a buildkitd in a container of
  docker; the context is docker's, without one it is the daemon that the docker command would use.
  With an image the container is made where there is none.
* ``podman-container://NAME``: the same with podman, by its command.
* ``kube-pod://POD[?namespace=][&container=][&context=][&kubeconfig=]``: a pod, by kubectl.
* ``kubernetes:///NAME[?deployment=DEPLOYMENT]...``: a ready pod of a deployment, by kubectl.

The names of the parameters are BuildKit's (client/connhelper) and buildx's (driver/kubernetes).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from bakex.errors import ConfigError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.nodes.address import shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

# Scheme -> the parameters that it takes.
_PARAMETERS: Final[Mapping[str, frozenset[str]]] = {
    "docker-container": frozenset(
        {"context", "image", "network", "memory", "memory-swap", "cpu-period", "cpu-quota"}
        | {"cpu-shares", "cpuset-cpus", "cpuset-mems", "cgroup-parent", "restart-policy"}
    ),
    "podman-container": frozenset(),
    "kube-pod": frozenset({"namespace", "container", "context", "kubeconfig"}),
    "kubernetes": frozenset(
        {"deployment", "namespace", "container", "context", "kubeconfig", "loadbalance"}
    ),
}
# What docker and Kubernetes allow; it also keeps names from being taken for options of a program.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def is_carried(text: str) -> bool:
    """Return whether an address is one of those that are read here."""
    return text.partition("://")[0] in _PARAMETERS


def parse_carried(
    text: str, *, origin: str, name: str = "", options: Mapping[str, str] | None = None
) -> Endpoint:
    """Return the endpoint of an address; for docker's containers still without the daemon.

    The option ``context`` of a ``docker-container`` is left for the caller to look up.

    Args:
        text: The address.
        origin: The setting that it is from, for messages.
        name: The node's name; empty for that of the container, pod or deployment.
        options: Parameters beside those in the address, which they go before.

    Raises:
        ConfigError: It is malformed.
    """
    try:
        parts = urlsplit(text)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise _wrong(text, origin, f"It is not a valid address: {error}.") from error
    options = {key: value for key, value in pairs if value} | dict(options or {})
    unknown = sorted(options.keys() - _PARAMETERS[parts.scheme])
    if unknown:
        known = ", ".join(sorted(_PARAMETERS[parts.scheme])) or "none"
        raise _wrong(text, origin, f"Its parameters are {known}, not {unknown[0]!r}.")
    called = _called(parts, options)
    if not _NAME.fullmatch(called):
        last = called.rpartition("@")[2]  # before it may stand a password
        raise _wrong(text, origin, f"{last!r} is not a name of a container, pod or deployment.")
    slashes = "///" if parts.scheme == "kubernetes" else "//"
    return Endpoint(
        name=NodeName(name or called),
        address=f"{parts.scheme}:{slashes}{called}",
        wire=Wire.BUILDKIT,
        origin=origin,
        options=options,
    )


def _called(parts: SplitResult, options: dict[str, str]) -> str:
    # Not `hostname`, which is in lower case.
    written = (parts.netloc or parts.path.lstrip("/")).rstrip("/")
    if parts.scheme == "kubernetes":
        return options.pop("deployment", "") or written
    return written


def _wrong(text: str, origin: str, detail: str) -> ConfigError:
    return ConfigError(
        f"{origin}: {shown(text)!r} cannot be used as the address of a builder",
        detail=detail,
        hint="write docker-container://NAME, podman-container://NAME, kube-pod://POD or"
        " kubernetes:///DEPLOYMENT",
    )
