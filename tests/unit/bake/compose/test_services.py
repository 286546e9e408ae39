from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from tests.unit.bake.compose.conftest import Build

REGISTRY = "registry"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".", {}),
        ("{}", {}),
        ("./d", {"context": "d"}),
        ("a//b/../c/", {"context": "a/c"}),
        ("''", {}),
        ("/a/../b", {"context": "/a/../b"}),
        ("~/x", {"context": "/home/u/x"}),
        ("~x", {"context": "/home/u/x"}),
        ("git@github.com:a/b.git", {"context": "git@github.com:a/b.git"}),
        ("https://x/../y", {"context": "https://x/../y"}),
        ("foo://x", {"context": "foo://x"}),
        ("{context: d, dockerfile: ./a/../D}", {"context": "d", "dockerfile": "./a/../D"}),
        ("{dockerfile: '', target: '', network: ''}", {}),
        ("{dockerfile_inline: 'FROM $$X'}", {"dockerfile-inline": "FROM $X"}),
        ("{target: t, network: host}", {"target": "t", "network": "host"}),
        (
            "{platforms: [linux/amd64], tags: [a, b]}",
            {"platforms": ["linux/amd64"], "tags": ["a", "b"]},
        ),
        ("{platforms: [], tags: []}", {}),
        ("{tags: [a, a, 'b=c', 'b=d']}", {"tags": ["a", "b=d"]}),
        ("{no_cache_filter: [s]}", {"no-cache-filter": ["s"]}),
        ("{isolation: default, privileged: true, entitlements: [x], x-other: 1}", {}),
    ],
)
def test_texts_and_lists(build: Build, text: str, expected: dict[str, object]) -> None:
    assert build(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{A: 1, B: 1.50, C: true, D: 0x10, E: 1e3}",
            {"A": "1", "B": "1.5", "C": "true", "D": "16", "E": "1000"},
        ),
        (
            "{A: 2024-01-01, B: yes, C: 0o17, D: .5}",
            {"A": "2024-01-01 00:00:00 +0000 UTC", "B": "yes", "C": "15", "D": "0.5"},
        ),
        ("{X: , Y: null, Z: }", {"X": "x", "Y": ""}),
        ("[X, Y=, 'Z=a=b', Q]", {"X": "x", "Y": "", "Z": "a=b"}),
        ("{A: '$X', B: '$$X'}", {"A": "x", "B": "$X"}),
    ],
)
def test_arguments(build: Build, text: str, expected: dict[str, str]) -> None:
    assert build(f"{{args: {text}}}", environ="X=x Y=") == {"args": expected}


def test_labels_without_a_value_are_empty(build: Build) -> None:
    assert build("{labels: {a: , b: 1, c: true}}") == {"labels": {"a": "", "b": "1", "c": "true"}}
    assert build("{labels: [a, b=1]}") == {"labels": {"a": "", "b": "1"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{a: ./x, b: ../y/., c: /z, d: docker-image://q}",
            {"a": "x", "b": "../y", "c": "/z", "d": "docker-image://q"},
        ),
        ("[a=./x, 'b=c=d']", {"a": "x", "b": "c=d"}),
        (
            "{a: 'target:x.y', b: https://github.com/a/b.git, c: 'oci-layout://x/../y'}",
            {"a": "target:x_y", "b": "https://github.com/a/b.git", "c": "oci-layout://x/../y"},
        ),
        ("{a: 'service:a'}", {"a": "target:a"}),
        ("{a: ~/z}", {"a": "/home/u/z"}),
    ],
)
def test_contexts(build: Build, text: str, expected: dict[str, str]) -> None:
    assert build(f"{{additional_contexts: {text}}}") == {"contexts": expected}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{nofile: 5}", ["nofile=5:5"]),
        ("{nofile: -1}", ["nofile=-1:-1"]),
        ("{nofile: {soft: 1, hard: 2}, core: 3}", ["core=3:3", "nofile=1:2"]),
    ],
)
def test_ulimits_are_sorted(build: Build, text: str, expected: list[str]) -> None:
    assert build(f"{{ulimits: {text}}}") == {"ulimits": expected}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("128m", "128MiB"),
        ("1g", "1GiB"),
        ("'1.5g'", "1.5GiB"),
        ("1kib", "1KiB"),
        ("'64 m'", "64MiB"),
        ("2097152", "2MiB"),
        ("1000000", "1000000"),
        ("'1000000'", "1000000"),
        ("3000", "2.93KiB"),
        ("1000001", "1000001"),
        ("1023", "1023B"),
        ("1p", "1PiB"),
        ("2048p", "2048PiB"),
    ],
)
def test_sizes_are_exact(build: Build, text: str, expected: str) -> None:
    assert build(f"{{shm_size: {text}}}") == {"shm-size": expected}


