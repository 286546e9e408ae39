from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import DefinitionError
from bakex.model.attestations import Attestation

_WORD = st.text(alphabet='ab1/:,"= ', min_size=1)


@pytest.mark.parametrize(
    ("text", "attestation"),
    [
        ("type=sbom", Attestation(type="sbom")),
        ("type=sbom,disabled=1", Attestation(type="sbom", disabled=True)),
        ("type=sbom,disabled=false", Attestation(type="sbom")),
        ("type=provenance,Mode=max", Attestation(type="provenance", attrs={"Mode": "max"})),
    ],
)
def test_parse(text: str, attestation: Attestation) -> None:
    assert Attestation.parse(text) == (attestation,)


@pytest.mark.parametrize("text", ["sbom", "mode=max", "type=,a=b", "type=sbom,disabled=x", ""])
def test_what_is_no_attestation(text: str) -> None:
    with pytest.raises(DefinitionError):
        Attestation.parse(text)


def test_an_object_may_lack_a_type() -> None:
    assert Attestation.of({"mode": "max"}).document() == {"mode": "max", "type": ""}


def test_document_shows_disabled_as_a_boolean() -> None:
    off = Attestation(type="sbom", disabled=True, attrs={"generator": "q"})
    assert list(off.document().items()) == [
        ("disabled", True), ("generator", "q"), ("type", "sbom")
    ]  # fmt: skip


@given(st.dictionaries(st.sampled_from(["mode", "Version"]), _WORD), _WORD, st.booleans())
def test_format_and_parse_are_inverse(attrs: dict[str, str], kind: str, disabled: bool) -> None:
    attestation = Attestation(type=kind, disabled=disabled, attrs=attrs)
    assert Attestation.parse(attestation.format()) == (attestation,)
    assert attestation.key == kind
