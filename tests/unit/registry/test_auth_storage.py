"""Keeping and forgetting credentials, in files and with helpers."""

from __future__ import annotations

import base64
import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from bakex.config import load
from bakex.errors import ConfigError
from bakex.registry.auth_file import HUB_SERVER, nearest, read_auth_file
from bakex.registry.auth_storage import forget, keep, storage
from bakex.registry.credential import Credential
from bakex.registry.credentials import DockerKeychain

if TYPE_CHECKING:
    from pathlib import Path

JOE = Credential(username="joe", secret="hunter2 é:")
TOKEN = Credential(secret="id", is_token=True)

# Keeps one secret a server in a folder, as files.
HELPER = """#!/usr/bin/env python3
import json, pathlib, sys, urllib.parse
verb, text, store = sys.argv[1], sys.stdin.read(), pathlib.Path(__file__).parent
name = lambda server: store / ("kept-" + urllib.parse.quote(server, safe=""))
if verb == "store":
    name(json.loads(text)["ServerURL"]).write_text(text)
elif not name(text).exists():
    print("credentials not found in native keychain")
    sys.exit(1)
elif verb == "get":
    print(name(text).read_text())
else:
    name(text).unlink()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".docker" / "config.json"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    program = tmp_path / "bin" / "docker-credential-box"
    program.parent.mkdir()
    program.write_text(HELPER)
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:/usr/bin:/bin", "HOME": str(tmp_path)}


def content(file: Path) -> Any:
    return json.loads(file.read_text())


def write(file: Path, document: object) -> None:
    put(file, json.dumps(document))


def put(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(0o644)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def is_link(file: Path) -> bool:
    return file.is_symlink()


def written(file: Path) -> int:
    return file.stat().st_mtime_ns


@pytest.fixture
def link(file: Path, tmp_path: Path) -> Path:
    """Return what the file is a link to."""
    target = tmp_path / "dotfiles.json"
    target.write_text("\n")
    file.parent.mkdir()
    file.symlink_to(target)
    return target


async def test_what_is_kept_is_read_again(file: Path) -> None:
    kept = await keep(file, "reg:5000", JOE, {})
    assert (kept.file, kept.helper) == (file, "")
    await keep(file, "docker.io", TOKEN, {})
    read = read_auth_file(file)
    assert read is not None
    assert nearest(read.auths, "reg:5000", "") == JOE
    assert nearest(read.auths, "docker.io", "") == TOKEN
    pair = base64.b64encode("joe:hunter2 é:".encode()).decode()
    assert content(file) == {
        "auths": {
            "reg:5000": {"auth": pair},
            HUB_SERVER: {"auth": base64.b64encode(b"<token>:").decode(), "identitytoken": "id"},
        }
    }
    assert mode(file) == 0o600
    assert mode(file.parent) == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["config.json"]


async def test_the_rest_of_a_file_stays(file: Path) -> None:
    write(
        file,
        {
            "psFormat": "é",
            "auths": {"https://reg/v2/": {"auth": "eDp5"}, "reg/team": {"auth": "eDp6"}},
            "plugins": {"x": {"y": "z"}},
        },
    )
    await keep(file, "reg", JOE, {})
    found = content(file)
    assert list(found) == ["psFormat", "auths", "plugins"]
    assert list(found["auths"]) == ["reg/team", "reg"]  # one spelling of the host, its own
    assert mode(file) == 0o600
    assert await forget(file, "reg", {})
    assert not await forget(file, "reg", {})
    assert content(file) == {**found, "auths": {"reg/team": {"auth": "eDp6"}}}


async def test_nothing_is_written_to_forget_nothing(file: Path) -> None:
    assert not await forget(file, "reg", {})
    assert not file.parent.exists()
    write(file, {"auths": None})
    before = written(file)
    assert not await forget(file, "reg", {})
    assert written(file) == before


async def test_an_empty_file_is_filled_and_a_link_followed(file: Path, link: Path) -> None:
    await keep(file, "reg", JOE, {})
    assert is_link(file)
    assert list(content(link)["auths"]) == ["reg"]


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": {"other": {"auth": "!"}}}'])
async def test_a_file_that_is_wrong_stays_as_it_is(file: Path, text: str) -> None:
    put(file, text)
    before = written(file)
    with pytest.raises(ConfigError):
        await keep(file, "reg", JOE, {})
    assert written(file) == before


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        await keep(tmp_path / "file" / "config.json", "reg", JOE, {})


@pytest.mark.parametrize("credential", [JOE, TOKEN])
@pytest.mark.parametrize("which", [{"credsStore": "box"}, {"credHelpers": {"https://reg/": "box"}}])
async def test_a_helper_keeps_the_secret(
    file: Path, environ: dict[str, str], which: dict[str, Any], credential: Credential
) -> None:
    write(file, {**which, "auths": {"reg": {"auth": "eDp5"}}})
    kept = await keep(file, "reg", credential, environ)
    assert kept.helper == "docker-credential-box"
    assert content(file) == {**which, "auths": {"reg": {}}}
    keys = DockerKeychain(load({**environ}))
    assert await keys.credentials("reg") == credential
    assert await keys.places("reg") == (file,)
    assert await forget(file, "reg", environ)
    assert content(file) == {**which, "auths": {}}
    assert await DockerKeychain(load({**environ})).credentials("reg") is None
    assert not await forget(file, "reg", environ)


async def test_the_hub_has_its_old_name_with_helpers(file: Path, environ: dict[str, str]) -> None:
    write(file, {"credsStore": "box"})
    await keep(file, "docker.io", JOE, environ)
    assert content(file)["auths"] == {HUB_SERVER: {}}
    assert await DockerKeychain(load({**environ})).credentials("docker.io") == JOE


async def test_a_helper_that_fails_changes_nothing(file: Path, environ: dict[str, str]) -> None:
    document = {"credsStore": "missing", "auths": {"reg": {"auth": "eDp5"}}}
    write(file, document)
    with pytest.raises(ConfigError, match="cannot keep the credentials for reg") as caught:
        await keep(file, "reg", JOE, environ)
    assert "is not on the PATH" in caught.value.detail
    with pytest.raises(ConfigError, match="cannot remove the credentials for reg"):
        await forget(file, "reg", environ)
    assert content(file) == document


def test_where_credentials_go(tmp_path: Path) -> None:
    home = str(tmp_path)
    plain = load({"HOME": home})
    assert storage(plain, "reg") == tmp_path / ".docker" / "config.json"
    base = tmp_path / ".docker" / "buildx" / "config"
    assert storage(plain, "reg", "a/b", "pull,push") == base / "reg/a/b@pull,push/config.json"
    assert storage(plain, "docker.io", "a/b") == base / "registry-1.docker.io/a/b/config.json"
    assert storage(plain, "reg", "", "push") == base / "reg@push/config.json"
    named = load({"HOME": home, "REGISTRY_AUTH_FILE": "/run/auth.json"})
    assert str(storage(named, "reg")) == "/run/auth.json"
