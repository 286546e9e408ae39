"""Where a host is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.registry.site import Site
from bakex.testing.clock import ManualClock
from bakex.testing.keychain import StaticKeychain

if TYPE_CHECKING:
    from bakex.registry.errors import Answer
    from bakex.registry.tokens import TokenRequest


async def never(site: Site, request: TokenRequest) -> Answer:
    raise AssertionError


@pytest.mark.parametrize(
    ("host", "insecure", "expected"),
    [
        ("docker.io", False, ("https://registry-1.docker.io",)),
        ("ghcr.io", False, ("https://ghcr.io",)),
        ("reg:5000", False, ("https://reg:5000",)),
        ("reg:5000", True, ("https://reg:5000", "http://reg:5000")),
        ("localhost:5000", False, ("http://localhost:5000", "https://localhost:5000")),
        ("127.0.0.1", True, ("https://127.0.0.1", "http://127.0.0.1")),
        ("127.0.0.1.example.com", False, ("https://127.0.0.1.example.com",)),
    ],
)
def test_plain_http_only_where_it_is_allowed(
    host: str, insecure: bool, expected: tuple[str, ...]
) -> None:
    site = Site(host, keychain=StaticKeychain(), clock=ManualClock(), ask=never)
    site.insecure = insecure
    assert site.candidates == expected
