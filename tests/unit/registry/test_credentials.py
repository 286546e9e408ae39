"""Where credentials come from."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import TYPE_CHECKING

import pytest

from bakex.config import Settings, load
from bakex.errors import ConfigError
from bakex.registry.auth_file import normalized, read_auth_file
from bakex.registry.credential import Credential
from bakex.registry.credentials import DockerKeychain, auth_files

if TYPE_CHECKING:
    from pathlib import Path

JOE = Credential(username="joe", secret="hunter2")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def entry(text: str = "joe:hunter2") -> dict[str, str]:
    return {"auth": encoded(text)}


def write(path: Path, **document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def settings(home: Path, **environ: str) -> Settings:
    return load({"HOME": str(home), "PATH": f"{home}:/usr/bin:/bin", **environ}, cwd=home)


def script(home: Path, name: str, text: str) -> None:
    file = home / f"docker-credential-{name}"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_files_come_in_this_order(tmp_path: Path) -> None:
    docker, containers = tmp_path / ".docker/config.json", tmp_path / ".config/containers/auth.json"
    old = tmp_path / ".dockercfg"
    assert auth_files(settings(tmp_path)) == (containers, docker, old)
    environ = {
        "REGISTRY_AUTH_FILE": "/a.json",
        "XDG_RUNTIME_DIR": "/run/u",
        "XDG_CONFIG_HOME": "/cfg",
        "DOCKER_CONFIG": "/dc",
    }
    assert [str(path) for path in auth_files(settings(tmp_path, **environ))] == [
        "/a.json",
        "/dc/config.json",
        "/run/u/containers/auth.json",
        "/cfg/containers/auth.json",
    ]


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("docker.io", "docker.io"),
        ("https://reg.example.com/v2/", "reg.example.com"),
        ("http://reg:5000", "reg:5000"),
        ("reg:5000/", "reg:5000"),
        ("reg/team", "reg/team"),
    ],
)
def test_keys_are_hosts(key: str, host: str) -> None:
    assert normalized(key) == host


@pytest.mark.parametrize("key", ["reg:5000", "https://reg:5000", "https://reg:5000/v2/"])
async def test_an_inline_entry_is_found(tmp_path: Path, key: str) -> None:
    write(tmp_path / ".docker/config.json", auths={key: entry()})
    keychain = DockerKeychain(settings(tmp_path))
    assert await keychain.credentials("reg:5000") == JOE
    assert await keychain.credentials("other") is None


async def test_the_hub_has_many_names(tmp_path: Path) -> None:
    write(tmp_path / ".docker/config.json", auths={"https://index.docker.io/v1/": entry()})
    keychain = DockerKeychain(settings(tmp_path))
    for host in ("docker.io", "index.docker.io", "registry-1.docker.io"):
        assert await keychain.credentials(host) == JOE


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (entry("joe:a:b\0\0"), Credential(username="joe", secret="a:b")),
        ({"username": "joe", "password": "hunter2"}, JOE),
        ({"identitytoken": "id", **entry()}, Credential(secret="id", is_token=True)),
        ({"auth": ""}, None),
        ({}, None),
        (entry(":secret"), None),
        ({"username": "joe"}, None),
    ],
)
async def test_entries_have_many_forms(
    tmp_path: Path, fields: dict[str, str], expected: Credential | None
) -> None:
    write(tmp_path / ".docker/config.json", auths={"reg": fields})
    assert await DockerKeychain(settings(tmp_path)).credentials("reg") == expected


async def test_the_first_file_that_knows_the_host_wins(tmp_path: Path) -> None:
    write(tmp_path / "a.json", auths={"one": entry("a:1")})
    write(tmp_path / ".docker/config.json", auths={"one": entry("b:2"), "two": entry("b:2")})
    keychain = DockerKeychain(settings(tmp_path, REGISTRY_AUTH_FILE=str(tmp_path / "a.json")))
    assert await keychain.credentials("one") == Credential(username="a", secret="1")
    assert await keychain.credentials("two") == Credential(username="b", secret="2")


async def test_helpers_go_before_entries(tmp_path: Path) -> None:
    script(tmp_path, "one", """read -r s; echo "{\\"Username\\":\\"h\\",\\"Secret\\":\\"$s\\"}" """)
    script(tmp_path, "all", """read -r s; echo "{\\"Username\\":\\"s\\",\\"Secret\\":\\"$s\\"}" """)
    write(
        tmp_path / ".docker/config.json",
        credHelpers={"https://reg/v2/": "one", "docker.io": "one"},
        credsStore="all",
        auths={"reg": entry(), "other": entry()},
    )
    keychain = DockerKeychain(settings(tmp_path))
    hub = "https://index.docker.io/v1/"
    assert await keychain.credentials("reg") == Credential(username="h", secret="https://reg/v2/")
    assert await keychain.credentials("docker.io") == Credential(username="h", secret=hub)
    assert await keychain.credentials("other") == Credential(username="s", secret="other")


async def test_a_helper_that_knows_nothing_or_fails_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    script(tmp_path, "one", "echo hunter3; exit 2")
    script(tmp_path, "all", "echo credentials not found in native keychain; exit 1")
    write(
        tmp_path / ".docker/config.json",
        credHelpers={"reg": "one", "gone": "missing"},
        credsStore="all",
        auths={"reg": entry()},
    )
    keychain = DockerKeychain(settings(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert await keychain.credentials("reg") == JOE
        assert await keychain.credentials("gone") is None
    assert "docker-credential-one failed with status 2" in caplog.text
    assert "hunter3" not in caplog.text


async def test_a_host_is_looked_up_once(tmp_path: Path) -> None:
    script(tmp_path, "all", """echo x >> "$HOME/count"; echo '{"Username":"s","Secret":"p"}' """)
    write(tmp_path / ".docker/config.json", credsStore="all")
    keychain = DockerKeychain(settings(tmp_path))
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(keychain.credentials("reg"))
    assert (tmp_path / "count").read_text() == "x\n"


@pytest.mark.parametrize("text", ["", "{}", '{"auths": []}', '{"credHelpers": 5, "credsStore": 5}'])
async def test_files_may_say_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(text)
    assert await DockerKeychain(settings(tmp_path)).credentials("reg") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hunter2", "is not valid JSON"),
        ("[]", "does not hold a JSON object"),
        ('{"auths": {"reg": {"auth": "hunter2!"}}}', "the entry for reg is not valid base64"),
        ('{"auths": {"reg": {"auth": "/w=="}}}', "the entry for reg is not valid base64"),
    ],
)
async def test_malformed_files_are_errors_without_their_content(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        await DockerKeychain(settings(tmp_path)).credentials("reg")
    assert "hunter2" not in str(caught.value) + caught.value.detail


def test_unreadable_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(ConfigError, match="cannot read"):
        read_auth_file(tmp_path / "directory")
    assert read_auth_file(tmp_path / "none") is None
    (tmp_path / "file").write_text("")
    assert read_auth_file(tmp_path / "file" / "below") is None


def test_a_file_is_not_shown(tmp_path: Path) -> None:
    write(tmp_path / "c.json", auths={"reg": entry()})
    assert "hunter2" not in repr(read_auth_file(tmp_path / "c.json"))


async def test_a_registry_token_is_taken_as_it_is(tmp_path: Path) -> None:
    write(tmp_path / ".docker/config.json", auths={"reg": {"registrytoken": "abc"}})
    found = await DockerKeychain(settings(tmp_path)).credentials("reg")
    assert found == Credential(secret="abc", is_bearer=True)


async def test_the_nearest_namespace_counts(tmp_path: Path) -> None:
    auths = {"reg": entry("a:1"), "reg/team": entry("b:2"), "reg/team/app": entry("c:3")}
    write(tmp_path / ".config/containers/auth.json", auths=auths)
    keychain = DockerKeychain(settings(tmp_path))
    for repository, name in {"": "a", "other": "a", "team/x": "b", "team/app/y": "c"}.items():
        found = await keychain.credentials("reg", repository)
        assert found is not None
        assert found.username == name


async def test_the_old_file_is_read_last(tmp_path: Path) -> None:
    (tmp_path / ".dockercfg").write_text(json.dumps({"https://reg/v1/": entry()}))
    assert await DockerKeychain(settings(tmp_path)).credentials("reg") == JOE


async def test_the_login_for_the_hub_is_good_for_what_it_stands_behind(tmp_path: Path) -> None:
    write(tmp_path / ".docker/config.json", auths={"https://index.docker.io/v1/": entry()})
    assert await DockerKeychain(settings(tmp_path)).credentials("dhi.io") == JOE


async def test_what_a_helper_said_is_forgotten_after_a_while(tmp_path: Path) -> None:
    script(tmp_path, "count", f'echo x >> {tmp_path}/n; echo "{{\\"Username\\":\\"u\\"}}"')
    write(tmp_path / ".docker/config.json", credsStore="count")
    now = [0.0]
    keychain = DockerKeychain(settings(tmp_path), timer=lambda: now[0])
    for now[0] in (0.0, 200.0, 300.0):
        assert await keychain.credentials("reg") is not None
    assert (tmp_path / "n").read_text() == "x\nx\n"


async def test_configurations_for_single_repositories_go_first(tmp_path: Path) -> None:
    base = tmp_path / ".docker" / "buildx" / "config"
    names = {
        "reg": "host",
        "reg@push": "host-push",
        "reg/team/app": "repo",
        "reg/team/app@pull": "repo-pull",
        "reg/team/app@pull,push": "repo-both",
    }
    for place, name in names.items():
        write(base / place / "config.json", auths={"reg": entry(f"{name}:x")})
    write(tmp_path / ".docker/config.json", auths={"reg": entry("default:x")})
    keychain = DockerKeychain(settings(tmp_path))
    expected = {
        ("", ""): "default",
        ("other", "pull"): "host",
        ("other", "pull,push"): "host-push",
        ("team/app", "pull"): "repo-pull",
        ("team/app", "pull,push"): "repo-both",
        ("team/app", "delete"): "repo",
    }
    for (repository, actions), name in expected.items():
        found = await keychain.credentials("reg", repository, frozenset(actions.split(",")))
        assert found is not None
        assert found.username == name
