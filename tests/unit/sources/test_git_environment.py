from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DefinitionError
from bakex.sources.git_environment import environment

if TYPE_CHECKING:
    from pathlib import Path


def config(environ: dict[str, str]) -> dict[str, str]:
    count = int(environ["GIT_CONFIG_COUNT"])
    return {environ[f"GIT_CONFIG_KEY_{i}"]: environ[f"GIT_CONFIG_VALUE_{i}"] for i in range(count)}


def test_only_what_is_needed_is_passed_on(tmp_path: Path) -> None:
    given = {
        "PATH": "/bin",
        "HOME": "/h",
        "https_proxy": "a",
        "NO_PROXY": "b",
        "SSH_ASKPASS": "x",
        "GIT_ASKPASS": "x",
        "GIT_DIR": "x",
        "GIT_TRACE": "1",
        "GIT_CONFIG_PARAMETERS": "x",
        "BUILDX_BAKE_GIT_AUTH_TOKEN": "s3cret",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    found = environment("https://h/a.git", "", given, tmp_path)
    assert {name: found[name] for name in ("PATH", "HOME", "https_proxy", "NO_PROXY")} == {
        "PATH": "/bin",
        "HOME": "/h",
        "https_proxy": "a",
        "NO_PROXY": "b",
    }
    assert not {"SSH_ASKPASS", "GIT_ASKPASS", "GIT_DIR", "GIT_TRACE"} & found.keys()
    assert not any("s3cret" in value or "AWS" in name for name, value in found.items())
    assert found["GIT_ALLOW_PROTOCOL"] == "http:https:git:ssh"
    assert found["GIT_TERMINAL_PROMPT"] == "0"
    assert config(found)["core.hooksPath"] == "/dev/null"
    assert "http.followRedirects" not in config(found)


@pytest.mark.parametrize(
    ("remote", "scope"),
    [
        ("https://h/a.git", "https://h/a.git"),
        ("https://github.com/a/b.git", "https://github.com/"),
        ("https://github.company.example/a/b.git", "https://github.company.example/a/b.git"),
    ],
)
def test_credentials_are_for_one_place(tmp_path: Path, remote: str, scope: str) -> None:
    found = config(environment(remote, "basic x", {}, tmp_path))
    assert found[f"http.{scope}.extraHeader"] == "Authorization: basic x"
    assert found["http.followRedirects"] == "false"


def test_keys_and_an_agent(tmp_path: Path) -> None:
    (tmp_path / "a b").touch()
    (tmp_path / "c").touch()
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent"))
        given = {"BUILDX_BAKE_GIT_SSH": "a b, agent,c,", "SSH_AUTH_SOCK": "/other"}
        found = environment("git@h:a", "", given, tmp_path)
    assert found["SSH_AUTH_SOCK"] == str(tmp_path / "agent")
    assert found["GIT_SSH_COMMAND"] == (
        "ssh -o BatchMode=yes -o ConnectTimeout=30"
        f" -i '{tmp_path}/a b' -i {tmp_path}/c -o IdentitiesOnly=yes"
    )


def test_the_agent_of_the_user(tmp_path: Path) -> None:
    found = environment("git@h:a", "", {"SSH_AUTH_SOCK": "/agent"}, tmp_path)
    assert found["SSH_AUTH_SOCK"] == "/agent"
    assert "-i" not in found["GIT_SSH_COMMAND"]


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"BUILDX_BAKE_GIT_SSH: no such file: 'nope'"):
        environment("git@h:a", "", {"BUILDX_BAKE_GIT_SSH": "nope"}, tmp_path)
