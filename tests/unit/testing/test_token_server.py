"""Tokens that a real registry can check, and the certificates that they come with."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from bakex.testing.certificates import Authority
from bakex.testing.token_server import SERVICE, TokenServer

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_767_225_600.0
QUERY = f"?service={SERVICE}&scope=repository:a/b:pull,push"


def ask(url: str, login: str = "") -> Any:
    request = urllib.request.Request(url)
    if login:
        request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def part(token: str, number: int) -> Any:
    text = token.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def test_a_token_says_what_was_asked_for(tmp_path: Path) -> None:
    with TokenServer(tmp_path, users={"joe": "x"}, now=lambda: NOW) as server:
        found = ask(server.realm + QUERY, "joe:x")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(server.realm + QUERY, "joe:y")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            ask(f"http://{server.host}/other")
        assert server.issued == ["repository:a/b:pull,push"]
    claims = part(found["token"], 1)
    assert claims["access"] == [{"type": "repository", "name": "a/b", "actions": ["pull", "push"]}]
    assert (claims["exp"], claims["aud"]) == (NOW + 300, SERVICE)
    chain = base64.b64decode(part(found["token"], 0)["x5c"][0])
    issuer = x509.load_der_x509_certificate(chain).issuer
    assert issuer == x509.load_pem_x509_certificate(server.certificate.read_bytes()).subject


def test_an_authority_signs_for_names_and_addresses(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, _ = authority.issue("server", "localhost", "127.0.0.1", "::1")
    found = x509.load_pem_x509_certificate(cert.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    found.verify_directly_issued_by(
        x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    )
