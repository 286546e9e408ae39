from __future__ import annotations

import base64
import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DefinitionError
from bakex.model.gitref import GitRef
from bakex.sources.git import fetch
from bakex.sources.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from tests.unit.conftest import Repository, Web

pytestmark = pytest.mark.slow

SMART, DUMB = "/git/repo.git", "/dumb/repo.git"


@pytest.fixture
def into(tmp_path: Path) -> Path:
    path = tmp_path / "into"
    path.mkdir()
    return path


def get(
    text: str,
    into: Path,
    *,
    environ: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Path:
    reference = GitRef.parse(text)
    assert reference is not None
    return fetch(
        reference,
        into,
        environ={"PATH": os.environ["PATH"], "HOME": str(into.parent), **(environ or {})},
        cwd=into.parent,
        limits=limits or Limits(seconds=30),
    )


@pytest.mark.parametrize("server", [SMART, DUMB])
def test_the_default_branch(web: Web, repo: Repository, into: Path, server: str) -> None:
    root = get(web.url + server, into)
    assert root == into
    assert (root / "docker-bake.hcl").read_text() == 'target "default" {}'
    assert not (root / ".git").exists()


@pytest.mark.parametrize("server", [SMART, DUMB])
def test_branches_tags_and_commits(web: Web, repo: Repository, tmp_path: Path, server: str) -> None:
    first = repo.git("rev-parse", "HEAD")
    repo.git("tag", "light")
    repo.git("tag", "-a", "-m", "x", "heavy")
    repo.git("checkout", "-q", "-b", "topic/a")
    second = repo.commit({"v": "2"})
    repo.git("checkout", "-q", "main")
    third = repo.commit({"v": "3"})
    repo.commit({"v": "4"})
    url = web.url + server
    expected = {
        "": "4",
        "#main": "4",
        "#topic/a": "2",
        "#refs/heads/topic/a": "2",
        "#heads/topic/a": "2",
        "?branch=topic/a": "2",
        "?tag=light": None,
        "#heavy": None,
        f"#{second}": "2",
        f"#{third}": "3",
        f"?checksum={first}": None,
        f"?ref=topic/a&checksum={second[:8]}": "2",
        f"?ref=main&checksum={third}&fetch-by-commit": "3",
    }
    found: dict[str, str | None] = {}
    for index, suffix in enumerate(expected):
        into = tmp_path / str(index)
        into.mkdir()
        get(url + suffix, into)
        file = into / "v"
        found[suffix] = file.read_text() if file.exists() else None
    assert found == expected


def test_a_branch_goes_before_a_tag_of_the_same_name(
    web: Web, repo: Repository, into: Path
) -> None:
    repo.git("tag", "both")
    repo.git("checkout", "-q", "-b", "both")
    (repo.work / "v").write_text("branch")
    repo.git("add", "v")
    repo.git("commit", "-qm", "x")
    repo.publish()
    assert (get(f"{web.url}{SMART}#both", into) / "v").read_text() == "branch"


def test_a_subdirectory(web: Web, repo: Repository, into: Path) -> None:
    assert get(f"{web.url}{SMART}#:sub", into) == into / "sub"


@pytest.mark.parametrize("path", ["nope", "../..", "docker-bake.hcl", "out"])
def test_no_such_subdirectory(web: Web, repo: Repository, into: Path, path: str) -> None:
    (repo.work / "out").symlink_to("/etc")
    repo.commit({"a": "b"})
    with pytest.raises(DefinitionError, match="there is no directory"):
        get(f"{web.url}{SMART}#:{path}", into)


def test_no_such_reference(web: Web, repo: Repository, into: Path) -> None:
    with pytest.raises(DefinitionError, match="no branch or tag 'nope'"):
        get(f"{web.url}{SMART}#nope", into)


@pytest.mark.parametrize("server", [SMART, DUMB])
def test_no_such_commit(web: Web, repo: Repository, into: Path, server: str) -> None:
    with pytest.raises(DefinitionError, match=r"no commit|cannot fetch"):
        get(f"{web.url}{server}#{'0' * 39}1", into)


def test_another_commit_than_expected(web: Web, repo: Repository, into: Path) -> None:
    with pytest.raises(DefinitionError, match="another commit") as caught:
        get(f"{web.url}{SMART}?branch=main&checksum=0000000", into)
    assert repo.git("rev-parse", "HEAD") in caught.value.detail
    assert list(into.iterdir()) == [into / ".git"]


def test_a_repository_that_is_not_there(web: Web, repo: Repository, into: Path) -> None:
    with pytest.raises(DefinitionError, match=r"cannot fetch .*nope\.git") as caught:
        get(f"{web.url}/git/nope.git", into)
    assert "not found" in caught.value.detail


def submodule(repo: Repository, url: str, commit: str) -> None:
    text = f'[submodule "lib"]\n\tpath = lib\n\turl = {url}\n'
    (repo.work / ".gitmodules").write_text(text)
    repo.git("add", ".gitmodules")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
    repo.git("commit", "-qm", "submodule")
    repo.publish()


def test_submodules(
    web: Web, repo: Repository, new_repository: Callable[[str], Repository], tmp_path: Path
) -> None:
    commit = new_repository("lib.git").commit({"lib.hcl": "x = 1"})
    submodule(repo, "../lib.git", commit)
    places = [tmp_path / "with", tmp_path / "without"]
    for into, query in zip(places, ("", "?submodules=false"), strict=True):
        into.mkdir()
        get(web.url + SMART + query, into)
    assert (places[0] / "lib" / "lib.hcl").read_text() == "x = 1"
    assert list((places[1] / "lib").iterdir()) == []


@pytest.mark.parametrize("transport", ["{bare}", "file://{bare}", "ext::sh -c touch% {canary}"])
def test_submodules_only_over_the_network(
    web: Web, repo: Repository, into: Path, tmp_path: Path, transport: str
) -> None:
    canary = tmp_path / "canary"
    url = transport.format(bare=repo.bare, canary=canary)
    submodule(repo, url, repo.git("rev-parse", "HEAD"))
    with pytest.raises(DefinitionError) as caught:
        get(web.url + SMART, into)
    assert "not allowed" in caught.value.detail
    assert "submodules=false" in caught.value.hint
    assert not canary.exists()


def basic(text: str) -> str:
    return f"basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("environ", "authorization"),
    [
        ({"BUILDX_BAKE_GIT_AUTH_TOKEN": "s3cret"}, basic("x-access-token:s3cret")),
        ({"buildx_bake_git_auth_TOKEN": "s3cret"}, basic("x-access-token:s3cret")),
        (
            {"BUILDX_BAKE_GIT_AUTH_HEADER": "bearer s3cret", "BUILDX_BAKE_GIT_AUTH_TOKEN": "no"},
            "bearer s3cret",
        ),
    ],
)
def test_credentials_of_the_environment(
    web: Web,
    repo: Repository,
    new_repository: Callable[[str], Repository],
    into: Path,
    environ: dict[str, str],
    authorization: str,
) -> None:
    web.authorization = authorization
    assert get(web.url + SMART, into, environ=environ) == into


