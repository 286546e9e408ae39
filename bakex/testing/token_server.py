"""A token server for real registries: signed JSON web tokens (distribution's token/jwt.md).

It grants what is asked for, no more, to users with the right password; identity tokens can be
exchanged, too. The registry trusts the certificate in `TokenServer.certificate`.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from bakex.testing.certificates import Authority
from bakex.testing.registry_auth import Access, RegistryAuth
from bakex.testing.registry_content import Refusal
from bakex.testing.registry_front import RegistryFront
from bakex.testing.registry_routes import Incoming, Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ISSUER = "bakex-testing"
SERVICE = "registry"
_SIZE = 32  # of both numbers in an ES256 signature (RFC 7518, 3.4)


class TokenServer(RegistryFront):
    """A server of tokens in threads of this process; a context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        users: Mapping[str, str],
        now: Callable[[], float],
        life_s: int = 300,
    ) -> None:
        """Prepare it; `start` opens the port.

        Args:
            folder: For its key and certificate; must exist.
            users: Passwords by name.
            now: The registry's clock, in seconds since 1970.
            life_s: How long a token is good for.
        """
        super().__init__(auth=RegistryAuth(access=Access.OPEN))
        cert, private = Authority(folder, name=ISSUER).issue("tokens")
        self._key = serialization.load_pem_private_key(private.read_bytes(), None)
        self._chain = x509.load_pem_x509_certificate(cert.read_bytes())
        self._users = RegistryAuth(access=Access.TOKEN, users=users, life_s=life_s)
        self._now = now
        self.certificate = folder / "ca.pem"

    @property
    def realm(self) -> str:
        """The URL for the registry's configuration."""
        return f"http://{self.host}/auth"

    def give_identities(self) -> None:
        """From now on, hand out an identity token to whoever asks for one along with a token."""
        self._users.offline = True

    @property
    def issued(self) -> list[str]:
        """The scopes of every token that was handed out, in order."""
        return self._users.issued

    def answer(self, request: Incoming) -> Outgoing:
        """Hand out a token.

        Raises:
            Refusal: The credentials are not good.
        """
        if request.path != "/auth":
            raise Refusal(404, "NOT_FOUND")
        header = request.headers.get("authorization", "")
        body = request.text(1 << 16)
        document = json.loads(self._users.token(request.method, header, request.query, body))
        scopes = self._users.issued[-1]
        document["token"] = document["access_token"] = self._signed(scopes, self._users.life_s)
        headers = {"Content-Type": "application/json"}
        return Outgoing(status=200, headers=headers, body=json.dumps(document).encode())

    def _signed(self, scopes: str, life_s: int) -> str:
        now = int(self._now())
        der = self._chain.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        claims = {
            "iss": ISSUER,
            "sub": "",
            "aud": SERVICE,
            "exp": now + life_s,
            "nbf": now - 60,
            "iat": now,
            "jti": secrets.token_hex(8),
            "access": [_access(scope) for scope in scopes.split()],
        }
        text = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
        if not isinstance(self._key, ec.EllipticCurvePrivateKey):
            raise TypeError("the key is of another kind")
        r, s = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_encoded(r.to_bytes(_SIZE, 'big') + s.to_bytes(_SIZE, 'big'))}"


def _access(scope: str) -> dict[str, object]:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
