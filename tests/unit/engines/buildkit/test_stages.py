from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.engines.buildkit.stages import Runs, foreign
from bakex.model.node import Speed
from bakex.model.platform import Platform

if TYPE_CHECKING:
    from tests.unit.engines.buildkit.conftest import MakeCell

AMD64 = Platform.parse("linux/amd64")
ARM64 = Platform.parse("linux/arm64")
RISCV = Platform.parse("linux/riscv64")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a\nRUN x\n", {}),
        ("FROM --platform=$BUILDPLATFORM a\nRUN x\n", {"stage-0": AMD64, "": AMD64}),
        ("FROM --platform=linux/amd64 a AS Tools\nFROM b\n", {"tools": AMD64}),
        ("from --platform=${BUILDOS}/${BUILDARCH} a as t\nFROM t\n",
         {"t": AMD64, "stage-1": AMD64}),
        ("FROM --platform=$BUILDPLATFORM a AS t\nFROM --platform=$TARGETPLATFORM t AS u\n",
         {"t": AMD64}),
        ("ARG P=linux/riscv64\nFROM --platform=$P a AS t\nARG P=linux/amd64\nFROM b\n",
         {"t": RISCV}),
        ("ARG Q\nFROM --platform=$Q a AS t\nFROM b\n", {"t": RISCV}),
        ("FROM --platform=$UNKNOWN a AS t\nFROM b\n", {}),
        ("FROM --platform=no/such/thing/at-all a AS t\nFROM b\n", {}),
        ("FROM a\nRUN <<END\nFROM --platform=linux/amd64 x AS y\nEND\nFROM b AS c\n", {}),
        ("FROM a\nRUN <<-'E' cat <<F\nFROM x\nE\nFROM x\nF\nFROM --platform=linux/amd64 b AS c\n",
         {"c": AMD64}),
        ("# escape=`\nFROM `\n  # remark\n\n  --platform=$BUILDPLATFORM a AS t\nFROM b\n",
         {"t": AMD64}),
        ("FROM \\\n  --platform=$BUILDPLATFORM a AS t\nFROM b\n", {"t": AMD64}),
        ("FROM a\nRUN <<NEVER\nFROM --platform=linux/amd64 x AS y\n", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_stages_of_another_platform(
    make_cell: MakeCell, text: str, expected: dict[str, Platform]
) -> None:
    cell = make_cell("linux/arm64", args={"Q": "linux/riscv64"})
    assert foreign(text, cell, AMD64) == expected


def test_a_node_that_does_not_tell_its_platform(make_cell: MakeCell) -> None:
    text = "FROM --platform=$BUILDPLATFORM a AS t\nFROM b\n"
    assert foreign(text, make_cell("linux/arm64"), None) == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("[2/3] RUN make", (ARM64, Speed.EMULATED)),
        ("[stage-1 2/3] RUN make", (ARM64, Speed.EMULATED)),
        ("[tools 2/3] RUN make", (AMD64, Speed.NATIVE)),
        ("[odd 2/3] RUN make", (RISCV, Speed.EMULATED)),
        ("[tools 1/3] COPY a b", None),
        ("[internal] load .dockerignore", None),
        ("exporting to image", None),
        ("", None),
    ],
)
def test_how_a_step_is_run(name: str, expected: tuple[Platform, Speed] | None) -> None:
    runs = Runs(
        platform=ARM64,
        speed=Speed.EMULATED,
        stages={"tools": AMD64, "odd": RISCV},
        speeds={AMD64: Speed.NATIVE},
    )
    assert runs.of(name) == expected
