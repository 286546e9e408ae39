"""Which exporter makes what."""

from __future__ import annotations

import pytest

from bakex.errors import UnsupportedOutputError
from bakex.outputs.catalogue import EXPORTERS, exporter


@pytest.mark.parametrize("kind", sorted(EXPORTERS))
def test_every_type_has_an_exporter(kind: str) -> None:
    made = exporter(kind)
    assert callable(made.requests)
    assert callable(made.finish)


def test_unknown_types_are_refused() -> None:
    with pytest.raises(UnsupportedOutputError, match="unknown output type 'imgae'") as caught:
        exporter("imgae")
    assert "'image'" in caught.value.hint
    with pytest.raises(UnsupportedOutputError) as caught:
        exporter("squashfs")
    assert caught.value.hint.startswith("write one of cacheonly, docker")
