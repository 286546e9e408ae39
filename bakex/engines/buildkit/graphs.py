"""What a frontend made of a target, as a named context of another target on the same daemon.

Nothing is run, sent or stored for it: the daemon gets the steps back as a part of the other build.
Source: buildx build/build.go (waitContextDeps), buildkit frontend/dockerui/namedcontext.go.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex._pb import bk_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.model.platform import Platform

_CONFIG = "containerimage.config"
_EMPTY = "docker-image://scratch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The steps of a target.

    Attributes:
        definition: As the daemon writes them; empty for an empty file system.
        config: The image's configuration, if the frontend gave one.
    """

    definition: bytes = b""
    config: bytes = b""

    @classmethod
    def of(cls, result: pb.Result, platform: Platform) -> Graph:
        """Return what a frontend answered with, for one platform."""
        refs = dict(result.refs.refs)
        ref = refs.get(str(platform)) or next(iter(refs.values()), result.ref)
        configs = (result.metadata.get(key, b"") for key in (f"{_CONFIG}/{platform}", _CONFIG))
        return cls(
            definition=ref.definition.SerializeToString() if ref.HasField("definition") else b"",
            config=next(filter(None, configs), b""),
        )

    def attributes(self, key: str) -> dict[str, str]:
        """Return the frontend attributes that make it the named context ``context:NAME``."""
        if not self.definition:
            return {key: _EMPTY}
        attrs = {key: f"input:{key}"}
        if self.config:
            text = base64.b64encode(self.config).decode()
            attrs[f"input-metadata:{key}"] = json.dumps({_CONFIG: text})
        return attrs


def definitions(graphs: Mapping[str, Graph]) -> dict[str, pb.Definition]:
    """Return the inputs of a solve: the graphs that are not empty, by name."""
    return {
        key: pb.Definition.FromString(graph.definition)
        for key, graph in graphs.items()
        if graph.definition
    }
