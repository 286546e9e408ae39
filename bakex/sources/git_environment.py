"""The environment that git runs in: only what it needs, and nothing that others could misuse."""

from __future__ import annotations

import shlex
import stat
from typing import TYPE_CHECKING

from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SSH = "BUILDX_BAKE_GIT_SSH"
_AGENT = "SSH_AUTH_SOCK"
_PASSED = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TMPDIR",
        _AGENT,
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "GIT_EXEC_PATH",
    }
)
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
_CONFIG = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.autocrlf", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("advice.detachedHead", "false"),
    ("init.defaultBranch", "main"),
    ("http.lowSpeedLimit", "100"),
    ("http.lowSpeedTime", "30"),
)


def environment(remote: str, header: str, environ: Mapping[str, str], cwd: Path) -> dict[str, str]:
    """Return the environment for git.

    Args:
        remote: What is fetched, without credentials.
        header: Value of the ``Authorization`` header for it; empty for none.
        environ: The user's environment.
        cwd: What paths of keys are relative to.

    Raises:
        DefinitionError: ``BUILDX_BAKE_GIT_SSH`` names a file that is not there.
    """
    passed = {
        name: value
        for name, value in environ.items()
        if name in _PASSED or name.lower() in _PROXIES
    }
    config = [*_CONFIG, *_authorization(remote, header)]
    agent, ssh = _ssh(environ.get(_SSH, ""), cwd)
    return {
        **passed,
        **agent,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "http:https:git:ssh",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_SSH_VARIANT": "ssh",
        "GIT_SSH_COMMAND": ssh,
        "GIT_CONFIG_COUNT": str(len(config)),
        **{f"GIT_CONFIG_KEY_{index}": key for index, (key, _) in enumerate(config)},
        **{f"GIT_CONFIG_VALUE_{index}": value for index, (_, value) in enumerate(config)},
    }


def _authorization(remote: str, header: str) -> tuple[tuple[str, str], ...]:
    if not header:
        return ()
    # For this repository only, or submodules of other hosts would get it, too. Redirects would take
    # it along, so there are none.
    return (
        (f"http.{_scope(remote)}.extraHeader", f"Authorization: {header}"),
        ("http.followRedirects", "false"),
    )


def _scope(remote: str) -> str:
    # All of github.com has one kind of token, as BuildKit and GitHub's own actions have it.
    for host in ("https://github.com/", "https://www.github.com/"):
        if remote.startswith(host):
            return host
    return remote


def _ssh(listed: str, cwd: Path) -> tuple[dict[str, str], str]:
    """Return the agent to use, if one is named, and the command for SSH."""
    words = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30"]
    agent: dict[str, str] = {}
    keys = False
    for name in filter(None, (word.strip() for word in listed.split(","))):
        path = cwd / name
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError) as error:
            raise DefinitionError(f"{_SSH}: no such file: {name!r}") from error
        if stat.S_ISSOCK(mode):
            agent[_AGENT] = str(path)
        else:
            keys = True
            words += ["-i", str(path)]
    if keys:
        words += ["-o", "IdentitiesOnly=yes"]
    return agent, shlex.join(words)
