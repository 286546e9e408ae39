"""Settings: read once from flags, environment and files; passed down as a value.

This is the only module that reads the environment (ruff TID251).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that comes from outside the command line and the bake file.

    Attributes:
        environ: A copy of the whole environment: bake variables and secrets look names up in it.
        builder: ``BAKEX_BUILDER`` or ``BUILDX_BUILDER``; empty means "find one".
        buildkit_host: ``BUILDKIT_HOST``.
        docker_host: ``DOCKER_HOST``.
        docker_context: ``DOCKER_CONTEXT``.
        docker_config: Directory of docker's ``config.json`` and contexts.
        buildx_config: Directory of the builders that ``docker buildx create`` has made.
        progress: ``BAKEX_PROGRESS`` or ``BUILDKIT_PROGRESS``.
        state: Directory of what must survive: private engines, journals.
        cache: Directory of what can be made again.
        config: Directory of what the user writes: platforms and devices, builders.
        engine_prefix: Extra directory in which daemon programs are looked for.
        machine: ``os/architecture`` of this machine in Go's words, not normalised further.
    """

    environ: Mapping[str, str] = field(repr=False)
    cwd: Path
    home: Path
    builder: str = ""
    buildkit_host: str = ""
    docker_host: str = ""
    docker_context: str = ""
    docker_config: Path
    buildx_config: Path = Path("/nonexistent")
    progress: str = ""
    state: Path
    cache: Path
    config: Path = Path("/nonexistent")
    engine_prefix: Path
    machine: str = "linux/amd64"


def load(environ: Mapping[str, str] | None = None, *, cwd: Path | None = None) -> Settings:
    """Read the settings; pure when both arguments are given."""
    env = dict(os.environ if environ is None else environ)  # noqa: TID251 - the one reader
    home = Path(env.get("HOME") or "/")
    state = Path(env.get("XDG_STATE_HOME") or home / ".local" / "state") / "bakex"
    cache = Path(env.get("XDG_CACHE_HOME") or home / ".cache") / "bakex"
    config = Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "bakex"
    docker_config = Path(env.get("DOCKER_CONFIG") or home / ".docker")
    return Settings(
        environ=env,
        cwd=cwd or Path.cwd(),
        home=home,
        builder=env.get("BAKEX_BUILDER") or env.get("BUILDX_BUILDER", ""),
        buildkit_host=env.get("BUILDKIT_HOST", ""),
        docker_host=env.get("DOCKER_HOST", ""),
        docker_context=env.get("DOCKER_CONTEXT", ""),
        docker_config=docker_config,
        buildx_config=Path(env.get("BUILDX_CONFIG") or docker_config / "buildx"),
        progress=env.get("BAKEX_PROGRESS") or env.get("BUILDKIT_PROGRESS", ""),
        state=state,
        cache=cache,
        config=config,
        machine=_machine(),
        engine_prefix=Path(env.get("BAKEX_ENGINE_PREFIX") or cache / "engine" / "prefix"),
    )


def _machine() -> str:
    names = {"x86_64": "amd64", "aarch64": "arm64/v8", "arm64": "arm64/v8", "armv7l": "arm/v7"}
    found = os.uname()
    return f"{found.sysname.lower()}/{names.get(found.machine, found.machine)}"
