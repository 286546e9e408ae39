"""Which texts name something on another machine (spec/bake-file 1.6, moby/buildkit gitutil).

One answer for all: what counts as remote needs no leave to read files here, so whoever reads them
must not take it for a directory.
"""

from __future__ import annotations

import re

_SCP = re.compile(r"[a-zA-Z0-9_-]+@[a-zA-Z0-9.-]+:.*", re.DOTALL)
_SCHEMES = ("http://", "https://", "git://", "ssh://", "github.com/")


def is_remote(text: str) -> bool:
    """Return whether a context or definition is a URL or a git reference; nothing is validated."""
    return text.startswith(_SCHEMES) or _SCP.fullmatch(text) is not None


def is_git_over_ssh(text: str) -> bool:
    """Return whether reading it needs an SSH agent or key: ``ssh://...`` or ``git@host:path``."""
    return text.startswith("ssh://") or _SCP.fullmatch(text) is not None
