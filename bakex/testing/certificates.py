"""An authority of one's own: certificates for servers and clients, made when they are needed."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bakex.run.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

_LIFE = timedelta(days=2)
_SKEW = timedelta(hours=1)  # machines that work together may disagree about the time


class Authority:
    """Signs certificates.

    Attributes:
        certificate: PEM file with the authority's own certificate.
    """

    def __init__(self, folder: Path, *, name: str = "bakex-testing") -> None:
        """Make it.

        Args:
            folder: Where its files go; must exist.
            name: Its common name.
        """
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basics = x509.BasicConstraints(ca=True, path_length=0)
        own = _builder(self._name, self._name, self._key, _LIFE).add_extension(
            basics, critical=True
        )
        self.certificate = folder / "ca.pem"
        self.certificate.write_bytes(_pem(own.sign(self._key, hashes.SHA256())))

    def issue(self, name: str, *hosts: str, life: timedelta = _LIFE) -> tuple[Path, Path]:
        """Return the files of a new certificate and of its key.

        Args:
            name: Of the files, and the common name.
            hosts: Names and addresses of a server; none for a client.
            life: When it ends, from now; it has ended already if that is negative.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, self._name, key, life)
        if hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        cert, private = self._folder / f"{name}.cert", self._folder / f"{name}.key"
        cert.write_bytes(_pem(certificate))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return cert, private

    def joined(self, name: str, *hosts: str) -> Path:
        """Return one file with a new certificate and its key."""
        cert, private = self.issue(name, *hosts)
        both = self._folder / f"{name}.pem"
        both.write_bytes(private.read_bytes() + cert.read_bytes())
        return both


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, life: timedelta
) -> x509.CertificateBuilder:
    now = SystemClock().now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + min(life, timedelta()) - _SKEW)
        .not_valid_after(now + life)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
