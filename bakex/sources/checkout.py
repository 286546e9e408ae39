"""Which commit is checked out where a bake runs: `git` is asked, and need not be there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bakex.sources.processes import ProcessLimitError, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SECONDS = 10.0  # a repository that takes longer is too large to be asked each time
_COMMIT = "# branch.oid "
_NONE = "(initial)"
# The user's own repository and configuration, but no program that either of them names.
_ASKED = (
    *("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "status"),
    *("--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=dirty"),
)


def revision(directory: Path, environ: Mapping[str, str]) -> str:
    """Return the commit that a directory is a checkout of.

    Files that git does not know do not count: results are often written beside them.

    Args:
        directory: Where git looks, and above.
        environ: The user's environment.

    Returns:
        Its name; with ``-dirty`` if files of it were changed. Empty if there is none, or if git is
        missing or does not answer.
    """
    try:
        ended = run(
            _ASKED,
            cwd=directory,
            environ={**environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
            deadline=time.monotonic() + _SECONDS,
            check=lambda: None,
        )
    except (OSError, ProcessLimitError):
        return ""
    lines = ended.output.decode(errors="replace").splitlines()
    commit = next((line.removeprefix(_COMMIT) for line in lines if line.startswith(_COMMIT)), _NONE)
    if ended.code != 0 or commit == _NONE:
        return ""
    changed = any(not line.startswith("#") for line in lines)
    return f"{commit}-dirty" if changed else commit
