from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import EvaluationError

if TYPE_CHECKING:
    from tests.unit.bake.compose.conftest import Load


@pytest.mark.parametrize(
    ("build", "words"),
    [
        ("{foo: bar}", "services.a.build: unknown key 'foo'"),
        ("{tag: [x]}", "unknown key 'tag'"),
        ("{context: 5}", "services.a.build.context: a text is required"),
        ("{context: }", "services.a.build.context: a text is required"),
        ("{dockerfile: [x]}", "services.a.build.dockerfile: a text is required"),
        ("{target: 2024-01-01}", "services.a.build.target"),
        ("{tags: a}", "services.a.build.tags: a list is required"),
        ("{platforms: [a, 5]}", r"services.a.build.platforms.1: a text is required"),
        ("{cache_to: {a: b}}", "services.a.build.cache_to: a list is required"),
        ("{entitlements: x}", "services.a.build.entitlements"),
        ("{args: foo}", "services.a.build.args: a mapping or a list is required"),
        ("{args: }", "services.a.build.args"),
        ("{args: {A: [x]}}", "services.a.build.args.A: a text, a number or a boolean is required"),
        ("{args: {'': x}}", "services.a.build.args: a key is empty"),
        ("{labels: {a: {b: c}}}", "services.a.build.labels.a"),
        ("{ssh: {a: [x]}}", "services.a.build.ssh.a"),
        ("{additional_contexts: {a: 5}}", "services.a.build.additional_contexts.a: a text"),
        ("{additional_contexts: {a: }}", "services.a.build.additional_contexts.a: a text"),
        ("{extra_hosts: {a: 5}}", "services.a.build.extra_hosts.a: a text is required"),
        ("{extra_hosts: {a: [5]}}", "services.a.build.extra_hosts.a.0: a text is required"),
        ("{extra_hosts: [a=1, a=1]}", "'a=1' is there twice"),
        ("{extra_hosts: [1]}", "services.a.build.extra_hosts: a text is required"),
        ("{extra_hosts: foo}", "services.a.build.extra_hosts"),
        ("{pull: 1}", "services.a.build.pull: true or false is required"),
        ("{no_cache: }", "services.a.build.no_cache"),
        ("{sbom: [x]}", "services.a.build.sbom: true, false or a text"),
        ("{shm_size: 1.5}", "services.a.build.shm_size: a size is required"),
        ("{shm_size: true}", "services.a.build.shm_size"),
        ("{ulimits: [a]}", "services.a.build.ulimits: a mapping is required"),
        ("{ulimits: {nofile: '5'}}", "services.a.build.ulimits.nofile: a number, or soft"),
        ("{ulimits: {nofile: true}}", "services.a.build.ulimits.nofile: a number, or soft"),
        ("{ulimits: {nofile: {soft: 1}}}", "services.a.build.ulimits.nofile: hard is missing"),
        ("{ulimits: {nofile: {soft: '1', hard: 2}}}", "nofile.soft: an integer is required"),
        ("{ulimits: {nofile: {soft: 1, hard: 2, x: 3}}}", "nofile: unknown key 'x'"),
        ("{secrets: s}", "services.a.build.secrets: a list is required"),
        ("{secrets: [{source: s, foo: 1}]}", "services.a.build.secrets.0: unknown key 'foo'"),
        ("{secrets: [[s]]}", "services.a.build.secrets.0: a mapping is required"),
        ("{secrets: [{source: s, mode: }]}", "services.a.build.secrets.0.mode"),
        ("{additional_contexts: [a]}", "each element must be NAME=CONTEXT"),
        ("{additional_contexts: x}", "a mapping or a list of NAME=CONTEXT"),
        ("{ssh: x}", "a mapping or a list of ID=PATH"),
        ("{ssh: [1]}", "each element must be a text"),
        ("5", "services.a.build: a text or a mapping is required"),
        ("[x]", "services.a.build: a text or a mapping is required"),
        ("", "services.a.build: a text or a mapping is required"),
    ],
)
def test_builds(load_project: Load, build: str, words: str) -> None:
    with pytest.raises(EvaluationError, match=words) as caught:
        load_project(f"services: {{a: {{build: {build}}}}}")
    assert str(caught.value.span).startswith("0.yaml:1:")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services: {'a b': {build: .}}", "services: invalid name 'a b'"),
        ("services: {a: 5}", "services.a: a service must be a mapping"),
        ("services: {a: [b]}", "services.a: a service must be a mapping"),
        ("services: []", "services: a mapping is required"),
        ("services:", "services: a mapping is required"),
        ("services: {a: {image: 5, build: .}}", "services.a.image: a text is required"),
        ("services: {a: {image: , build: .}}", "services.a.image: a text is required"),
        ("services: {a: {build: ., environment: [1]}}", "'1' is no text"),
        ("services: {a: {build: ., environment: {Z: [a]}}}", "services.a.environment.Z"),
        ("services: {a: {build: ., env_file: }}", "services.a.env_file: a text or a list"),
        ("services: {a: {build: ., env_file: {path: e}}}", "services.a.env_file: a text or a list"),
        ("services: {a: {build: ., env_file: [{}]}}", "services.a.env_file.0: path is missing"),
        ("services: {a: {build: ., env_file: [{path: 5}]}}", "services.a.env_file.0.path"),
        ("services: {a: {build: ., env_file: [[e]]}}", "services.a.env_file.0: a mapping"),
        ("services: {a: {build: ., env_file: [{path: e, x: 1}]}}", "unknown key 'x'"),
        ("secrets: {s: 5}", "secrets.s: a secret must be a mapping"),
        ("secrets: {s: }", "secrets.s: a secret must be a mapping"),
        ("secrets: {'s/t': {file: f}}", "secrets: invalid name 's/t'"),
        ("secrets: {s: {file: 5}}", "secrets.s.file: a text is required"),
        ("secrets: {s: {file: f, content: x}}", "secrets.s: unknown key 'content'"),
        ("secrets: {s: {file: f, external: 5}}", "secrets.s.external: true or false"),
        ("secrets: {s: {file: f, labels: x}}", "secrets.s.labels"),
    ],
)
def test_the_rest(load_project: Load, text: str, words: str) -> None:
    with pytest.raises(EvaluationError, match=words) as caught:
        load_project(text)
    assert str(caught.value.span).startswith("0.yaml:1:")


