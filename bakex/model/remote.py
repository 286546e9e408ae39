"""Which texts name something on another machine (spec/bake-file 1.6, moby/buildkit gitutil).

One answer for all: what counts as remote needs no leave to read files here, so whoever reads them
must not take it for a directory. What a git reference says in detail is in `bakex.model.gitref`.
"""

from __future__ import annotations

import re

# The reference takes http and https as written; other spellings of them only for repositories.
_HTTP = ("http://", "https://")
_SHORTHAND = "github.com/"
_SCP = re.compile(r"[a-zA-Z0-9_-]+@[a-zA-Z0-9.-]+:.*")
_GIT = re.compile(r"(?i:git|ssh)://.*|(?i:https?)://[^?#]*\.git(?:[?#].*)?")
_SSH = re.compile(r"(?i:ssh)://")


def is_remote(text: str) -> bool:
    """Return whether a context or definition is a URL or a git reference; nothing is validated."""
    return text.startswith(_HTTP) or is_git(text)


def is_git(text: str) -> bool:
    """Return whether it is a git reference: it may be a malformed one."""
    return text.startswith(_SHORTHAND) or any(form.fullmatch(text) for form in (_GIT, _SCP))


def is_git_over_ssh(text: str) -> bool:
    """Return whether reading it needs an SSH agent or key: ``ssh://...`` or ``git@host:path``."""
    return _SSH.match(text) is not None or _SCP.fullmatch(text) is not None
