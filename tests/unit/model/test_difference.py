"""What differs, as a document."""

from __future__ import annotations

import json

from bakex.model.difference import (
    Change,
    Comparison,
    FileDifference,
    ImageDifference,
    LayerDifference,
    LayerSide,
    Moved,
)
from bakex.model.digest import Digest

ONE, TWO = Digest.of(b"1"), Digest.of(b"2")


def side(digest: Digest, diff_id: str = "") -> LayerSide:
    return LayerSide(number=1, digest=digest, size=5, media_type="tar", diff_id=diff_id)


def test_states() -> None:
    assert FileDifference(path="a", a=None, b={}).status == "added"
    assert FileDifference(path="a", a={}, b=None).status == "removed"
    changed = FileDifference(path="a", a={"x": 1, "y": 2}, b={"y": 2, "z": 3})
    assert (changed.status, changed.differs) == ("changed", ("x", "z"))
    assert FileDifference(path="a", a=None, b={"x": 1}).differs == ()
    assert LayerDifference(a=side(ONE), b=side(TWO)).status == "changed"
    assert LayerDifference(a=side(ONE, "d"), b=side(TWO, "d")).status == "compression"
    assert LayerDifference(a=None, b=side(TWO)).status == "added"
    assert LayerDifference(a=side(ONE), b=None).side.digest == ONE
    assert ImageDifference(name="p", a=ONE, b=ONE).status == "equal"
    assert ImageDifference(name="p", a=None, b=ONE).status == "added"


def test_the_document_says_everything() -> None:
    layer = LayerDifference(
        a=side(ONE),
        b=side(TWO),
        files=(FileDifference(path="x", a={"size": 1}, b={"size": 2}),),
        counts={"changed": 1},
        moved=Moved(path="x", a=1, b=2),
        changes=(Change(field="f", a=1, b=None),),
        notes=("odd",),
    )
    image = ImageDifference(name="linux/amd64", a=ONE, b=TWO, layers=(layer,), of=1)
    found = Comparison(a=("l", ONE), b=("r", TWO), images=(image,))
    assert not found.is_equal
    document = json.loads(json.dumps(found.to_json()))
    assert document["schemaVersion"] == 1
    assert document["equal"] is False
    assert document["images"][0]["layers"][0] == {
        "status": "changed",
        "a": side(ONE).to_json(),
        "b": side(TWO).to_json(),
        "files": [
            {
                "path": "x",
                "status": "changed",
                "differs": ["size"],
                "a": {"size": 1},
                "b": {"size": 2},
            }
        ],
        "counts": {"changed": 1},
        "moved": {"path": "x", "a": 1, "b": 2},
        "changes": [{"field": "f", "a": 1, "b": None}],
        "notes": ["odd"],
    }
