"""Mutual TLS with a real dockerd: what works, and what is said about each thing that does not."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DialError, NodeError
from bakex.events import WarningRaised
from bakex.testing.fakes import EventRecorder
from tests.loopback import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.daemons.conftest import Connect, StartDockerd

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._openssl(
            *("req", "-x509", *CURVE, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30"),
            *("-subj", f"/CN={folder.name}"),
        )

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def sign(self, name: str, *, days: int, extensions: str) -> Path:
        """Return a folder with ca.pem, cert.pem and key.pem."""
        place = self.folder / name
        place.mkdir()
        (place / "ca.pem").symlink_to(self.ca)
        (place / "names").write_text(extensions + "\n")
        self._openssl(
            *("req", *CURVE, "-keyout", f"{name}/key.pem", "-out", f"{name}/request"),
            *("-subj", f"/CN={name}"),
        )
        self._openssl(
            *("x509", "-req", "-in", f"{name}/request", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-CAcreateserial", "-extfile", f"{name}/names", "-days", str(days)),
            *("-out", f"{name}/cert.pem"),
        )
        return place

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """A dockerd that knows its clients by certificates.

    Attributes:
        port: It listens at this port of 127.0.0.1; its certificate is for that address and "node".
        good: A client's certificates.
        ending: The same, about to expire.
        expired: The same, expired.
        other: Another authority.
    """

    port: int
    good: Path
    ending: Path
    expired: Path
    other: Authority

    def address(self, **parameters: Path | str) -> str:
        host = parameters.pop("host", "127.0.0.1")
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"docker+tcp://{host}:{self.port}?{query}"

    def mutual(self, folder: Path) -> dict[str, Path | str]:
        return {name: folder / f"{name}.pem" for name in ("cert", "key")}


@pytest.fixture(scope="module")
def secured(start_dockerd: StartDockerd, tmp_path_factory: pytest.TempPathFactory) -> Secured:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder / "ours")
    client = "extendedKeyUsage=clientAuth"
    server = authority.sign("server", days=20, extensions="subjectAltName=IP:127.0.0.1,DNS:node")
    port = free_port()
    start_dockerd(
        *("--tlsverify", f"--tlscacert={authority.ca}", f"--tlscert={server}/cert.pem"),
        *(f"--tlskey={server}/key.pem", "-H", f"tcp://127.0.0.1:{port}"),
    )
    return Secured(
        port=port,
        good=authority.sign("good", days=30, extensions=client),
        ending=authority.sign("ending", days=3, extensions=client),
        expired=authority.sign("expired", days=-1, extensions=client),
        other=Authority(folder / "theirs"),
    )


async def test_certificates_in_the_address(secured: Secured, connect: Connect) -> None:
    ca = secured.good / "ca.pem"
    address = secured.address(cacert=ca, **secured.mutual(secured.good))
    events = EventRecorder()
    node = await connect(address, events=events)
    assert node.info.platforms
    assert not [e for e in events.events if isinstance(e, WarningRaised)]


async def test_certificates_of_the_environment(secured: Secured, connect: Connect) -> None:
    environ = {
        "DOCKER_HOST": f"tcp://127.0.0.1:{secured.port}",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(secured.good),
    }
    node = await connect("", environ)
    assert node.info.endpoint.origin == "DOCKER_HOST"


async def test_certificates_of_a_docker_context(
    secured: Secured, connect: Connect, tmp_path: Path
) -> None:
    identity = hashlib.sha256(b"far").hexdigest()
    meta = tmp_path / ".docker/contexts/meta" / identity
    meta.mkdir(parents=True)
    host = f"tcp://127.0.0.1:{secured.port}"
    document = {"Name": "far", "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}
    (meta / "meta.json").write_text(json.dumps(document))
    stored = tmp_path / ".docker/contexts/tls" / identity / "docker"
    stored.parent.mkdir(parents=True)
    stored.symlink_to(secured.good)
    node = await connect("far")
    assert node.info.name == "far"


async def test_a_name_of_the_certificate(secured: Secured, connect: Connect) -> None:
    ca = secured.good / "ca.pem"
    address = secured.address(cacert=ca, servername="node", **secured.mutual(secured.good))
    node = await connect(address)
    assert node.info.platforms


async def test_it_warns_before_a_certificate_ends(secured: Secured, connect: Connect) -> None:
    ca = secured.good / "ca.pem"
    address = secured.address(cacert=ca, **secured.mutual(secured.ending))
    events = EventRecorder()
    await connect(address, events=events)
    (warning,) = [e.diagnostic for e in events.events if isinstance(e, WarningRaised)]
    assert warning.code == "BX3510"
    assert "ending/cert.pem ends on" in warning.summary


async def test_every_fault_has_words_of_its_own(secured: Secured, connect: Connect) -> None:
    ca, good = secured.good / "ca.pem", secured.mutual(secured.good)
    stranger = secured.other.sign("good", days=9, extensions="extendedKeyUsage=clientAuth")
    faults = {
        "from an unknown authority": secured.address(cacert=secured.other.ca, **good),
        "for another name": secured.address(host="localhost", cacert=ca, **good),
        "wants a client certificate": secured.address(cacert=ca),
        "client certificate has expired": secured.address(
            cacert=ca, **secured.mutual(secured.expired)
        ),
        "does not accept the client certificate": secured.address(
            cacert=ca, **secured.mutual(stranger)
        ),
    }
    summaries = set()
    for words, address in faults.items():
        with pytest.raises(DialError) as caught:
            await connect(address)
        assert words in caught.value.summary
        assert caught.value.hint
        summaries.add(caught.value.summary)
    assert len(summaries) == len(faults)


async def test_the_client_is_told_what_a_plain_connection_lacks(
    secured: Secured, connect: Connect
) -> None:
    with pytest.raises(NodeError, match="does not offer BuildKit") as caught:
        await connect(f"docker+tcp://127.0.0.1:{secured.port}")
    assert "400 Bad Request" in caught.value.detail
