"""Logins: what we keep others use, and the other way round; secrets are seen by nobody."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bakex.oci.layout import OciLayout
from bakex.testing.images import put_image
from tests.e2e.test_registry_access import PASSWORD, USER, Guarded, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Require

BAKEX = Path(sys.executable).with_name("bakex")
HELPER = """#!/usr/bin/env python3
import json, pathlib, sys
verb, text, box = sys.argv[1], sys.stdin.read(), pathlib.Path(sys.argv[0] + ".json")
kept = json.loads(box.read_text()) if box.exists() else {}
if verb == "store":
    kept[json.loads(text)["ServerURL"]] = json.loads(text)
elif text.strip() not in kept:
    print("credentials not found in native keychain")
    sys.exit(1)
elif verb == "get":
    print(json.dumps(kept[text.strip()]))
else:
    del kept[text.strip()]
box.write_text(json.dumps(kept))
"""


@pytest.fixture(scope="module", params=["basic", "token"])
def guarded(
    request: pytest.FixtureRequest, require: Require, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp(request.param)
    with started(require("docker-registry"), folder, request.param) as found:
        fill(found, folder)
        yield found


def fill(registry: Guarded, folder: Path) -> None:
    """Push an image with credentials from a file that nobody else sees."""
    layout = OciLayout.create(folder / "layout")

    async def make() -> None:
        await layout.tag(await put_image(layout), "app")

    asyncio.run(make())
    home = folder / "home"
    home.mkdir()
    done = run(
        registry.configure(home), BAKEX, "image", "copy", f"oci:{layout.root}:app", name(registry)
    )
    assert done.returncode == 0, done.stderr


def name(registry: Guarded) -> str:
    return f"{registry.host}/team/app:1"


def run(
    environ: dict[str, str], *argv: object, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in argv],
        env=environ,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class User:
    """Somebody with a home of their own, where nobody is logged in to anything."""

    def __init__(self, home: Path, require: Require) -> None:
        self.home = home
        self.config = home / ".docker" / "config.json"
        self._require = require
        (home / "tmp").mkdir()
        (home / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self.environ = {
            "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home / "tmp"),
            "TMPDIR": str(home / "tmp"),
        }

    def login(self, registry: Guarded, *more: str, secret: str = f"{PASSWORD}\n") -> Any:
        words = ["login", registry.host, *more] if more else [
            "login", registry.host, "-u", USER, "--password-stdin"
        ]  # fmt: skip
        return run(self.environ, BAKEX, *words, stdin=secret)

    def logout(self, registry: Guarded) -> None:
        done = run(self.environ, BAKEX, "logout", registry.host)
        assert (done.returncode, done.stdout) == (0, f"logged out of {registry.host}\n")

    def reads(self, tool: str, registry: Guarded) -> bool:
        """Return whether a tool is let in to read the image."""
        words: dict[str, list[object]] = {
            "bakex": [BAKEX, "image", "inspect", name(registry)],
            "crane": [self.tool("crane"), "digest", name(registry)],
            "skopeo": [
                self.tool("skopeo"), "inspect", "--raw", "--tls-verify=false",
                f"docker://{name(registry)}",
            ],
            "oras": [self.tool("oras"), "manifest", "fetch", "--plain-http", name(registry)],
        }  # fmt: skip
        return run(self.environ, *words[tool]).returncode == 0

    def tool(self, program: str) -> Path:
        return self._require(program)

    def auths(self) -> Any:
        return json.loads(self.config.read_text())["auths"]


@pytest.fixture
def user(tmp_path: Path, require: Require) -> User:
    return User(tmp_path, require)


TOOLS = ("bakex", "crane", "skopeo", "oras")


def test_what_we_keep_others_use(guarded: Guarded, user: User) -> None:
    assert not any(user.reads(tool, guarded) for tool in TOOLS)
    done = user.login(guarded)
    assert (done.returncode, done.stdout) == (0, f"logged in to {guarded.host} as {USER}\n")
    assert PASSWORD not in done.stderr
    assert user.config.stat().st_mode & 0o777 == 0o600
    assert {tool: user.reads(tool, guarded) for tool in TOOLS} == dict.fromkeys(TOOLS, True)
    user.logout(guarded)
    assert user.auths() == {}
    assert not any(user.reads(tool, guarded) for tool in TOOLS)


@pytest.mark.parametrize("tool", ["crane", "skopeo", "oras"])
def test_what_others_keep_we_use_and_remove(guarded: Guarded, user: User, tool: str) -> None:
    host = guarded.host
    words: dict[str, list[object]] = {
        "crane": ["auth", "login", host, "-u", USER, "--password-stdin"],
        "skopeo": [
            "login", "--tls-verify=false", "--authfile", user.config, "-u", USER,
            "--password-stdin", host,
        ],
        "oras": ["login", "--plain-http", host, "-u", USER, "--password-stdin"],
    }  # fmt: skip
    user.config.parent.mkdir()
    done = run(user.environ, user.tool(tool), *words[tool], stdin=PASSWORD)
    assert done.returncode == 0, done.stderr
    assert user.reads("bakex", guarded)
    user.logout(guarded)
    assert not user.reads(tool, guarded)


def test_a_wrong_password_is_not_kept(guarded: Guarded, user: User) -> None:
    done = user.login(guarded, secret="hunter3")
    assert done.returncode == 5
    assert "the credentials were refused" in done.stderr
    assert "hunter3" not in done.stdout + done.stderr
    assert not user.config.parent.exists()


@pytest.mark.parametrize("which", ["credsStore", "credHelpers"])
def test_a_helper_has_the_secret(guarded: Guarded, user: User, which: str) -> None:
    program = user.home / "bin" / "docker-credential-box"
    program.parent.mkdir()
    program.write_text(HELPER)
    program.chmod(0o755)
    user.config.parent.mkdir()
    helper: Any = "box" if which == "credsStore" else {guarded.host: "box"}
    before = {which: helper, "psFormat": "x"}
    user.config.write_text(json.dumps(before))
    done = user.login(guarded)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(user.config.read_text())
    assert found == {**before, "auths": {guarded.host: {}}}
    # For one host or for all; skopeo 1.9 knows helpers for one host only.
    tools = [tool for tool in TOOLS if tool != "skopeo" or which == "credHelpers"]
    assert {tool: user.reads(tool, guarded) for tool in tools} == dict.fromkeys(tools, True)
    user.logout(guarded)
    assert not any(user.reads(tool, guarded) for tool in TOOLS)


def test_a_login_for_one_repository(guarded: Guarded, user: User) -> None:
    scope = ["--scope", "team/app@pull"]
    done = user.login(guarded, "-u", USER, "--password-stdin", *scope)
    assert done.returncode == 0, done.stderr
    assert not user.config.exists()
    assert user.reads("bakex", guarded)
    run(user.environ, BAKEX, "logout", guarded.host, *scope)
    assert not user.reads("bakex", guarded)


def test_people_type_a_password_that_is_not_shown(guarded: Guarded, user: User) -> None:
    number, terminal = pty.openpty()
    with subprocess.Popen(
        [BAKEX, "login", guarded.host],
        env=user.environ,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ) as process:
        os.close(terminal)
        seen = until(number, b"Username: ")
        os.write(number, f"{USER}\n".encode())
        seen += until(number, b"Password: ")
        os.write(number, f"{PASSWORD}\n".encode())
        seen += until(number, f"as {USER}".encode())
        assert process.wait(timeout=60) == 0
    os.close(number)
    assert USER.encode() in seen
    assert PASSWORD.encode() not in seen
    assert user.reads("crane", guarded)


def until(number: int, text: bytes) -> bytes:
    """Read from a terminal up to some text."""
    seen = b""
    while text not in seen:
        seen += os.read(number, 4096)
    return seen


def test_an_identity_token_takes_the_place_of_the_password(
    require: Require, user: User, tmp_path: Path
) -> None:
    folder = tmp_path / "registry"
    folder.mkdir()
    with started(require("docker-registry"), folder, "token") as registry:
        assert registry.tokens is not None
        fill(registry, folder)
        registry.tokens.give_identities()
        done = user.login(registry)
        assert done.returncode == 0, done.stderr
        (entry,) = user.auths().values()
        assert base64.b64decode(entry["auth"]).decode() == f"{USER}:"
        assert {tool: user.reads(tool, registry) for tool in TOOLS} == dict.fromkeys(TOOLS, True)
        user.logout(registry)
        token = entry["identitytoken"]
        done = user.login(registry, "--identity-token-stdin", secret=f"{token}\n")
        assert done.returncode == 0, done.stderr
        assert user.auths()[registry.host]["identitytoken"] == token
        assert {tool: user.reads(tool, registry) for tool in TOOLS} == dict.fromkeys(TOOLS, True)
