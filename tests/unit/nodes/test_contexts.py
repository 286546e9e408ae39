from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from bakex.config import Settings, load
from bakex.errors import ConfigError
from bakex.model.node import Wire
from bakex.nodes.contexts import (
    context_endpoint,
    context_names,
    current_context,
    default_endpoint,
)

if TYPE_CHECKING:
    from pathlib import Path


def settings(tmp_path: Path, **environ: str) -> Settings:
    return load({"HOME": str(tmp_path), **environ}, cwd=tmp_path)


def add_context(
    tmp_path: Path, name: str, docker: object, *, certificates: tuple[str, ...] = ()
) -> Path:
    identity = hashlib.sha256(name.encode()).hexdigest()
    contexts = tmp_path / ".docker" / "contexts"
    meta = contexts / "meta" / identity
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": docker}}))
    tls = contexts / "tls" / identity / "docker"
    for file in certificates:
        tls.mkdir(parents=True, exist_ok=True)
        (tls / file).touch()
    return tls


def config(tmp_path: Path, text: str) -> None:
    (tmp_path / ".docker").mkdir(exist_ok=True)
    (tmp_path / ".docker" / "config.json").write_text(text)


def test_no_current_context(tmp_path: Path) -> None:
    assert current_context(settings(tmp_path)) == ("", "")
    config(tmp_path, "{}")
    assert current_context(settings(tmp_path)) == ("", "")


def test_the_variable_goes_before_the_file(tmp_path: Path) -> None:
    config(tmp_path, '{"currentContext": "farm"}')
    name, origin = current_context(settings(tmp_path))
    assert name == "farm"
    assert "currentContext in " in origin
    found = current_context(settings(tmp_path, DOCKER_CONTEXT="lab"))
    assert found == ("lab", "DOCKER_CONTEXT")


def test_docker_config_moves_everything(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text('{"currentContext": "x"}')
    assert current_context(settings(tmp_path, DOCKER_CONFIG=str(other)))[0] == "x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "not valid JSON"),
        ("[]", "JSON object"),
        ('{"currentContext": 1}', "not a string"),
    ],
)
def test_a_broken_configuration_is_an_error(tmp_path: Path, text: str, expected: str) -> None:
    config(tmp_path, text)
    with pytest.raises(ConfigError, match=expected):
        current_context(settings(tmp_path))


def test_an_unreadable_configuration_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".docker" / "config.json").mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        current_context(settings(tmp_path))


def test_a_context_on_a_socket(tmp_path: Path) -> None:
    add_context(tmp_path, "rootless", {"Host": "unix:///run/user/1/docker.sock"})
    endpoint = context_endpoint(settings(tmp_path), "rootless", origin="--builder")
    assert endpoint.address == "unix:///run/user/1/docker.sock"
    assert (endpoint.name, endpoint.wire, endpoint.tls_ca) == ("rootless", Wire.DOCKER, "")


def test_a_context_with_certificates(tmp_path: Path) -> None:
    tls = add_context(
        tmp_path,
        "arm",
        {"Host": "tcp://arm:2376", "SkipTLSVerify": False},
        certificates=("ca.pem", "cert.pem", "key.pem"),
    )
    endpoint = context_endpoint(settings(tmp_path), "arm", origin="--builder")
    assert endpoint.tls_ca == str(tls / "ca.pem")
    assert endpoint.tls_cert == str(tls / "cert.pem")
    assert endpoint.tls_key == str(tls / "key.pem")
    assert endpoint.tls_verify


def test_a_context_without_certificates_is_plain(tmp_path: Path) -> None:
    add_context(tmp_path, "lab", {"Host": "tcp://lab:2375"})
    endpoint = context_endpoint(settings(tmp_path), "lab", origin="--builder")
    assert (endpoint.tls_ca, endpoint.tls_cert, endpoint.tls_verify) == ("", "", True)


def test_a_context_that_does_not_verify(tmp_path: Path) -> None:
    add_context(tmp_path, "lab", {"Host": "tcp://lab:2376", "SkipTLSVerify": True})
    assert not context_endpoint(settings(tmp_path), "lab", origin="x").tls_verify


def test_an_unknown_context_names_the_known_ones(tmp_path: Path) -> None:
    add_context(tmp_path, "lab", {"Host": "tcp://lab:2375"})
    broken = tmp_path / ".docker" / "contexts" / "meta" / "zzz"
    broken.mkdir()
    (broken / "meta.json").write_text("{")
    with pytest.raises(ConfigError) as caught:
        context_endpoint(settings(tmp_path), "labb", origin="DOCKER_CONTEXT")
    assert caught.value.summary == "DOCKER_CONTEXT: there is no docker context 'labb'"
    assert "default, lab." in caught.value.detail
    assert context_names(settings(tmp_path)) == ("default", "lab")


@pytest.mark.parametrize("docker", [{}, {"Host": 3}, "junk"])
def test_a_context_without_docker_endpoint(tmp_path: Path, docker: object) -> None:
    add_context(tmp_path, "kube", docker)
    with pytest.raises(ConfigError, match="no docker endpoint"):
        context_endpoint(settings(tmp_path), "kube", origin="x")


def test_a_context_over_ssh(tmp_path: Path) -> None:
    add_context(tmp_path, "far", {"Host": "ssh://me@far"})
    endpoint = context_endpoint(settings(tmp_path), "far", origin="x")
    assert endpoint.address == "ssh://me@far"
    assert endpoint.wire is Wire.DOCKER
    assert not endpoint.tls_ca


def test_the_default_context_is_the_usual_socket(tmp_path: Path) -> None:
    endpoint = context_endpoint(settings(tmp_path), "default", origin="--builder")
    assert endpoint.address == "unix:///var/run/docker.sock"
    assert endpoint.wire is Wire.DOCKER


def test_docker_host_with_certificates(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (folder / name).touch()
    found = settings(
        tmp_path, DOCKER_HOST="tcp://h:2376", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH="certs"
    )
    endpoint = default_endpoint(found, origin="DOCKER_HOST")
    assert endpoint.tls_ca == str(folder / "ca.pem")
    assert endpoint.tls_cert == str(folder / "cert.pem")
    assert endpoint.tls_verify


def test_tls_that_is_asked_for_is_not_dropped_when_files_are_missing(tmp_path: Path) -> None:
    found = settings(tmp_path, DOCKER_HOST="tcp://h:2376", DOCKER_TLS_VERIFY="1")
    endpoint = default_endpoint(found, origin="DOCKER_HOST")
    assert endpoint.tls_ca == str(tmp_path / ".docker" / "ca.pem")
    assert endpoint.tls_cert == ""


def test_tls_without_verification(tmp_path: Path) -> None:
    found = settings(tmp_path, DOCKER_HOST="tcp://h:2376", DOCKER_TLS="1")
    endpoint = default_endpoint(found, origin="DOCKER_HOST")
    assert (endpoint.tls_verify, endpoint.tls_ca) == (False, "")


def test_sockets_have_no_tls(tmp_path: Path) -> None:
    endpoint = default_endpoint(settings(tmp_path, DOCKER_TLS_VERIFY="1"), origin="x")
    assert (endpoint.tls_ca, endpoint.tls_verify) == ("", True)