def test_all_findings_are_told(load_project: Load) -> None:
    with pytest.raises(EvaluationError) as caught:
        load_project("services:\n  a: {build: {tag: [x], target: 5}}\n  b: {image: 1}\n")
    assert [found.summary for found in caught.value.diagnostics()] == [
        "services.a.build: unknown key 'tag'",
        "services.a.build.target: a text is required",
        "services.b.image: a text is required",
    ]
    hints = [found.hint for found in caught.value.diagnostics()]
    assert hints == ["did you mean 'tags'?", "put it in quotes", "put it in quotes"]


@pytest.mark.parametrize(
    "text",
    [
        "services: {a: {build: ., bar: baz, ports: 5, volumes: x}}\nfoo: bar\nversion: 3",
        "services: {a: {build: {x-foo: [1]}}}",
        "services: {a: {build: .}}\nsecrets: {s: {file: f, x-a: 1, driver_opts: {a: 1}}}",
        "services: {a: {build: ., profiles: [x]}}",
        "services: {a: {build: {args: {A: null, B: 1.5, C: true}}}}",
        "services: {a: {build: {secrets: [{source: s, mode: 0440}]}}}\nsecrets: {s: {file: f}}",
    ],
)
def test_what_is_allowed(load_project: Load, text: str) -> None:
    assert list(load_project(text).targets) == ["a"]
