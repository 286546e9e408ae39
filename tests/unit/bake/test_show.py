from __future__ import annotations

import json

from bakex.bake import show
from bakex.bake.groups import Group
from bakex.bake.merge import ATTRIBUTES
from bakex.bake.resolve import Resolution
from bakex.model.attestations import Attestation
from bakex.model.caches import CacheEntry
from bakex.model.outputs import Output
from bakex.model.policy import Policy
from bakex.model.secrets import Secret
from bakex.model.ssh import Ssh
from bakex.model.target import Target

FULL = Target(
    name="full",
    description="d",
    annotations=("a=${x}",),
    attest=(Attestation(type="sbom", disabled=True),),
    context="c",
    contexts={"b": "./q", "a": "${x}"},
    dockerfile="D",
    dockerfile_inline="FROM ${x} %{y}",
    args={"b": "2", "a": "${x}"},
    labels={"l": "%{x"},
    tags=("${t}",),
    cache_from=(CacheEntry(type="registry", attrs={"ref": "r"}),),
    cache_to=(CacheEntry(type="inline"),),
    target="",
    secret=(Secret(id="s", env="V"),),
    ssh=(Ssh(),),
    platforms=("linux/amd64,linux/arm64",),
    output=(Output(type="local", dest="x"),),
    pull=False,
    no_cache=True,
    network="host",
    no_cache_filter=("f",),
    shm_size="1m",
    ulimits=("nofile=1",),
    resources={"cpu-quota": "1", "memory": "2g"},
    call="check",
    entitlements=("network.host",),
    extra_hosts={"h": "1.2.3.4"},
    policy=(Policy(),),
    node={"zone": "a"},
    timeout="30m",
    retries="2",
    verify="full",
    verify_allow=("/opt",),
    device="raspberry-pi-4",
    publish_requires=("t",),
)


def resolution(*targets: Target) -> Resolution:
    names = tuple(target.name for target in targets)
    return Resolution(
        targets={target.name: target for target in targets},
        requested=names,
        groups={"default": Group(name="default", targets=tuple(sorted(names)))},
    )


def test_an_empty_target_has_a_context_and_a_dockerfile() -> None:
    assert show.text(resolution(Target(name="a"))) == (
        "{\n"
        '  "group": {\n'
        '    "default": {\n'
        '      "targets": [\n'
        '        "a"\n'
        "      ]\n"
        "    }\n"
        "  },\n"
        '  "target": {\n'
        '    "a": {\n'
        '      "context": ".",\n'
        '      "dockerfile": "Dockerfile"\n'
        "    }\n"
        "  }\n"
        "}\n"
    )


def test_every_attribute_is_printed_in_the_order_of_the_table() -> None:
    names = dict.fromkeys(attr.block or name for name, attr in ATTRIBUTES.items())
    assert list(show.target(FULL)) == list(names)
    assert show.target(FULL)["publish"] == {"requires": ["t"]}


def test_values() -> None:
    shown = show.target(FULL)
    assert shown["args"] == {"a": "$${x}", "b": "2"}
    assert list(shown["contexts"]) == ["a", "b"]  # type: ignore[call-overload]
    assert shown["contexts"] == {"a": "${x}", "b": "./q"}
    assert shown["annotations"] == ["a=$${x}"]
    assert shown["dockerfile-inline"] == "FROM $${x} %%{y}"
    assert shown["labels"] == {"l": "%%{x"}
    assert shown["tags"] == ["${t}"]
    assert shown["resources"] == {"memory": "2g", "cpu-quota": 1}
    assert (shown["target"], shown["pull"], shown["no-cache"]) == ("", False, True)
    assert shown["attest"] == [{"disabled": True, "type": "sbom"}]


def test_empty_resources_count_as_set() -> None:
    assert show.target(Target(name="a", resources={}))["resources"] == {}


def test_strings_are_escaped_as_go_does() -> None:
    text = show.text(resolution(Target(name="a", labels={"l": "<b>&\u2028é\x01"})))
    assert '"l": "\\u003cb\\u003e\\u0026\\u2028é\\u0001"' in text
    assert json.loads(text)["target"]["a"]["labels"] == {"l": "<b>&\u2028é\x01"}


def test_names_are_sorted() -> None:
    shown = show.document(resolution(Target(name="b"), Target(name="a")))
    assert list(shown["target"]) == ["a", "b"]  # type: ignore[call-overload]


def test_groups() -> None:
    found = Resolution(
        targets={},
        requested=(),
        groups={
            "default": Group(name="default", targets=None),
            "all": Group(name="all", targets=(), description="d"),
        },
    )
    assert show.document(found) == {
        "group": {"all": {"description": "d", "targets": []}, "default": {"targets": None}},
        "target": {},
    }
    assert "group" not in show.document(Resolution(targets={}, requested=(), groups={}))
