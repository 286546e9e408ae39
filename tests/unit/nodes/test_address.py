from __future__ import annotations

import pytest

from bakex.errors import ConfigError
from bakex.model.node import Endpoint, Wire
from bakex.nodes.address import host_port, is_address, parse_endpoint, shown, socket_path


def parse(text: str, bare: Wire = Wire.BUILDKIT) -> Endpoint:
    return parse_endpoint(text, origin="--builder", bare=bare)


@pytest.mark.parametrize(
    ("text", "address", "wire", "name"),
    [
        ("unix:///run/b/buildkitd.sock", "unix:///run/b/buildkitd.sock", "buildkit", "buildkitd"),
        ("docker:///var/run/docker.sock", "unix:///var/run/docker.sock", "docker", "docker"),
        ("docker+unix:///d.sock", "unix:///d.sock", "docker", "d"),
        ("tcp://arm-1:1234", "tcp://arm-1:1234", "buildkit", "arm-1"),
        ("tcp://[::1]:1234/", "tcp://[::1]:1234", "buildkit", "::1"),
        ("docker+tcp://arm-1", "tcp://arm-1:2375", "docker", "arm-1"),
        ("docker+tcp://arm-1?cacert=/c.pem", "tcp://arm-1:2376", "docker", "arm-1"),
    ],
)
def test_addresses(text: str, address: str, wire: str, name: str) -> None:
    endpoint = parse(text)
    assert (endpoint.address, endpoint.wire, endpoint.name) == (address, wire, name)
    assert endpoint.origin == "--builder"


def test_in_docker_settings_plain_addresses_are_dockerds() -> None:
    assert parse("unix:///d.sock", bare=Wire.DOCKER).wire is Wire.DOCKER
    assert parse("tcp://host", bare=Wire.DOCKER).address == "tcp://host:2375"


def test_a_given_name_wins() -> None:
    endpoint = parse_endpoint("tcp://host:1", origin="x", name="farm")
    assert endpoint.name == "farm"


def test_tls_parameters() -> None:
    endpoint = parse("tcp://h:1?cacert=/a.pem&cert=/c.pem&key=/k.pem&servername=builder")
    assert endpoint.address == "tcp://h:1"
    assert (endpoint.tls_ca, endpoint.tls_cert, endpoint.tls_key) == ("/a.pem", "/c.pem", "/k.pem")
    assert endpoint.tls_server_name == "builder"
    assert endpoint.tls_verify


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tcp://h", "no port"),
        ("tcp://:1", "host and a port"),
        ("tcp://h:1/path", "no path"),
        ("tcp://h:99999", "valid address"),
        ("tcp://[::1:5", "valid address"),
        ("tcp://h:1?cert=/c.pem", "belong together"),
        ("tcp://h:1?key=/c.pem", "belong together"),
        ("tcp://h:1?colour=red", "not 'colour'"),
        ("tcp://h:1?cacert=", "not 'cacert'"),
        ("tcp://h:1?junk", "not key=value"),
        ("tcp://me@h:1", "user name"),
        ("unix://run/x.sock", "three slashes"),
        ("docker://host:1", "docker+tcp://"),
        ("unix:///", "absolute path of a socket"),
        ("unix:///x.sock?cacert=/a", "absolute path of a socket"),
    ],
)
def test_malformed_addresses(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert caught.value.summary.startswith("--builder: ")
    assert expected in caught.value.detail
    assert "unix:///path" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("http://host:1", "tcp://"),
        ("https://host:1", "cacert"),
        ("npipe:////./pipe/x", "tcp port"),
        ("docker-container://buildx", "unix socket"),
    ],
)
def test_schemes_that_cannot_be_used_say_what_can(text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match="cannot be used") as caught:
        parse(text)
    assert hint in caught.value.hint
    assert "tcp://host:port" in caught.value.detail


def test_what_may_be_secret_is_not_shown() -> None:
    assert shown("ssh://me:hunter2@host/p?token=x") == "ssh://host/p"
    with pytest.raises(ConfigError, match="cannot be used as the address") as caught:
        parse("ssh://me:hunter2@host/")
    assert "ssh uses keys" in caught.value.detail
    assert "hunter2" not in str(caught.value.diagnostics())


def test_parts_of_an_endpoint() -> None:
    assert socket_path(parse("unix:///a/b.sock")) == "/a/b.sock"
    assert socket_path(parse("tcp://h:1")) == ""
    assert host_port(parse("tcp://[::1]:7")) == ("::1", 7)
    assert host_port(parse("unix:///a")) == ("", 0)
    assert is_address("tcp://x")
    assert not is_address("desktop-linux")


def test_ssh() -> None:
    far = parse("ssh://me@far:2222/run/b.sock")
    assert far.address == "ssh://me@far:2222/run/b.sock"
    assert far.wire is Wire.BUILDKIT
    assert far.name == "far"
    assert parse("docker+ssh://far/").address == "ssh://far"
    assert parse("docker+ssh://far").wire is Wire.DOCKER
    assert parse("ssh://[::1]:22").address == "ssh://[::1]:22"
    for text in ("ssh://", "ssh://far?x=1", "ssh:///path"):
        with pytest.raises(ConfigError, match="cannot be used as the address"):
            parse(text)
