"""URLs that a registry hands out: where they may lead, and how they are joined.

Token realms, redirects and upload locations are chosen by the other side. Unchecked they have been
used to reach the client's own network and to collect its credentials (CVE-2026-48978,
CVE-2026-50151, GHSA-vh4v-2xq2-g5cg). Private networks stay allowed: registries live there.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import quote, urljoin, urlsplit

from bakex.errors import RegistryError
from bakex.model.reference import is_loopback


def origin(url: str, sender: str = "a registry") -> tuple[str, str, int]:
    """Return scheme, host and port: credentials never go to another origin than the registry's.

    Args:
        url: An absolute URL.
        sender: Who named it, for messages.

    Raises:
        RegistryError: Not an http or https URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise RegistryError(f"{sender} sent a malformed URL") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise RegistryError(f"{sender} sent a URL with the scheme {parts.scheme!r}")
    return parts.scheme, host, port or (80 if parts.scheme == "http" else 443)


def check_peer(url: str, base: str, what: str) -> None:
    """Make sure that a URL from a registry may be followed.

    Args:
        url: What the registry sent, made absolute.
        base: The registry's own URL.
        what: How messages call it.

    Raises:
        RegistryError: User information, a step down from https, or an address of this machine or of
            its link although the registry is not there itself.
    """
    sender = urlsplit(base).netloc
    scheme, host, _ = origin(url, sender)
    home_scheme, home, _ = origin(base)
    if "@" in urlsplit(url).netloc:
        raise RegistryError(f"{sender} sent a {what} with user information in it")
    if scheme == "http" and home_scheme == "https":
        raise RegistryError(f"{sender} sent a {what} that leads from https to http on {host}")
    if host == home or is_loopback(_bracketed(home)):
        return
    if _is_own(host):
        raise RegistryError(
            f"{sender} sent a {what} that leads to the address {host} of this machine or its link"
        )


def join(url: str, location: str, base: str, what: str) -> str:
    """Return the absolute form of a Location header, checked by `check_peer`.

    The location stays as it was sent: signatures and repeated parameters do not survive parsing.

    Raises:
        RegistryError: It is malformed, or may not be followed.
    """
    try:
        joined = urljoin(url, location)
    except ValueError:
        raise RegistryError(f"{urlsplit(base).netloc} sent a malformed {what}") from None
    check_peer(joined, base, what)
    return joined


def with_digest(location: str, digest: str) -> str:
    """Return an upload location with the digest that closes the upload."""
    separator = "&" if urlsplit(location).query else "?"
    return f"{location}{separator}digest={quote(digest, safe='')}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_own(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
    )
