from __future__ import annotations

import pytest

from bakex.bake.flags import Flags, as_overrides, variables
from bakex.errors import UsageError


def test_the_order_of_the_reference() -> None:
    flags = Flags(
        set=["a.tags=x"],
        push=True,
        load=True,
        call="check",
        no_cache=True,
        pull=False,
        sbom="true",
        provenance="mode=max",
        policy=["strict=true"],
        platform=["linux/arm64"],
        output=["type=oci,dest=x"],
    )
    assert as_overrides(flags) == (
        "a.tags=x",
        "*.push=true",
        "*.load=true",
        "*.call=lint",
        "*.no-cache=true",
        "*.pull=false",
        "*.attest=type=sbom",
        "*.attest=type=provenance,mode=max",
        "*.policy=strict=true",
        "*.platform=linux/arm64",
        "*.output=type=oci,dest=x",
    )


def test_nothing_given_overrides_nothing() -> None:
    assert as_overrides(Flags()) == ()


@pytest.mark.parametrize(
    ("text", "override"),
    [
        ("1", "*.attest=type=sbom"),
        ("false", "*.attest=type=sbom,disabled=true"),
        ("generator=x", "*.attest=type=sbom,generator=x"),
    ],
)
def test_attestations(text: str, override: str) -> None:
    assert as_overrides(Flags(sbom=text)) == (override,)


@pytest.mark.parametrize("call", ["build", ""])
def test_an_ordinary_build_is_no_call(call: str) -> None:
    assert as_overrides(Flags(call=call)) == ()


@pytest.mark.parametrize("call", ["a,b", "a,foo=b", "check,ignorestatus=x"])
def test_malformed_calls(call: str) -> None:
    with pytest.raises(UsageError, match="--call"):
        as_overrides(Flags(call=call))


@pytest.mark.parametrize(
    "policies",
    [
        ["filename=x"], ["reset=true"], ["disabled=true,strict=true"], ["foo=1"],
        ["disabled=true", "strict=true"],
    ],
)  # fmt: skip
def test_policies_that_the_command_line_cannot_give(policies: list[str]) -> None:
    with pytest.raises(UsageError, match="--policy"):
        as_overrides(Flags(policy=policies))


def test_variables() -> None:
    assert variables(["A=1", "B=x=y", "", "A=2"]) == {"A": "2", "B": "x=y"}


@pytest.mark.parametrize("text", ["A", "=x"])
def test_malformed_variables(text: str) -> None:
    with pytest.raises(UsageError, match="invalid variable"):
        variables([text])