def test_credentials_in_the_url(web: Web, repo: Repository, into: Path) -> None:
    web.authorization = basic("me:p:w@d")
    assert get(web.url.replace("://", "://me:p%3Aw%40d@") + SMART, into) == into


def test_credentials_are_not_for_submodules_of_others(
    web: Web, repo: Repository, new_repository: Callable[[str], Repository], into: Path
) -> None:
    commit = new_repository("lib.git").commit({"lib.hcl": "x = 1"})
    submodule(repo, "../lib.git", commit)
    web.seen.clear()
    get(web.url + SMART, into, environ={"BUILDX_BAKE_GIT_AUTH_TOKEN": "s3cret"})
    sent = {"lib.git" in seen.path: seen.headers.get("Authorization") for seen in web.seen}
    assert sent == {False: basic("x-access-token:s3cret"), True: None}


def test_credentials_do_not_follow_redirects(web: Web, repo: Repository, into: Path) -> None:
    def redirect(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"{web.url}/elsewhere/info/refs")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    web.pages["/moved.git/info/refs"] = redirect
    with pytest.raises(DefinitionError, match="cannot fetch"):
        get(f"{web.url}/moved.git", into, environ={"BUILDX_BAKE_GIT_AUTH_TOKEN": "s3cret"})
    assert not any("elsewhere" in seen.path for seen in web.seen)


def test_wrong_credentials_are_not_shown(web: Web, repo: Repository, into: Path) -> None:
    web.authorization = basic("x-access-token:other")
    with pytest.raises(DefinitionError) as caught:
        get(
            web.url.replace("://", "://me:passw0rd@") + SMART,
            into,
            environ={"BUILDX_BAKE_GIT_AUTH_TOKEN": "s3cret"},
        )
    told = f"{caught.value.summary} {caught.value.detail} {caught.value.hint}"
    assert "BUILDX_BAKE_GIT_AUTH_TOKEN" in told
    for secret in ("s3cret", "passw0rd", basic("x-access-token:s3cret").split()[1]):
        assert secret not in told


