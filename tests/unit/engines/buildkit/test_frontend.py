from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bakex.engines.buildkit.frontend import ELSEWHERE, MAPPED, REFUSED, compose
from bakex.errors import FrontendError, SessionError, UnsupportedAttributeError
from bakex.model.attestations import Attestation
from bakex.model.attributes import declared
from bakex.model.caches import CacheEntry
from bakex.model.node import Feature, Wire
from bakex.model.policy import Policy
from bakex.model.secrets import Secret
from bakex.model.ssh import Ssh
from bakex.model.target import Target

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.config import Settings
    from bakex.engines.buildkit.recipe import Recipe
    from tests.unit.engines.buildkit.conftest import MakeCell, MakeInfo

PROVENANCE = "mode=min,inline-only=true"


class Composer:
    def __init__(self, make_cell: MakeCell, make_info: MakeInfo, settings: Settings) -> None:
        self.make_cell = make_cell
        self.make_info = make_info
        self.settings = settings

    def __call__(self, *without: Feature, **fields: Any) -> Recipe:
        return compose(self.make_cell(**fields), self.make_info(*without), self.settings, {})

    def attrs(self, *without: Feature, **fields: Any) -> dict[str, str]:
        """The attributes that a bare target does not have."""
        bare = self(*without).attrs
        return {k: v for k, v in self(*without, **fields).attrs.items() if bare.get(k) != v}

    def environment(self, **variables: str) -> None:
        self.settings = replace(self.settings, environ=variables)


@pytest.fixture
def composer(make_cell: MakeCell, make_info: MakeInfo, settings: Settings) -> Composer:
    return Composer(make_cell, make_info, settings)


def test_every_attribute_is_mapped_handled_elsewhere_or_refused() -> None:
    groups = [set(MAPPED), set(ELSEWHERE), set(REFUSED)]
    assert set.union(*groups) == set(declared(Target))
    assert sum(len(group) for group in groups) == len(declared(Target))
    assert all([*ELSEWHERE.values(), *REFUSED.values()])


def test_a_bare_target(composer: Composer, tmp_path: Path) -> None:
    recipe = composer()
    assert recipe.frontend == "dockerfile.v0"
    assert recipe.attrs == {
        "filename": "Dockerfile",
        "platform": "linux/amd64",
        "attest:provenance": PROVENANCE,
    }
    assert recipe.entitlements == ()
    assert recipe.dirs == {"context": tmp_path, "dockerfile": tmp_path}


VALUES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "args": ({"args": {"A": "1", "B": ""}}, {"build-arg:A": "1", "build-arg:B": ""}),
    "attest": (
        {"attest": (Attestation(type="sbom", attrs={"generator": "a,b"}),)},
        {"attest:sbom": '"generator=a,b"'},
    ),
    "labels": ({"labels": {"a.b": "c"}}, {"label:a.b": "c"}),
    "target": ({"target": "stage"}, {"target": "stage"}),
    "ssh": ({"ssh": (Ssh(paths=("key",)),)}, {}),
    "secret": ({"secret": (Secret(id="s", env="E"),)}, {}),
    "pull": ({"pull": True}, {"image-resolve-mode": "pull"}),
    "no-cache": ({"no_cache": True, "no_cache_filter": ("a",)}, {"no-cache": ""}),
    "no-cache-filter": ({"no_cache_filter": ("a", "b")}, {"no-cache": "a,b"}),
    "network": ({"network": "none"}, {"force-network-mode": "none"}),
    "shm-size": ({"shm_size": "1.5m"}, {"shm-size": "1572864"}),
    "ulimits": ({"ulimits": ("nofile=1:2", "core=0")}, {"ulimit": "nofile=1:2,core=0"}),
    "resources": (
        {
            "resources": {
                "memory": "1.5g",
                "memory-swap": "-1",
                "cpu-quota": "5",
                "cpuset-cpus": "0-3",
            }
        },
        {"memory": "1610612736", "memswap": "-1", "cpuquota": "5", "cpusetcpus": "0-3"},
    ),
    "entitlements": ({"entitlements": ("security.insecure",)}, {}),
    "extra-hosts": (
        {"extra_hosts": {"a": "1.2.3.4", "b": "[::1],5.6.7.8"}},
        {"add-hosts": "a=1.2.3.4,b=::1,b=5.6.7.8"},
    ),
}


