from __future__ import annotations

from bakex.model.node import Endpoint, NodeInfo, NodeName, Wire


def test_a_node_has_the_name_of_its_endpoint() -> None:
    endpoint = Endpoint(name=NodeName("n"), address="unix:///x", wire=Wire.BUILDKIT)
    assert NodeInfo(endpoint=endpoint, platforms={}, features=frozenset()).name == "n"
