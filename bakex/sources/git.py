"""Trees of git repositories, fetched with the program `git` (spec/bake-file 1.6).

The repository is not trusted: no configuration of the user or the system, no hooks, no prompt, no
transport but http, https, ssh and git, limits on time and size. Credentials travel in the
environment of the process, never in its arguments. Source of what a reference means: moby/buildkit
source/git.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bakex._util.redact import redact_text
from bakex.errors import DefinitionError
from bakex.model.gitref import credentials, is_commit
from bakex.sources.git_environment import environment
from bakex.sources.processes import ProcessLimitError, run
from bakex.sources.tree import subdirectory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bakex.model.gitref import GitRef
    from bakex.sources.limits import Limits

_TARGET = "refs/bakex/definition"
_EVERYTHING = ("+refs/heads/*:refs/bakex/heads/*", "+refs/tags/*:refs/bakex/tags/*")
# What servers say that cannot give a part of the history, or a commit by its id.
_TRY_MORE = re.compile(r"shallow|unadvertised|not our ref|remote ref", re.IGNORECASE)
_LINES = 12  # of git's own words in an error


def fetch(
    reference: GitRef,
    into: Path,
    *,
    environ: Mapping[str, str],
    cwd: Path,
    limits: Limits,
) -> Path:
    """Fetch what a reference means and return the directory that it names.

    Args:
        reference: The repository, and what of it.
        into: An empty directory of the caller's; holds the tree afterwards, without ``.git``.
        environ: The environment: ``PATH``, proxies, the SSH agent, ``BUILDX_BAKE_GIT_...``.
        cwd: What paths of keys are relative to.
        limits: Bounds of time and size.

    Raises:
        DefinitionError: There is no git, the repository does not answer or refuses, it has no such
            reference or directory, the commit is another than the checksum says, or a limit is
            passed.
    """
    git = _Git(reference, into, environ, cwd, limits)
    git("init", "--quiet", "--template=", ".")
    git("remote", "add", "--", "origin", git.remote)
    what = _wanted(git, reference)
    _fetch(git, what)
    commit = _commit(git, what)
    _verify(reference, commit)
    _measure(git, commit, limits)
    git("checkout", "--quiet", "--force", "--detach", commit)
    if reference.submodules and (into / ".gitmodules").is_file():
        git("submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")
    shutil.rmtree(into / ".git", ignore_errors=True)
    root = subdirectory(into, reference.subdir)
    if root is None:
        raise DefinitionError(
            f"there is no directory {reference.subdir!r} in the repository",
            detail=f"Looked in {git.shown} at {commit}.",
        )
    return root


class _Git:
    """Runs git in one repository."""

    def __init__(
        self,
        reference: GitRef,
        directory: Path,
        environ: Mapping[str, str],
        cwd: Path,
        limits: Limits,
    ) -> None:
        self._directory = directory
        self._limits = limits
        self._deadline = time.monotonic() + limits.seconds
        self._next_look = time.monotonic()
        self.remote, header = _authenticated(reference, environ)
        self.shown = redact_text(self.remote)
        self._secrets = [word for word in header.split(" ") if len(word) > 4]
        self._secrets += [environ[name] for name in credentials(environ).values()]
        self._environ = environment(self.remote, header, environ, cwd)

    def __call__(self, *arguments: str) -> str:
        """Run a command of git and return its output.

        Raises:
            GitError: It failed.
        """
        try:
            ended = run(
                ("git", *arguments),
                cwd=self._directory,
                environ=self._environ,
                deadline=self._deadline,
                check=self._look,
            )
        except ProcessLimitError as error:
            raise DefinitionError(
                f"fetching {self.shown!r} was given up",
                detail=f"{error}: more than {self._limits.seconds:g} seconds or "
                f"{self._limits.tree} bytes.".capitalize(),
            ) from error
        except FileNotFoundError as error:
            raise DefinitionError(
                "git is not installed",
                detail="Definitions in git repositories are fetched with it.",
                hint="install git, or give the URL of an archive or of a file",
            ) from error
        except OSError as error:
            raise DefinitionError("cannot run git", detail=f"{error.strerror}.") from error
        if ended.code != 0:
            raise self._failure(ended.errors)
        return ended.output.decode(errors="replace")

    def _look(self) -> None:
        """Measure what is on disk, seldom: it costs more the more there is."""
        start = time.monotonic()
        if start < self._next_look:
            return
        if _size(self._directory, self._limits) > self._limits.tree:
            raise ProcessLimitError("it is too large")
        self._next_look = time.monotonic() + max(1.0, 20 * (time.monotonic() - start))

    def _failure(self, said: bytes) -> GitError:
        text = redact_text(said.decode(errors="replace"), self._secrets)
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        return GitError(
            f"cannot fetch {self.shown!r}", detail="\n".join(lines[-_LINES:]), hint=_hint(text)
        )


class GitError(DefinitionError):
    """What git said when it failed is the detail."""


def _authenticated(reference: GitRef, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the URL without credentials, and the value of an ``Authorization`` header."""
    remote, header = reference.remote, ""
    if reference.scheme in {"http", "https"}:
        user, at, _ = urlsplit(remote).netloc.rpartition("@")
        if at:
            remote = f"{reference.scheme}://{remote.partition('@')[2]}"
            name, _, password = user.partition(":")
            header = _basic(unquote(name), unquote(password))
        names = credentials(environ)
        # As in BuildKit, a header goes before a token.
        if token := environ.get(names.get("GIT_AUTH_TOKEN", ""), ""):
            header = _basic("x-access-token", token)
        header = environ.get(names.get("GIT_AUTH_HEADER", ""), "") or header
    return remote, header