@pytest.mark.parametrize("name", MAPPED)
def test_what_each_attribute_becomes(composer: Composer, name: str, tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    key = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    (tmp_path / "key").write_bytes(key)
    fields, expected = VALUES[name]
    assert composer.attrs(**fields) == expected


REFUSALS: dict[str, dict[str, Any]] = {
    "call": {"call": "lint"},
    "policy": {"policy": (Policy(),)},
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_attribute_and_the_reason(composer: Composer, name: str) -> None:
    with pytest.raises(UnsupportedAttributeError, match=f"'app': {name} is not") as caught:
        composer(**REFUSALS[name])
    assert caught.value.detail == REFUSED[name]


def test_an_agent_or_a_key_must_be_there(composer: Composer) -> None:
    with pytest.raises(SessionError, match="there is no SSH agent"):
        composer(ssh=(Ssh(),))
    with pytest.raises(SessionError, match="there is no SSH agent"):
        composer(context="git@github.com:a/b.git")
    with pytest.raises(SessionError, match="ssh 'a': cannot use"):
        composer(context="git@github.com:a/b.git", ssh=(Ssh(id="a", paths=("none",)),))


def test_building_is_what_a_target_does_anyway(composer: Composer) -> None:
    assert composer.attrs(call="build") == {}


# ---------------------------------------------------------------- attestations


def test_no_attestations_where_the_node_cannot_make_them(composer: Composer) -> None:
    assert "attest:provenance" not in composer(Feature.ATTESTATIONS).attrs
    with pytest.raises(UnsupportedAttributeError, match="attest needs attestations"):
        composer(Feature.ATTESTATIONS, attest=(Attestation(type="sbom"),))
    disabled = Attestation(type="sbom", disabled=True)
    assert "attest:sbom" not in composer(Feature.ATTESTATIONS, attest=(disabled,)).attrs


def test_the_default_provenance_can_be_replaced_or_turned_off(composer: Composer) -> None:
    more = Attestation(type="provenance", attrs={"mode": "max"})
    assert composer(attest=(more,)).attrs["attest:provenance"] == "mode=max"
    bare = Attestation(type="provenance")
    assert composer(attest=(bare,)).attrs["attest:provenance"] == ""
    off = Attestation(type="provenance", disabled=True)
    assert "attest:provenance" not in composer(attest=(off,)).attrs
    composer.environment(BUILDX_NO_DEFAULT_ATTESTATIONS="1")
    assert "attest:provenance" not in composer().attrs


# ---------------------------------------------------------------- network, hosts, images


def test_the_hosts_network_is_asked_for(composer: Composer) -> None:
    recipe = composer(network="host", entitlements=("network.host",))
    assert recipe.attrs["force-network-mode"] == "host"
    assert recipe.entitlements == ("network.host",)
    with pytest.raises(UnsupportedAttributeError, match="'bridge'"):
        composer(network="bridge")


def test_a_node_without_a_network_of_its_own(
    make_cell: MakeCell, make_info: MakeInfo, settings: Settings
) -> None:
    info = make_info(host_network=True)
    for mode in (None, "default"):
        recipe = compose(make_cell(network=mode), info, settings, {})
        assert recipe.attrs["force-network-mode"] == "host"
        assert recipe.entitlements == ("network.host",)
    recipe = compose(make_cell(network="none"), info, settings, {})
    assert recipe.attrs["force-network-mode"] == "none"
    assert recipe.entitlements == ()


def test_host_gateway_is_what_the_worker_says(
    make_cell: MakeCell, make_info: MakeInfo, settings: Settings
) -> None:
    cell = make_cell(extra_hosts={"h": "host-gateway"})
    label = "org.mobyproject.buildkit.worker.moby.host-gateway-ip"
    recipe = compose(cell, make_info(labels={label: "172.17.0.1"}), settings, {})
    assert recipe.attrs["add-hosts"] == "h=172.17.0.1"
    for info in (make_info(), make_info(labels={label: "<nil>"})):
        with pytest.raises(UnsupportedAttributeError, match="host-gateway"):
            compose(cell, info, settings, {})
    with pytest.raises(UnsupportedAttributeError, match="malformed address 'x'"):
        compose(make_cell(extra_hosts={"h": "x"}), make_info(), settings, {})


def test_dockerd_uses_images_of_its_own_store(
    make_cell: MakeCell, make_info: MakeInfo, settings: Settings
) -> None:
    info = make_info(wire=Wire.DOCKER)
    assert compose(make_cell(), info, settings, {}).attrs["image-resolve-mode"] == "local"
    recipe = compose(make_cell(pull=True), info, settings, {})
    assert recipe.attrs["image-resolve-mode"] == "pull"


def test_a_size_that_is_none(composer: Composer) -> None:
    with pytest.raises(UnsupportedAttributeError, match="shm-size is not a size"):
        composer(shm_size="much")


# ---------------------------------------------------------------- the rest


def test_the_epoch_of_the_environment_counts_unless_the_target_has_one(composer: Composer) -> None:
    composer.environment(SOURCE_DATE_EPOCH="7")
    assert composer().attrs["build-arg:SOURCE_DATE_EPOCH"] == "7"
    assert composer(args={"SOURCE_DATE_EPOCH": "9"}).attrs["build-arg:SOURCE_DATE_EPOCH"] == "9"


def test_another_frontend(composer: Composer) -> None:
    recipe = composer(args={"BUILDKIT_SYNTAX": "docker/dockerfile:1 --x"})
    assert recipe.frontend == "gateway.v0"
    assert recipe.attrs["source"] == "docker/dockerfile:1"
    assert recipe.attrs["cmdline"] == "docker/dockerfile:1 --x"


def test_secrets_are_looked_for_before_the_build(composer: Composer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    secret = Secret(id="s", src="file")
    assert composer(secret=(secret,)).secrets == {"s": secret}
    with pytest.raises(SessionError, match="secret 's'"):
        composer(secret=(Secret(id="s", src="nowhere"),))
    with pytest.raises(SessionError, match="secret 'nowhere'"):
        composer(secret=(Secret(id="nowhere"),))


def test_missing_sources_show_before_the_build(composer: Composer) -> None:
    with pytest.raises(FrontendError):
        composer(dockerfile="nope")


def test_cache_imports_are_said_twice(composer: Composer) -> None:
    entry = CacheEntry(type="registry", attrs={"ref": "r/c"})
    recipe = composer(cache_from=(entry,), cache_to=(entry,))
    assert recipe.imports == recipe.exports == (entry,)
    assert recipe.attrs["cache-imports"] == '[{"Attrs": {"ref": "r/c"}, "Type": "registry"}]'
    assert "cache-imports" not in composer().attrs
