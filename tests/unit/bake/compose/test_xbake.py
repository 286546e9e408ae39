from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.compose.xbake import named_context
from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from tests.unit.bake.compose.conftest import Build


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("null", {}),
        ("{}", {}),
        ("{unknown: {a: [b]}, args: {A: 1}, Tags: [q]}", {}),
        ("{tags: t1 t2}", {"tags": ["t1", "t2"]}),
        ("{tags: ' a  b '}", {"tags": ["a", "b"]}),
        ("{tags: 5}", {"tags": ["5"]}),
        ("{tags: }", {}),
        ("{tags: ''}", {}),
        ("{tags: [1, 1.50, true, 0x10]}", {"tags": ["1", "1.5", "true", "16"]}),
        ("{tags: 2024-01-01}", {"tags": ["2024-01-01T00:00:00Z"]}),
        ("{platforms: linux/amd64 linux/arm64}", {"platforms": ["linux/amd64", "linux/arm64"]}),
        ("{no-cache-filter: [x, y, x]}", {"no-cache-filter": ["x", "y"]}),
        ("{pull: true, no-cache: false}", {"pull": True, "no-cache": False}),
        ("{pull: yes, no-cache: 'no'}", {"pull": True, "no-cache": False}),
        ("{pull: , no-cache: null}", {}),
        (
            "{contexts: {q: 'target:r.s', p: ./z, n: 1}}",
            {"contexts": {"q": "target:r_s", "p": "./z", "n": "1"}},
        ),
        ("{contexts: {}}", {}),
        (
            "{output: 'type=docker', cache-to: type=inline}",
            {"output": [{"type": "docker"}], "cache-to": [{"type": "inline"}]},
        ),
        (
            "{cache-from: a b}",
            {"cache-from": [{"ref": "a", "type": "registry"}, {"ref": "b", "type": "registry"}]},
        ),
        (
            "{secret: ['id=S', 'id=T,env=E', 'id=S,env=Q']}",
            {"secret": [{"id": "S", "env": "Q"}, {"id": "T", "env": "E"}]},
        ),
        ("{ssh: b default}", {"ssh": [{"id": "b"}, {"id": "default"}]}),
        ("{output: []}", {}),
        ("{output: ['']}", {}),
    ],
)
def test_keys(build: Build, text: str, expected: dict[str, object]) -> None:
    assert build(f"{{x-bake: {text}}}") == expected


def test_what_it_says_joins_what_compose_says(build: Build) -> None:
    found = build(
        "{tags: [t0], platforms: [linux/amd64], cache_from: [c0], ssh: [b=/b], pull: true,"
        " additional_contexts: {q: ./a}, x-bake: {tags: [t1, t0], platforms: [linux/amd64],"
        " cache-from: [c2], ssh: [a], pull: false, contexts: {q: ./b, r: ./c}}}"
    )
    assert found == {
        "tags": ["t0", "t1"],
        "platforms": ["linux/amd64"],
        "cache-from": [{"ref": "c0", "type": "registry"}, {"ref": "c2", "type": "registry"}],
        "ssh": [{"id": "a"}, {"id": "b", "paths": ["/b"]}],
        "pull": False,
        "contexts": {"q": "a", "r": "./c"},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a]", "x-bake: a mapping is required"),
        ("foo", "x-bake: a mapping is required"),
        ("{tags: {a: b}}", "x-bake.tags: a text is required, but this is a mapping"),
        ("{tags: [[a]]}", "but this is a list"),
        ("{contexts: [a]}", "x-bake.contexts: a mapping is required"),
        ("{pull: 'true'}", "x-bake.pull: true or false is required"),
        ("{pull: 1}", "true or false"),
        ("{cache-from: ['ref=x']}", "without a type"),
        ("{secret: [a]}", "invalid secret field"),
    ],
)
def test_faults(build: Build, text: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=words) as caught:
        build(f"{{x-bake: {text}}}")
    assert caught.value.span is not None


def test_named_contexts() -> None:
    assert named_context("service:a.b") == named_context("target:a.b") == "target:a_b"
    assert named_context("./a.b") == "./a.b"