def _basic(user: str, password: str) -> str:
    return "basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _wanted(git: _Git, reference: GitRef) -> str:
    """Return the full name or the commit that is to be fetched."""
    if reference.fetch_by_commit:
        return reference.checksum
    if not reference.ref or reference.is_commit:
        return reference.ref or "HEAD"
    name = reference.ref
    listed = git("ls-remote", "--", "origin", name, f"{name}^{{}}")
    found = {line.split("\t", 1)[-1] for line in listed.splitlines()}
    # A branch goes before a tag of the same name, as in BuildKit.
    for candidate in (
        f"refs/heads/{name.removeprefix('refs/heads/')}",
        f"refs/tags/{name.removeprefix('refs/tags/')}",
        f"refs/{name.removeprefix('refs/')}",
    ):
        if candidate in found:
            return candidate
    raise DefinitionError(
        f"there is no branch or tag {name!r} in the repository",
        detail=f"Asked {git.shown}.",
        hint="name a branch, a tag or a whole commit behind the #",
    )


def _fetch(git: _Git, what: str) -> None:
    plain = (f"+{what}:{_TARGET}",)
    try:
        _fetch_refs(git, ("--depth=1",), plain)
    except GitError as error:
        if not _TRY_MORE.search(error.detail):
            raise
        _fetch_refs(git, (), _EVERYTHING if is_commit(what) else plain)


def _fetch_refs(git: _Git, options: Sequence[str], refspecs: Sequence[str]) -> None:
    git(
        *("fetch", "--quiet", "--no-tags", "--no-recurse-submodules"),
        *(*options, "--", "origin", *refspecs),
    )


def _commit(git: _Git, what: str) -> str:
    name = what if is_commit(what) else _TARGET
    try:
        return git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
    except GitError as error:
        raise DefinitionError(
            f"there is no commit {what!r} in the repository", detail=f"Asked {git.shown}."
        ) from error


def _verify(reference: GitRef, commit: str) -> None:
    if not commit.startswith(reference.checksum):
        raise DefinitionError(
            "the repository has another commit than expected",
            detail=f"Its commit is {commit}, the checksum says {reference.checksum}.",
        )


def _measure(git: _Git, commit: str, limits: Limits) -> None:
    """Refuse a tree that is too large before it is written out."""
    listed = git("ls-tree", "-r", "-l", "-z", "--full-tree", commit).split("\0")
    sizes = [line.partition("\t")[0].split()[-1] for line in listed if line]
    total = sum(int(size) for size in sizes if size.isdigit())
    if len(sizes) > limits.entries or total > limits.tree:
        raise DefinitionError(
            "the repository is too large for a definition",
            detail=f"It has {len(sizes)} files with {total} bytes.",
        )


def _size(directory: Path, limits: Limits) -> int:
    """Return the bytes in a directory that is being written to."""
    total = entries = 0
    for place, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - thousands
            except OSError:
                continue
        entries += len(names)
        if total > limits.tree or entries > 4 * limits.entries:
            return limits.tree + 1
    return total


def _hint(text: str) -> str:
    lowered = text.lower()
    if "terminal prompts disabled" in lowered or "authentication failed" in lowered:
        return "set BUILDX_BAKE_GIT_AUTH_TOKEN if the repository is private"
    if "permission denied (publickey" in lowered:
        return "add a key to the SSH agent, or name one in BUILDX_BAKE_GIT_SSH"
    if "host key verification failed" in lowered:
        return "connect to the host with ssh once, to check its key and remember it"
    if "transport '" in lowered and "not allowed" in lowered:
        return "add submodules=false to the query to do without submodules"
    return ""
