from __future__ import annotations

import ssl
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.nodes.certificates import expiry, not_after

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.nodes.conftest import Certificates


def certificate(folder: Path, end: str) -> Path:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", "k.pem", "-out", "r.pem", "-subj", "/CN=x", "-days", "1"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(
        ["openssl", "x509", "-x509toreq", "-in", "r.pem", "-signkey", "k.pem", "-out", "q.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    (folder / "index").touch()
    (folder / "serial").write_text("01\n")
    (folder / "conf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\n"
        "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
    )
    subprocess.run(
        ["openssl", "ca", "-batch", "-config", "conf", "-in", "q.pem", "-cert", "r.pem",
         "-keyfile", "k.pem", "-out", "c.pem", "-startdate", "20200101000000Z", "-enddate", end],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder / "c.pem"


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("20301231235958Z", datetime(2030, 12, 31, 23, 59, 58, tzinfo=UTC)),  # a UTCTime
        ("20510101000000Z", datetime(2051, 1, 1, tzinfo=UTC)),  # a GeneralizedTime
    ],
)
def test_both_forms_of_a_time(tmp_path: Path, end: str, expected: datetime) -> None:
    assert expiry(str(certificate(tmp_path, end))) == expected


def test_it_agrees_with_openssl(certificates: Certificates) -> None:
    shown = subprocess.run(
        ["openssl", "x509", "-in", certificates.cert, "-noout", "-enddate"],
        check=True, capture_output=True, text=True,
    ).stdout.strip().removeprefix("notAfter=")  # fmt: skip
    found = expiry(certificates.cert)
    assert found is not None
    assert found.timestamp() == ssl.cert_time_to_seconds(shown)


def test_files_without_a_certificate(tmp_path: Path, certificates: Certificates) -> None:
    assert expiry(str(tmp_path / "none")) is None
    assert expiry(certificates.key) is None
    junk = tmp_path / "junk"
    junk.write_text("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
    assert expiry(str(junk)) is None


@given(st.binary(max_size=200))
def test_bytes_that_are_no_certificate(data: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        not_after(data)
