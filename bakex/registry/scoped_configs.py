"""buildx's configurations for single repositories and actions.

Directories ``config/HOST[/REPOSITORY][@ACTION,...]`` below buildx's own, each with a
``config.json``. A repository goes before a whole host, more actions go before fewer. Source: buildx
util/dockerutil/dockerconfig/configprovider.go; docs.docker.com, "Registry authentication".
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bakex.model.reference import HUB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bakex.config import Settings

_HUB_NAMES = (HUB, "index.docker.io", "registry-1.docker.io")


def scoped_configs(
    settings: Settings, host: str, repository: str, actions: frozenset[str]
) -> tuple[Path, ...]:
    """Return the files that are for a repository and what is to be done there, the nearest first.

    Args:
        settings: For ``BUILDX_CONFIG``, and docker's directory without that.
        host: The registry; ``docker.io`` for Docker Hub.
        repository: Its full path.
        actions: What is to be done.
    """
    given = settings.environ.get("BUILDX_CONFIG")
    base = (Path(given) if given else settings.docker_config / "buildx") / "config"
    if not base.is_dir():
        return ()
    found: list[tuple[bool, int, Path]] = []
    for name in _HUB_NAMES if host == HUB else (host,):
        for place in (name, f"{name}/{repository}"):
            for directory, wanted in _directories(base / place):
                file = directory / "config.json"
                if wanted <= actions and file.is_file():
                    found.append((place == name, -len(wanted), file))
    return tuple(file for _, _, file in sorted(found))


def _directories(place: Path) -> Iterator[tuple[Path, frozenset[str]]]:
    """Yield a directory and those beside it that are for certain actions only."""
    yield place, frozenset()
    if not place.parent.is_dir():
        return
    for beside in place.parent.iterdir():
        name, at, actions = beside.name.partition("@")
        if at and name == place.name:
            yield beside, frozenset(filter(None, map(str.strip, actions.split(","))))