@pytest.mark.parametrize("text", ["0", "-1", "'0'"])
def test_no_size_is_not_set(build: Build, text: str) -> None:
    assert build(f"{{shm_size: {text}}}") == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("['a=1.2.3.4', 'b:5.6.7.8']", {"a": "1.2.3.4", "b": "5.6.7.8"}),
        ("{a: 1.2.3.4, b: [1.1.1.1, 2.2.2.2]}", {"a": "1.2.3.4", "b": "1.1.1.1,2.2.2.2"}),
        ("['a=1.1.1.1', 'a=2.2.2.2']", {"a": "1.1.1.1,2.2.2.2"}),
        ("['h:::1', 'i=[::1]', 'j:host-gateway']", {"h": "::1", "i": "::1", "j": "host-gateway"}),
    ],
)
def test_hosts(build: Build, text: str, expected: dict[str, str]) -> None:
    assert build(f"{{extra_hosts: {text}}}") == {"extra-hosts": expected}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", [{"type": "sbom"}]),
        ("'t'", [{"type": "sbom"}]),
        ("1", [{"type": "sbom"}]),
        ("false", [{"disabled": True, "type": "sbom"}]),
        ("generator=x", [{"generator": "x", "type": "sbom"}]),
    ],
)
def test_attestations(build: Build, text: str, expected: list[object]) -> None:
    assert build(f"{{sbom: {text}}}") == {"attest": expected}
    assert build("{sbom: ''}") == {}


def test_sboms_come_first(build: Build) -> None:
    found = build("{provenance: mode=max, sbom: true}")
    assert found == {"attest": [{"type": "sbom"}, {"mode": "max", "type": "provenance"}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("false", None),
        ("'true'", True),
        ("'no'", None),
        ("yes", True),
        ("'on'", True),
    ],
)
def test_flags(build: Build, text: str, expected: bool | None) -> None:
    found = build(f"{{pull: {text}, no_cache: {text}}}")
    assert (found.get("pull"), found.get("no-cache")) == (expected, expected)


def test_caches(build: Build) -> None:
    found = build("{cache_from: [a, 'type=local,src=x', ''], cache_to: ['type=inline']}")
    assert found == {
        "cache-from": [{"ref": "a", "type": REGISTRY}, {"src": "x", "type": "local"}],
        "cache-to": [{"type": "inline"}],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[default]", [{"id": "default"}]),
        ("{default: }", [{"id": "default"}]),
        ("[b=/2, a=/1]", [{"id": "a", "paths": ["/1"]}, {"id": "b", "paths": ["/2"]}]),
        ("{a: 1}", [{"id": "a", "paths": ["1"]}]),
    ],
)
def test_ssh_is_sorted(build: Build, text: str, expected: list[object]) -> None:
    assert build(f"{{ssh: {text}}}") == {"ssh": expected}


@pytest.mark.parametrize(
    ("secrets", "used", "expected"),
    [
        ("{s: {file: ./f}}", "[s]", [{"id": "s", "src": "f"}]),
        ("{s: {file: ~/f}}", "[s]", [{"id": "s", "src": "/home/u/f"}]),
        (
            "{s: {environment: E}}",
            "[{source: s, target: t, mode: 0440}]",
            [{"id": "s", "env": "E"}],
        ),
        ("{s: {environment: E, file: f}}", "[s, s]", [{"id": "s", "src": "f", "env": "E"}]),
        ("{s: {external: false, file: f}}", "[s]", [{"id": "s", "src": "f"}]),
        ("{s: {external: true}}", "[]", None),
    ],
)
def test_secrets(build: Build, secrets: str, used: str, expected: object) -> None:
    assert build(f"{{secrets: {used}}}", rest=f"secrets: {secrets}").get("secret") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{shm_size: foo}", "services.a.build.shm_size: 'foo' is no size"),
        ("{ulimits: {foo: 1}}", "unknown ulimit 'foo'"),
        ("{ulimits: {nofile: {soft: 3, hard: 2}}}", "invalid ulimit"),
        ("{extra_hosts: [a]}", "'a' has no address"),
        ("{extra_hosts: ['=x']}", "'' is no name of a host"),
        ("{sbom: foo}", "invalid attestation field"),
        ("{pull: foo}", "'foo' is no boolean"),
        ("{cache_from: ['ref=x']}", "without a type"),
        ("{ssh: [a]}", "'a' has no path"),
        ("{secrets: [s]}", "there is no secret 's'"),
        ("{secrets: [{target: s}]}", "there is no secret ''"),
    ],
)
def test_faults(build: Build, text: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=words.replace("[", r"\[")) as caught:
        build(text)
    assert caught.value.span is not None
    assert caught.value.span.line == 1
    assert caught.value.span.column > len("services: {a: {build: {")


@pytest.mark.parametrize("external", ["true", "'true'", "{name: x}", "'yes'"])
def test_external_secrets_cannot_be_used(build: Build, external: str) -> None:
    with pytest.raises(DefinitionError, match="'s' is external"):
        build("{secrets: [s]}", rest=f"secrets: {{s: {{external: {external}}}}}")
