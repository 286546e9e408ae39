"""What one build of one cell needs, in BuildKit's terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bakex.engines.buildkit.graphs import Graph
    from bakex.engines.buildkit.stages import Runs
    from bakex.model.caches import CacheEntry
    from bakex.model.secrets import Secret
    from bakex.model.ssh import Ssh
    from bakex.session.filesync.tree import LocalDir


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The solve request of a cell without its exporters, and what the session has to serve.

    Attributes:
        frontend: ``dockerfile.v0``, or ``gateway.v0`` for a frontend image.
        attrs: Frontend attributes; an empty value is not the same as a missing one.
        entitlements: What the build asks the daemon for.
        imports: Caches to read.
        exports: Caches to write.
        dirs: Local directories by the name under which the frontend asks for them.
        layouts: OCI layout directories by the id under which blobs are asked for.
        cache_dirs: Directories of local caches, by the text that names them in the request.
        cache_suffix: What the names of this platform's caches end with.
        secrets: Secrets by id.
        ssh: SSH agents by id.
        uploads: Archives that the daemon fetches from the session, by id.
        graphs: Other targets' steps, by the input's name (``context:NAME``).
        registries: Hosts that the build names, apart from its outputs; None for any.
        dockerfile: What to call the Dockerfile in messages.
        runs: How steps are run; None if nobody asked.
    """

    frontend: str
    attrs: Mapping[str, str]
    entitlements: tuple[str, ...] = ()
    imports: tuple[CacheEntry, ...] = ()
    exports: tuple[CacheEntry, ...] = ()
    dirs: Mapping[str, LocalDir] = field(default_factory=dict[str, "LocalDir"])
    layouts: Mapping[str, Path] = field(default_factory=dict[str, "Path"])
    cache_dirs: Mapping[str, Path] = field(default_factory=dict[str, "Path"])
    cache_suffix: str = ""
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, "Secret"])
    ssh: Mapping[str, Ssh] = field(default_factory=dict[str, "Ssh"])
    uploads: Mapping[str, Path] = field(default_factory=dict[str, "Path"])
    graphs: Mapping[str, Graph] = field(default_factory=dict[str, "Graph"])
    registries: frozenset[str] | None = None
    dockerfile: str = "Dockerfile"
    runs: Runs | None = None
