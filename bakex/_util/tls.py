"""TLS contexts of clients, alike in all versions of Python."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def client_context(
    *, authorities: str | Path | None = None, directory: str | Path | None = None
) -> ssl.SSLContext:
    """Return a context that verifies certificates and names, with TLS 1.2 at least.

    Python 3.13 turns on checks of RFC 5280 that Go has not, so that docker and its kind reach
    servers that Python would refuse: certificates made by docker's own instructions ("Protect the
    Docker daemon socket") want a key usage, and those of many private authorities an identifier of
    the authority's key. They are turned off again; signatures, dates and names are checked.

    Args:
        authorities: File with the trusted certificates; with neither this nor `directory`, the
            system's are trusted.
        directory: Of trusted certificates, by their hashes.

    Raises:
        OSError: A file cannot be read, or holds no certificate (`ssl.SSLError`).
    """
    context = ssl.create_default_context(cafile=authorities, capath=directory)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
