from __future__ import annotations

import pytest

from bakex.model.node import Endpoint, NodeInfo, NodeName, Terms, Wire


def node(*, jobs: int = 0, processors: int = 0) -> NodeInfo:
    endpoint = Endpoint(
        name=NodeName("n"), address="unix:///x", wire=Wire.BUILDKIT, terms=Terms(max_jobs=jobs)
    )
    return NodeInfo(endpoint=endpoint, platforms={}, features=frozenset(), processors=processors)


def test_a_node_has_the_name_of_its_endpoint() -> None:
    assert node().name == "n"


@pytest.mark.parametrize(
    ("jobs", "processors", "slots", "parallel", "ease"),
    [
        (0, 0, 8, 4, 5),
        (0, 1, 8, 1, 2),
        (0, 4, 8, 4, 5),
        (0, 64, 8, 8, 8),
        (2, 0, 2, 2, 2),
        (16, 0, 16, 16, 16),
        (16, 4, 16, 4, 16),
        (1, 4, 1, 1, 1),
    ],
)
def test_how_much_a_node_does_at_once(
    jobs: int, processors: int, slots: int, parallel: int, ease: int
) -> None:
    found = node(jobs=jobs, processors=processors)
    assert (found.slots, found.parallel, found.ease) == (slots, parallel, ease)