def program(directory: Path, name: str, text: str) -> dict[str, str]:
    """Put a shell script in the path; return the environment that finds it."""
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!/bin/sh\n{text}\n")
    (directory / name).chmod(0o755)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


def test_credentials_are_in_no_argument(
    web: Web, repo: Repository, into: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    real = os.environ["PATH"]
    environ = program(tmp_path / "bin", "git", f'echo "$*" >> {log}; PATH="{real}"; exec git "$@"')
    environ["BUILDX_BAKE_GIT_AUTH_TOKEN"] = "s3cret"
    get(web.url.replace("://", "://me:passw0rd@") + SMART, into, environ=environ)
    told = log.read_text()
    assert "fetch" in told
    assert "s3cret" not in told
    assert "passw0rd" not in told


@pytest.mark.parametrize("form", ["git@host:{path}", "ssh://git@host:2222{path}"])
def test_ssh(repo: Repository, into: Path, tmp_path: Path, form: str) -> None:
    log = tmp_path / "log"
    script = f'echo "$*" >> {log}; for last; do :; done; exec sh -c "$last"'
    environ = program(tmp_path / "bin", "ssh", script)
    key = tmp_path / "my key"
    key.touch()
    environ["BUILDX_BAKE_GIT_SSH"] = "my key"
    assert get(form.format(path=repo.bare), into, environ=environ) == into
    told = log.read_text()
    assert "BatchMode=yes" in told
    assert f"-i {key} -o IdentitiesOnly=yes" in told


def test_settings_and_hooks_of_the_user_do_not_matter(
    web: Web, repo: Repository, into: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    hooks = tmp_path / "hooks"
    program(hooks, "post-checkout", f"touch {canary}")
    (tmp_path / ".gitconfig").write_text(
        f'[core]\n hooksPath = {hooks}\n[url "http://127.0.0.1:1/"]\n insteadOf = {web.url}/\n'
    )
    environ = {"HOME": str(tmp_path), "GIT_DIR": "/nowhere", "GIT_SSH_COMMAND": "false"}
    assert get(web.url + SMART, into, environ=environ) == into
    assert not canary.exists()


def test_no_git(web: Web, into: Path) -> None:
    with pytest.raises(DefinitionError, match="git is not installed"):
        get(web.url + SMART, into, environ={"PATH": str(into)})


def test_git_that_cannot_be_run(web: Web, into: Path, tmp_path: Path) -> None:
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "git").write_text("x")
    with pytest.raises(DefinitionError, match="cannot run git"):
        get(web.url + SMART, into, environ={"PATH": str(directory)})


def hang(release: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        release.wait(20)
        handler.send_response(500)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def test_a_server_that_does_not_answer(web: Web, into: Path) -> None:
    release = threading.Event()
    web.pages["/slow.git/info/refs"] = hang(release)
    try:
        with pytest.raises(DefinitionError, match="given up"):
            get(f"{web.url}/slow.git", into, limits=Limits(seconds=0.3))
    finally:
        release.set()


@pytest.mark.parametrize("limits", [Limits(tree=100), Limits(entries=1)])
def test_a_tree_that_is_too_large(web: Web, repo: Repository, into: Path, limits: Limits) -> None:
    repo.commit({"large": "x" * 1000})
    with pytest.raises(DefinitionError, match=r"too large|given up"):
        get(web.url + SMART, into, limits=limits)
    assert not (into / "large").exists()


def test_an_interrupt_ends_git(web: Web, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Raised where a signal would raise it: a real one could hit the tracer of coverage in its lock.
    release = threading.Event()
    arrived = threading.Event()
    running: list[subprocess.Popen[bytes]] = []
    wait = subprocess.Popen[bytes].wait

    def answer(handler: BaseHTTPRequestHandler) -> None:
        arrived.set()
        hang(release)(handler)

    def interrupted(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        if timeout is None or not arrived.is_set():
            return wait(process, timeout)
        running.append(process)
        raise KeyboardInterrupt

    web.pages["/slow.git/info/refs"] = answer
    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            get(f"{web.url}/slow.git", into)
    finally:
        release.set()
    assert [process.returncode for process in running] == [-signal.SIGKILL]
