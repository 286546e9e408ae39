"""TLS: the system's authorities, a host's own, and none."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from bakex.config import load
from bakex.errors import ConfigError, RegistryError
from bakex.registry.hosts import Hosts
from bakex.registry.tls import Contexts, certificate_roots
from bakex.testing.certificates import Authority
from bakex.testing.images import put_image
from bakex.testing.registry import Access, FakeRegistry, RegistryAuth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.registry.conftest import MakeRig


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def pem(authority: Authority) -> Path:
    return authority.joined("server", "127.0.0.1", "localhost")


@pytest.fixture
def secure(pem: Path) -> Iterator[FakeRegistry]:
    with FakeRegistry(certificate=pem) as found:
        yield found


def trust(authority: Authority, root: Path, host: str) -> None:
    (root / host).mkdir(parents=True)
    (root / host / "ca.crt").write_bytes(authority.certificate.read_bytes())


def test_the_usual_directories() -> None:
    settings = load({"HOME": "/home/joe"})
    assert [str(path) for path in certificate_roots(settings)] == [
        "/etc/docker/certs.d",
        "/etc/containers/certs.d",
        "/home/joe/.config/containers/certs.d",
    ]
    settings = load({"HOME": "/home/joe", "XDG_CONFIG_HOME": "/cfg"})
    assert str(certificate_roots(settings)[2]) == "/cfg/containers/certs.d"


def test_contexts_are_made_once(authority: Authority, tmp_path: Path) -> None:
    trust(authority, tmp_path, "reg:5000")
    contexts = Contexts(load({}), [tmp_path])
    assert contexts.of("a") is contexts.of("b")
    assert contexts.of("reg:5000") is contexts.of("reg:5000")
    assert contexts.of("reg:5000") is not contexts.of("a")
    assert contexts.of("a").verify_mode is ssl.CERT_REQUIRED
    unverified = contexts.of("a", verify=False)
    assert (unverified.verify_mode, unverified.check_hostname) == (ssl.CERT_NONE, False)


def test_client_certificates_are_pairs(pem: Path, tmp_path: Path) -> None:
    (tmp_path / "reg").mkdir()
    (tmp_path / "reg" / "client.cert").write_bytes(pem.read_bytes())
    with pytest.raises(ConfigError, match=r"client\.cert"):
        Contexts(load({}), [tmp_path]).of("reg")
    (tmp_path / "reg" / "client.key").write_bytes(pem.read_bytes())
    Contexts(load({}), [tmp_path]).of("reg")


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "reg").mkdir()
    (tmp_path / "reg" / "ca.crt").write_text("nonsense")
    with pytest.raises(ConfigError, match=r"ca\.crt"):
        Contexts(load({}), [tmp_path]).of("reg")
    with pytest.raises(ConfigError, match="/none/ca"):
        Contexts(load({"SSL_CERT_FILE": "/none/ca"}), []).of("reg")


async def test_an_unknown_authority_is_refused(secure: FakeRegistry, make_rig: MakeRig) -> None:
    async with make_rig(certificates=[]) as rig:
        with pytest.raises(RegistryError, match="its certificate is not trusted") as caught:
            await put_image(rig.repository(f"{secure.host}/app"))
    # What it said to plain HTTP, which loopback is asked with first, is of no use to anybody.
    assert caught.value.hint.endswith(f"/etc/docker/certs.d/{secure.host}/ca.crt")
    assert secure.log == []


async def test_a_hosts_own_authority_is_trusted(
    secure: FakeRegistry, authority: Authority, make_rig: MakeRig, tmp_path: Path
) -> None:
    trust(authority, tmp_path / "certs.d", secure.host)
    async with make_rig(certificates=[tmp_path / "certs.d"]) as rig:
        await put_image(rig.repository(f"{secure.host}/app"))


async def test_buildkits_configuration_names_authorities(
    secure: FakeRegistry, authority: Authority, make_rig: MakeRig, tmp_path: Path
) -> None:
    file = tmp_path / "buildkitd.toml"
    file.write_text(f'[registry."{secure.host}"]\nca = ["{authority.certificate}"]\n')
    hosts = Hosts(load({}), containers=(), buildkit=[file])
    async with make_rig(certificates=[], hosts=hosts) as rig:
        await put_image(rig.repository(f"{secure.host}/app"))


async def test_the_environment_names_authorities(
    secure: FakeRegistry, authority: Authority, make_rig: MakeRig
) -> None:
    environ = {"SSL_CERT_FILE": str(authority.certificate)}
    async with make_rig(certificates=[], environ=environ) as rig:
        await put_image(rig.repository(f"{secure.host}/app"))


async def test_an_insecure_host_needs_none(secure: FakeRegistry, make_rig: MakeRig) -> None:
    async with make_rig(certificates=[]) as rig:
        await put_image(rig.repository(f"{secure.host}/app", insecure=True))
        assert rig.client._sites[secure.host].base == f"https://{secure.host}"


async def test_an_insecure_host_may_speak_plain_http(
    registry: FakeRegistry, make_rig: MakeRig
) -> None:
    async with make_rig(certificates=[]) as rig:
        await put_image(rig.repository(f"{registry.host}/app", insecure=True))
        assert rig.client._sites[registry.host].base == f"http://{registry.host}"


async def test_tokens_come_over_tls_too(
    authority: Authority, pem: Path, make_rig: MakeRig, tmp_path: Path
) -> None:
    auth = RegistryAuth(access=Access.TOKEN, anonymous_pull=True)
    with FakeRegistry(certificate=pem, auth=auth) as registry:
        trust(authority, tmp_path / "certs.d", registry.host)
        async with make_rig(certificates=[tmp_path / "certs.d"]) as rig:
            with pytest.raises(RegistryError, match="it is not there"):
                await rig.repository(f"{registry.host}/app").resolve("1")
    assert len(auth.issued) == 1
