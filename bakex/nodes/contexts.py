"""Docker contexts: named daemons in docker's configuration directory.

Layout as docker's command line writes it (docker/cli, ``cli/context/store``): a context lives in
``contexts/meta/<sha256 of its name>/meta.json``, its certificates in
``contexts/tls/<sha256 of its name>/docker/{ca,cert,key}.pem``.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from bakex.errors import ConfigError
from bakex.model.node import Endpoint, Wire
from bakex.nodes.address import parse_endpoint
from bakex.nodes.documents import read_object

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.config import Settings

DEFAULT_CONTEXT: Final = "default"
DOCKER_SOCKET: Final = "unix:///var/run/docker.sock"


def current_context(settings: Settings) -> tuple[str, str]:
    """Return the name of docker's current context and the setting that it is from.

    ``DOCKER_CONTEXT`` goes before ``currentContext`` of config.json; both are empty for none.

    Raises:
        ConfigError: config.json cannot be read.
    """
    if settings.docker_context:
        return settings.docker_context, "DOCKER_CONTEXT"
    file = settings.docker_config / "config.json"
    document = read_object(file)
    name = document.get("currentContext", "") if document else ""
    if not isinstance(name, str):
        raise ConfigError(f"{file}: currentContext is not a string")
    return (name, f"currentContext in {file}") if name else ("", "")


def context_names(settings: Settings) -> tuple[str, ...]:
    """Return the names of the contexts that are there, sorted; unreadable ones are left out."""
    names = {DEFAULT_CONTEXT}
    for file in (settings.docker_config / "contexts" / "meta").glob("*/meta.json"):
        try:
            name = (read_object(file) or {}).get("Name")
        except ConfigError:
            continue
        if isinstance(name, str):
            names.add(name)
    return tuple(sorted(names))


def context_endpoint(settings: Settings, name: str, *, origin: str) -> Endpoint:
    """Return the docker daemon of a context.

    Args:
        settings: Where docker's configuration is.
        name: The context; ``default`` is ``DOCKER_HOST`` or docker's usual socket.
        origin: The setting that names the context, for messages.

    Raises:
        ConfigError: There is no such context, or its files are malformed.
    """
    if name == DEFAULT_CONTEXT:
        return default_endpoint(settings, origin=origin)
    identity = hashlib.sha256(name.encode()).hexdigest()
    file = settings.docker_config / "contexts" / "meta" / identity / "meta.json"
    document = read_object(file)
    if document is None:
        raise ConfigError(
            f"{origin}: there is no docker context {name!r}",
            detail=f"Known contexts: {', '.join(context_names(settings))}."
            " There is no builder of that name, either.",
            hint="give an address such as unix:///path, or private for bakex's own engine",
        )
    docker = _child(_child(document, "Endpoints"), "docker")
    host = docker.get("Host")
    if not isinstance(host, str) or not host:
        raise ConfigError(f"{file}: the context {name!r} has no docker endpoint")
    endpoint = parse_endpoint(host, origin=origin, name=name, bare=Wire.DOCKER)
    certificates = settings.docker_config / "contexts" / "tls" / identity / "docker"
    verify = not docker.get("SkipTLSVerify", False)
    return _with_certificates(endpoint, certificates, verify=verify, ca_expected=False)


def default_endpoint(settings: Settings, *, origin: str) -> Endpoint:
    """Return the daemon of ``DOCKER_HOST`` with its TLS settings, or docker's usual socket.

    ``DOCKER_TLS_VERIFY`` means TLS with a checked server, ``DOCKER_TLS`` alone means TLS without;
    the certificates are in ``DOCKER_CERT_PATH`` or else in docker's configuration directory.

    Raises:
        ConfigError: ``DOCKER_HOST`` is not an address that can be used.
    """
    host = settings.docker_host or DOCKER_SOCKET
    name = DEFAULT_CONTEXT
    endpoint = parse_endpoint(host, origin=origin, name=name, bare=Wire.DOCKER)
    verify = bool(settings.environ.get("DOCKER_TLS_VERIFY"))
    if not (verify or settings.environ.get("DOCKER_TLS")):
        return endpoint
    path = settings.environ.get("DOCKER_CERT_PATH")
    certificates = settings.cwd / path if path else settings.docker_config
    return _with_certificates(endpoint, certificates, verify=verify, ca_expected=verify)


def _with_certificates(
    endpoint: Endpoint, directory: Path, *, verify: bool, ca_expected: bool
) -> Endpoint:
    """Return a tcp endpoint with the certificates that are in a directory; others unchanged."""
    if not endpoint.address.startswith("tcp:"):
        return endpoint

    def path(name: str) -> str:
        file = directory / name
        return str(file) if file.exists() else ""

    return replace(
        endpoint,
        # A file that must be there is named even if it is not: dialling then fails and says so,
        # instead of going on without TLS.
        tls_ca=str(directory / "ca.pem") if ca_expected else path("ca.pem"),
        tls_cert=path("cert.pem"),
        tls_key=path("key.pem"),
        tls_verify=verify,
    )


def _child(document: dict[str, Any], key: str) -> dict[str, Any]:
    value: object = document.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
