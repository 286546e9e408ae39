from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DefinitionError
from bakex.model.outputs import Output
from bakex.model.platform import Platform
from bakex.model.secrets import Secret
from bakex.model.ssh import Ssh
from bakex.model.target import Target
from bakex.sources.inputs import MAX_SECRET_SIZE, check_inputs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("x")
    (tmp_path / "dir").mkdir()
    (tmp_path / "key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    (tmp_path / "large").write_bytes(b"x" * (MAX_SECRET_SIZE + 1))
    return tmp_path


@pytest.mark.parametrize(
    "secret",
    [
        Secret(id="a", src="file"),
        Secret(id="file"),
        Secret(id="SET"),
        Secret(id="a", env="SET"),
        Secret(id="a", env="UNSET"),
    ],
)
def test_secrets_that_are_there(cwd: Path, secret: Secret) -> None:
    check_inputs([Target(name="app", secret=(secret,))], cwd=cwd, environ={"SET": "1"})


@pytest.mark.parametrize(
    "secret",
    [
        Secret(id=""),
        Secret(id="nofile"),
        Secret(id="a", src="nofile"),
        Secret(id="a", src="dir"),
        Secret(id="a", src="large"),
        Secret(id="a", src="nul\0"),
    ],
)
def test_secrets_that_are_not_there(cwd: Path, secret: Secret) -> None:
    with pytest.raises(DefinitionError, match=r"^target 'app': secret"):
        check_inputs([Target(name="app", secret=(secret,))], cwd=cwd, environ={})


def test_ssh_agent_and_keys(cwd: Path, tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as agent:
        agent.bind(str(tmp_path / "agent"))
        target = Target(name="app", ssh=(Ssh(), Ssh(id="b", paths=("key", "agent"))))
        check_inputs([target], cwd=cwd, environ={"SSH_AUTH_SOCK": "agent"})


@pytest.mark.parametrize(
    ("ssh", "agent"),
    [
        (Ssh(), ""),
        (Ssh(), "nofile"),
        (Ssh(), "file"),
        (Ssh(paths=("nofile",)), ""),
        (Ssh(paths=("file",)), ""),
        (Ssh(paths=("dir",)), ""),
    ],
)
def test_ssh_that_is_not_there(cwd: Path, ssh: Ssh, agent: str) -> None:
    with pytest.raises(DefinitionError, match=r"^target 'app': ssh 'default'"):
        check_inputs([Target(name="app", ssh=(ssh,))], cwd=cwd, environ={"SSH_AUTH_SOCK": agent})


def test_a_context_over_ssh_needs_an_agent(cwd: Path) -> None:
    target = Target(name="app", context="git@github.com:a/b.git")
    with pytest.raises(DefinitionError, match="agent"):
        check_inputs([target], cwd=cwd, environ={})


@pytest.mark.parametrize(
    "output",
    [
        Output(type="local", dest="dir"),
        Output(type="local", dest="new"),
        Output(type="tar", dest="file"),
        Output(type="tar", dest="-"),
        Output(type="oci", dest="dir", attrs={"tar": "false"}),
        Output(type="image"),
    ],
)
def test_destinations(cwd: Path, output: Output) -> None:
    check_inputs([Target(name="app", output=(output,))], cwd=cwd, environ={})


@pytest.mark.parametrize(
    "output",
    [
        Output(type="local", dest="file"),
        Output(type="tar", dest="dir"),
        Output(type="docker", dest="."),
        Output(type="oci", dest="file", attrs={"tar": "false"}),
    ],
)
def test_destinations_of_the_wrong_kind(cwd: Path, output: Output) -> None:
    with pytest.raises(DefinitionError, match=r"^target 'app': the destination"):
        check_inputs([Target(name="app", output=(output,))], cwd=cwd, environ={})


def test_what_one_platform_needs_is_looked_for(cwd: Path) -> None:
    variants = {Platform("linux", "arm64"): {"secret": (Secret(id="nofile"),)}}
    target = Target(name="app", platforms=("linux/arm64",), variants=variants)
    with pytest.raises(DefinitionError, match="nofile"):
        check_inputs([target], cwd=cwd, environ={})
