"""Whether a build may take stages for other platforms than the one that it is for.

``FROM --platform=$BUILDPLATFORM tools`` is how cross-builds get at programs that run on the node.
Which platform that is, only the node knows; here it is enough to know that it may be any.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bakex.engines.buildkit.registries import read_dockerfile
from bakex.engines.buildkit.sources import gather
from bakex.errors import BakexError

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.model.target import Target

_FLAG = "--platform="


def crosses(target: Target, cwd: Path) -> bool:
    """Return whether a Dockerfile names platforms; True if it is not at hand. Blocking.

    Too often is as good as right, and only slower.
    """
    try:
        sources = gather(replace(target, contexts={}), {}, cwd)
    except BakexError:
        return False  # the build will say it
    filename = sources.attrs.get("filename", "")
    text = read_dockerfile(sources.dirs.get("dockerfile"), filename)
    return text is None or _FLAG in text
