"""Mutual TLS with a real dockerd: what works, and what is said about each thing that does not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DialError, NodeError
from bakex.events import WarningRaised
from bakex.testing.certificates import Authority
from bakex.testing.fakes import EventRecorder
from tests.loopback import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.daemons.conftest import Connect, StartDockerd


def certified(authority: Authority, place: Path, *hosts: str, days: int) -> Path:
    """Return a folder with ca.pem, cert.pem and key.pem."""
    place.mkdir()
    cert, private = authority.issue(place.name, *hosts, life=timedelta(days=days))
    (place / "ca.pem").symlink_to(authority.certificate)
    (place / "cert.pem").symlink_to(cert)
    (place / "key.pem").symlink_to(private)
    return place


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
    authority = Authority(tmp_path_factory.mktemp("ours"))
    server = certified(authority, folder / "server", "127.0.0.1", "node", days=20)
    port = free_port()
    start_dockerd(
        *("--tlsverify", f"--tlscacert={server}/ca.pem", f"--tlscert={server}/cert.pem"),
        *(f"--tlskey={server}/key.pem", "-H", f"tcp://127.0.0.1:{port}"),
    )
    return Secured(
        port=port,
        good=certified(authority, folder / "good", days=30),
        ending=certified(authority, folder / "ending", days=3),
        expired=certified(authority, folder / "expired", days=-1),
        other=Authority(tmp_path_factory.mktemp("theirs"), name="somebody else"),
    )


async def test_certificates_in_the_address(secured: Secured, connect: Connect) -> None:
    ca = secured.good / "ca.pem"
    address = secured.address(cacert=ca, **secured.mutual(secured.good))
    events = EventRecorder()
    node = await connect(address, events=events)
    assert node.info.platforms
    assert not [e for e in events.events if isinstance(e, WarningRaised)]


async def test_certificates_of_a_builder(
    secured: Secured, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "certs").symlink_to(secured.good)
    (tmp_path / "bakex.yaml").write_text(
        "builders:\n  farm:\n    nodes:\n      far:\n"
        f"        endpoint: docker+tcp://localhost:{secured.port}\n"
        "        tls: {ca: certs/ca.pem, cert: ~/certs/cert.pem, key: certs/key.pem,"
        " server-name: node}\n"
    )
    node = await connect("farm")
    assert node.info.name == "far"
    assert node.info.platforms


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


async def test_every_fault_has_words_of_its_own(
    secured: Secured, connect: Connect, tmp_path: Path
) -> None:
    ca, good = secured.good / "ca.pem", secured.mutual(secured.good)
    stranger = certified(secured.other, tmp_path / "stranger", days=9)
    faults = {
        "from an unknown authority": secured.address(cacert=secured.other.certificate, **good),
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
