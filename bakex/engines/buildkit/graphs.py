"""What a frontend made of a target, as a named context of another target on the same daemon.

Nothing is run, sent or stored for it: the daemon gets the steps back as a part of the other build.
Source: buildx build/build.go (waitContextDeps), buildkit frontend/dockerui/namedcontext.go.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex._pb import bk_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.model.platform import Platform

_CONFIG = "containerimage.config"
_EMPTY = "docker-image://scratch"


def _nothing() -> bytes:
    """Return the steps of an empty file system: it has none, and an input needs one."""
    nowhere = pb.DiffSide(input=-1)
    step = pb.Op(diff=pb.DiffOp(lower=nowhere, upper=nowhere)).SerializeToString()
    name = f"sha256:{hashlib.sha256(step).hexdigest()}"
    last = pb.Op(inputs=[pb.OpInput(digest=name)]).SerializeToString()
    # Frontends want something to be said of steps.
    return pb.Definition(steps=[step, last], metadata={name: b""}).SerializeToString()


_NOTHING = _nothing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The steps of a target.

    Attributes:
        definition: As the daemon writes them; empty for an empty file system without a
            configuration, which is no image.
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
        config = next(filter(None, configs), b"")
        if ref.HasField("definition"):
            return cls(definition=ref.definition.SerializeToString(), config=config)
        return cls(definition=_NOTHING if config else b"", config=config)

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
