"""Which proxy a URL is reached through: the usual environment variables, read as Go reads them.

``HTTPS_PROXY`` or ``HTTP_PROXY`` by the URL's scheme, in either case, else ``ALL_PROXY``; not for
this machine itself, nor for what ``NO_PROXY`` lists: names (with their subdomains), addresses,
networks, each with an optional port, or ``*``. Source: golang.org/x/net/http/httpproxy.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from bakex.model.reference import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping


def proxy_for(scheme: str, host: str, port: int, environ: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy for a host; None to connect directly."""
    proxy = _variable(environ, f"{scheme}_proxy") or _variable(environ, "all_proxy")
    bracketed = f"[{host}]" if ":" in host else host
    if not proxy or is_loopback(bracketed):
        return None
    listed = [entry.strip() for entry in _variable(environ, "no_proxy").split(",")]
    if any(_matches(entry.lower(), host.lower(), port) for entry in listed if entry):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper(), "")


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and (name.count(":") == 0 or name.endswith("]")):
        if int(wanted) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        domain = entry.removeprefix("*").removeprefix(".")
        return host.endswith(f".{domain}") or (host == domain and not entry.startswith("."))
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
