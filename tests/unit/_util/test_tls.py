from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from bakex._util.tls import client_context
from bakex.testing.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path


def test_certificates_and_names_are_verified() -> None:
    context = client_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_certificates_need_not_be_what_only_newer_pythons_ask_for() -> None:
    assert not client_context().verify_flags & ssl.VERIFY_X509_STRICT


def test_an_authority_of_ones_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    assert client_context(authorities=authority.certificate).get_ca_certs()
    (tmp_path / "none.pem").write_text("none")
    with pytest.raises(OSError, match="NO_CERTIFICATE"):
        client_context(authorities=tmp_path / "none.pem")
