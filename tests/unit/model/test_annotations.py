from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import DefinitionError
from bakex.model.annotations import KINDS, Annotation
from bakex.model.platform import Platform


@pytest.mark.parametrize(
    ("text", "annotations"),
    [
        ("a=b", [Annotation(key="a", value="b")]),
        ("=x", [Annotation(key="", value="x")]),
        ("org.x=http://a:b=c", [Annotation(key="org.x", value="http://a:b=c")]),
        ("index:a=b", [Annotation(key="a", value="b", kind="index")]),
        (
            "index,manifest[linux/arm64]:a=b",
            [
                Annotation(key="a", value="b", kind="index"),
                Annotation(key="a", value="b", platform=Platform("linux", "arm64")),
            ],
        ),
        (
            "manifest-descriptor:a=b",
            [Annotation(key="a", value="b", kind="manifest-descriptor")],
        ),
    ],
)
def test_parse(text: str, annotations: list[Annotation]) -> None:
    assert Annotation.parse(text) == tuple(annotations)


@pytest.mark.parametrize(
    "text", ["x", "foo:a=b", "Manifest:a=b", " manifest:a=b", "index[:a=b", "index[a b]:a=b"]
)
def test_what_is_no_annotation(text: str) -> None:
    with pytest.raises(DefinitionError):
        Annotation.parse(text)


@given(
    st.text(alphabet="ab.", min_size=1),
    st.text(alphabet="ab:=[]"),
    st.sampled_from(KINDS),
    st.sampled_from([None, Platform("linux", "arm", "v7")]),
)
def test_format_and_parse_are_inverse(
    key: str, value: str, kind: str, platform: Platform | None
) -> None:
    annotation = Annotation(key=key, value=value, kind=kind, platform=platform)
    assert Annotation.parse(annotation.format()) == (annotation,)
