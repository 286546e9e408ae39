"""registries.conf and buildkitd.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakex.config import load
from bakex.errors import ConfigError
from bakex.model.reference import Reference
from bakex.registry.hosts import Endpoint, Hosts, Trust, check_blocked

DIGEST = "@sha256:" + "0" * 64
CONF = """
unqualified-search-registries = ["docker.io"]

[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "mirror:5000/hub"
insecure = true
[[registry.mirror]]
location = "https://second/"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "third"
pull-from-mirror = "tag-only"

[[registry]]
prefix = "reg.example/team"
location = "internal.example/sub"
insecure = true

[[registry]]
prefix = "*.bad.example"
blocked = true

[[registry]]
location = "old:5000"
mirror-by-digest-only = true
mirror = [{ location = "new:5000" }]
"""
BUILDKIT = """
[registry."docker.io"]
  mirrors = ["other:1"]
[registry."plain:5000"]
  http = true
  ca = ["/ca.pem"]
  [[registry."plain:5000".keypair]]
    key = "/k.pem"
    cert = "/c.pem"
"""


def hosts(tmp_path: Path, conf: str = CONF, buildkit: str = BUILDKIT) -> Hosts:
    (tmp_path / "c.conf").write_text(conf)
    (tmp_path / "b.toml").write_text(buildkit)
    return Hosts(load({}), containers=[tmp_path / "c.conf"], buildkit=[tmp_path / "b.toml"])


def names(found: tuple[Endpoint, ...]) -> list[str]:
    return [endpoint.name for endpoint in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alpine:3", ["mirror:5000/hub/library/alpine", "third/library/alpine"]),
        ("alpine" + DIGEST, ["mirror:5000/hub/library/alpine", "second/library/alpine"]),
        ("old:5000/a:1", []),
        ("old:5000/a" + DIGEST, ["new:5000/a"]),
        ("else/a", ["mirror:5000/hub/else/a", "third/else/a"]),
        ("ghcr.io/a/b", []),
    ],
)
def test_mirrors_come_first(tmp_path: Path, text: str, expected: list[str]) -> None:
    reference = Reference.parse(text)
    found = hosts(tmp_path).endpoints(reference)
    assert names(found) == [*expected, reference.repository]


def test_the_longest_prefix_is_rewritten(tmp_path: Path) -> None:
    found = hosts(tmp_path)
    (endpoint,) = found.endpoints(Reference.parse("reg.example/team/app:1"))
    assert endpoint == Endpoint(name="internal.example/sub/app", insecure=True)
    assert names(found.endpoints(Reference.parse("reg.example/teams/app"))) == [
        "reg.example/teams/app"
    ]


def test_blocked_hosts_are_refused(tmp_path: Path) -> None:
    found = hosts(tmp_path)
    reference = Reference.parse("very.bad.example/a")
    with pytest.raises(ConfigError, match=r"must not be used: \*\.bad\.example is blocked"):
        found.endpoints(reference)
    check_blocked(found.rule(Reference.parse("bad.example/a")), reference)


def test_buildkit_adds_to_it(tmp_path: Path) -> None:
    found = hosts(tmp_path)
    plain = found.rule(Reference.parse("plain:5000/a"))
    assert plain.insecure
    assert found.trust("plain:5000") == Trust(
        authorities=(Path("/ca.pem"),), pairs=((Path("/c.pem"), Path("/k.pem")),)
    )
    assert found.trust("docker.io") == Trust()
    # The first file's mirrors stay.
    assert found.rule(Reference.parse("a")).mirrors[0].location == "mirror:5000/hub"


def test_version_1_is_about_trust_only(tmp_path: Path) -> None:
    conf = '[registries.insecure]\nregistries = ["a:1"]\n[registries.block]\nregistries = ["b:1"]\n'
    found = hosts(tmp_path, conf, "")
    assert found.rule(Reference.parse("a:1/x")).insecure
    assert found.rule(Reference.parse("b:1/x")).blocked
    assert not found.rule(Reference.parse("c:1/x")).insecure


@pytest.mark.parametrize(
    "conf",
    [
        "registry = 1",
        "[[registry]]\ninsecure = true",
        "[[registry]]\nlocation = 'a'\nmirror = [{}]",
        "[[registry]]\nlocation = 'a'\nmirror = [{location = 'b', pull-from-mirror = 'never'}]",
        "[[registry]]\nlocation = 'a'\nmirror = [3]",
        "what?",
    ],
)
def test_nonsense_is_refused(tmp_path: Path, conf: str) -> None:
    with pytest.raises(ConfigError, match=r"c\.conf"):
        hosts(tmp_path, conf, "").rule(Reference.parse("a"))


def test_nonsense_of_buildkit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"b\.toml: registry must be a table"):
        hosts(tmp_path, "", "registry = 1").rule(Reference.parse("a"))


def test_files_come_in_this_order(tmp_path: Path) -> None:
    own = tmp_path / ".config" / "containers"
    (own / "registries.conf.d").mkdir(parents=True)
    (own / "registries.conf").write_text("[[registry]]\nlocation = 'a.example'\n")
    late = "[[registry]]\nlocation = 'a.example'\ninsecure = true\n"
    (own / "registries.conf.d" / "1.conf").write_text(late)
    found = Hosts(load({"HOME": str(tmp_path)}), buildkit=())
    assert found.rule(Reference.parse("a.example/x")).insecure
    (tmp_path / "only.conf").write_text("[[registry]]\nlocation = 'a.example'\nblocked = true\n")
    environ = {"HOME": str(tmp_path), "CONTAINERS_REGISTRIES_CONF": str(tmp_path / "only.conf")}
    assert Hosts(load(environ), buildkit=()).rule(Reference.parse("a.example/x")).blocked
    (tmp_path / ".docker" / "buildx").mkdir(parents=True)
    (tmp_path / ".docker/buildx/buildkitd.default.toml").write_text(BUILDKIT)
    assert Hosts(load(environ)).rule(Reference.parse("plain:5000/x")).insecure


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        Hosts(load({}), containers=[tmp_path], buildkit=()).rule(Reference.parse("a"))
