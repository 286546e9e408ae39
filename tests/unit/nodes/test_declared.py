from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from bakex.config import Settings, load
from bakex.errors import ConfigError
from bakex.model.node import Terms, Wire
from bakex.model.platform import Platform
from bakex.nodes.declared import (
    DeclaredBuilder,
    DeclaredFile,
    DeclaredNode,
    DeclaredTls,
    candidate,
    plain,
    schema,
)
from bakex.platforms.document import Document
from bakex.platforms.shape import read

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.model.node import Endpoint

ARM64 = Platform.parse("linux/arm64")
FULL = {
    "version": 1,
    "builders": {
        "farm": {
            "nodes": {
                "big": {
                    "endpoint": "tcp://h:1",
                    "tls": {"ca": "ca.pem", "cert": "~/c.pem", "key": "/k.pem", "server-name": "s"},
                    "platforms": ["linux/arm64"],
                    "labels": {"disk": "ssd"},
                    "max-jobs": 4,
                    "weight": 3,
                },
                "box": {"endpoint": "docker-container://b", "options": {"image": "i:1"}},
            }
        }
    },
}


def parsed(value: Any) -> DeclaredFile:
    document = Document(name="f", value=value, place=lambda _: None)
    return read(DeclaredFile, document, value)


def settings(tmp_path: Path) -> Settings:
    return load({"HOME": str(tmp_path)}, cwd=tmp_path)


def endpoint(tmp_path: Path, **fields: Any) -> Endpoint:
    node = DeclaredNode(**fields)
    base = tmp_path / "project"
    found = candidate(settings(tmp_path), "n", node, origin="builder b", base=base).endpoint
    assert found is not None
    return found


def test_what_is_read_is_what_is_written() -> None:
    declared = parsed(FULL)
    builder = dict(declared.builders)["farm"]
    assert [name for name, _ in builder.nodes] == ["big", "box"]
    assert plain(declared) == {"builders": FULL["builders"]}
    assert parsed(plain(declared)) == declared
    assert plain(DeclaredFile()) == {}


def test_the_schema_says_the_same() -> None:
    document = json.loads(schema())
    jsonschema.Draft202012Validator.check_schema(document)
    jsonschema.validate(FULL, document)
    wrong: object
    for wrong in (
        {"builder": {}},
        {"version": 2},
        {"builders": {"farm": {"nodes": {}}}},
        {"builders": {"farm": {"nodes": {"1": {"endpoint": "private"}}}}},
        {"builders": {"farm": {"nodes": {"n": {"endpoint": "private", "password": "x"}}}}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, document)
        with pytest.raises(ConfigError):
            parsed(wrong)


def test_a_node_over_tls(tmp_path: Path) -> None:
    node = dict(dict(parsed(FULL).builders)["farm"].nodes)["big"]
    base = tmp_path / "project"
    found = candidate(settings(tmp_path), "big", node, origin="builder farm", base=base)
    assert found.endpoint is not None
    assert (found.name, found.endpoint.address) == ("big", "tcp://h:1")
    assert found.endpoint.wire is Wire.BUILDKIT
    assert found.endpoint.origin == "builder farm"
    assert found.endpoint.tls_ca == str(base / "ca.pem")
    assert found.endpoint.tls_cert == str(tmp_path / "c.pem")
    assert found.endpoint.tls_key == "/k.pem"
    assert found.endpoint.tls_server_name == "s"
    assert found.endpoint.terms == Terms(
        labels={"disk": "ssd"}, max_jobs=4, weight=3, only=(ARM64,)
    )


def test_all_kinds_of_endpoints(tmp_path: Path) -> None:
    assert endpoint(tmp_path, endpoint="unix:///b.sock").address == "unix:///b.sock"
    assert endpoint(tmp_path, endpoint="ssh://me@pi").address == "ssh://me@pi"
    assert endpoint(tmp_path, endpoint="docker:///d.sock").wire is Wire.DOCKER
    box = endpoint(
        tmp_path, endpoint="docker-container://b", options=(("image", "i"), ("cpu-quota", "5"))
    )
    assert box.options == {"image": "i", "cpu-quota": "5"}
    assert box.via is not None
    pod = endpoint(tmp_path, endpoint="kubernetes:///d", options=(("namespace", "n"),))
    assert (pod.address, pod.options) == ("kubernetes:///d", {"namespace": "n"})
    context = endpoint(tmp_path, endpoint="default")
    assert (context.name, context.address) == ("n", "unix:///var/run/docker.sock")
    assert endpoint(tmp_path, endpoint="tcp://h:1", tls=DeclaredTls(ca="a")).tls_server_name == ""


def test_the_private_engine_keeps_name_and_terms(tmp_path: Path) -> None:
    node = DeclaredNode(endpoint="private", max_jobs=2)
    found = candidate(settings(tmp_path), "own", node, origin="b", base=tmp_path)
    assert found.endpoint is None
    private = endpoint(tmp_path, endpoint="unix:///engine.sock")
    located = found.located(private)
    assert (located.name, located.terms.max_jobs) == ("own", 2)
    assert located.address == private.address


def test_a_node_without_a_name_gets_one(tmp_path: Path) -> None:
    node = DeclaredNode(endpoint="ssh://me@pi:22")
    assert candidate(settings(tmp_path), "", node, origin="b", base=tmp_path).name == "pi"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"endpoint": "private", "options": (("a", "b"),)}, "takes no options"),
        ({"endpoint": "default", "options": (("a", "b"),)}, "takes no options"),
        ({"endpoint": "tcp://h:1", "options": (("a", "b"),)}, "'tcp://h:1' takes no options"),
        ({"endpoint": "kubernetes:///d", "options": (("a", "b"),)}, "cannot be used"),
        ({"endpoint": "unix:///s", "tls": DeclaredTls(ca="a")}, "takes no TLS files"),
        ({"endpoint": "tcp://h:1", "tls": DeclaredTls(cert="a")}, "belong together"),
        ({"endpoint": "nowhere"}, "there is no docker context 'nowhere'"),
    ],
)
def test_nodes_that_make_no_sense(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        endpoint(tmp_path, **fields)
    assert caught.value.hint


def test_a_key_in_the_file_is_refused_and_not_shown(tmp_path: Path) -> None:
    tls = DeclaredTls(cert="c", key="-----BEGIN PRIVATE KEY-----\nabc\n")
    with pytest.raises(ConfigError, match="name of its file") as caught:
        endpoint(tmp_path, endpoint="tcp://h:1", tls=tls)
    assert "abc" not in str(vars(caught.value))


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    for address in ("docker-container://me:hunter2@b", "tcp://me:hunter2@h:1"):
        with pytest.raises(ConfigError) as caught:
            endpoint(tmp_path, endpoint=address)
        assert "hunter2" not in f"{caught.value.summary}{caught.value.detail}"


def test_builders_compare_by_what_they_declare() -> None:
    node = DeclaredNode(endpoint="private")
    assert DeclaredBuilder(nodes=(("a", node),)) != DeclaredBuilder(nodes=(("b", node),))
