from __future__ import annotations

import base64
import json

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit.graphs import Graph, definitions
from bakex.model.digest import Digest
from bakex.model.platform import Platform

AMD64 = Platform.parse("linux/amd64")
STEPS = pb.Definition(steps=[b"op"])


def test_a_single_result() -> None:
    result = pb.Result(ref=pb.Ref(id="r", definition=STEPS))
    result.metadata["containerimage.config"] = b"{}"
    assert Graph.of(result, AMD64) == Graph(definition=STEPS.SerializeToString(), config=b"{}")


def test_a_result_by_platform() -> None:
    refs = {
        "linux/arm64": pb.Ref(definition=pb.Definition(steps=[b"other"])),
        "linux/amd64": pb.Ref(definition=STEPS),
    }
    result = pb.Result(refs=pb.RefMap(refs=refs))
    result.metadata["containerimage.config/linux/amd64"] = b"mine"
    result.metadata["containerimage.config"] = b"not mine"
    assert Graph.of(result, AMD64) == Graph(definition=STEPS.SerializeToString(), config=b"mine")


def test_an_empty_file_system() -> None:
    for result in (pb.Result(), pb.Result(ref=pb.Ref(id=""))):
        graph = Graph.of(result, AMD64)
        assert graph == Graph()
        assert graph.attributes("context:base") == {"context:base": "docker-image://scratch"}
        assert definitions({"context:base": graph}) == {}


def test_an_empty_file_system_with_a_configuration() -> None:
    """An input needs steps; the difference between nothing and nothing is nothing."""
    result = pb.Result(metadata={"containerimage.config": b'{"config":{"Env":["A=1"]}}'})
    graph = Graph.of(result, AMD64)
    assert graph.attributes("context:base")["context:base"] == "input:context:base"
    (definition,) = definitions({"context:base": graph}).values()
    step, last = (pb.Op.FromString(op) for op in definition.steps)
    assert (step.diff.lower.input, step.diff.upper.input) == (-1, -1)
    assert [(i.digest, i.index) for i in last.inputs] == [(str(Digest.of(definition.steps[0])), 0)]


def test_as_a_named_context() -> None:
    graph = Graph(definition=STEPS.SerializeToString(), config=b'{"a":1}')
    attrs = graph.attributes("context:base")
    assert attrs.pop("context:base") == "input:context:base"
    (text,) = (json.loads(attrs.pop("input-metadata:context:base"))[key] for key in
               ["containerimage.config"])  # fmt: skip
    assert base64.b64decode(text) == b'{"a":1}'
    assert attrs == {}
    assert definitions({"context:base": graph}) == {"context:base": STEPS}
    bare = Graph(definition=STEPS.SerializeToString())
    assert bare.attributes("context:base") == {"context:base": "input:context:base"}


def test_what_is_unknown_in_a_definition_is_kept() -> None:
    raw = STEPS.SerializeToString() + b"\x1a\x03abc"
    (found,) = definitions({"x": Graph(definition=raw)}).values()
    assert found.SerializeToString() == raw
