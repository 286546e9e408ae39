"""What differs, in words."""

from __future__ import annotations

import json

import pytest

from bakex.cli.comparing import answer, files_to_tell
from bakex.errors import UsageError
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
FILE: dict[str, object] = {"type": "file", "mode": "0644", "uid": 0, "gid": 0, "size": 1500}


def side(number: int, digest: Digest = ONE, kind: str = "gzip", **given: str) -> LayerSide:
    media_type = f"application/vnd.oci.image.layer.v1.tar{f'+{kind}' if kind else ''}"
    return LayerSide(number=number, digest=digest, size=2000, media_type=media_type, **given)


def text(*images: ImageDifference, **given: object) -> list[str]:
    found = Comparison(a=("one", ONE), b=("two", TWO), images=images, **given)  # type: ignore[arg-type]
    return answer(found, as_json=False).splitlines()


def of(*layers: LayerDifference, **given: object) -> ImageDifference:
    return ImageDifference(name="linux/amd64", a=ONE, b=TWO, layers=layers, of=3, **given)  # type: ignore[arg-type]


def test_platforms() -> None:
    assert text(
        ImageDifference(name="linux/amd64", a=ONE, b=ONE),
        ImageDifference(name="linux/arm64", a=ONE, b=None),
        ImageDifference(name="linux/386", a=None, b=TWO),
        of(),
    ) == [
        f"a: one {ONE}",
        f"b: two {TWO}",
        "",
        f"linux/amd64: equal, {ONE}",
        f"linux/arm64: only in a, {ONE}",
        f"linux/386: only in b, {TWO}",
        "linux/amd64",
        "  the documents differ in their form only",
        "",
        "3 of 4 platforms differ",
    ]


@pytest.mark.parametrize(
    ("attested", "index", "last"),
    [
        (False, (), "no difference, attestations left aside"),
        (True, (), "no difference"),
        (False, (Change(field="x", a=1, b=2),), "the images are equal, what the indexes say"),
    ],
)
def test_the_last_line(*, attested: bool, index: tuple[Change, ...], last: str) -> None:
    equal = ImageDifference(name="linux/amd64", a=ONE, b=ONE)
    found = text(equal, index=index, attested=attested)
    assert found[-1].startswith(last)
    assert ("index" in found) == bool(index)
    assert text(of(), attested=attested)[-1] in {"1 of 1 platform differs", "1 of 1 image differs"}


def test_fields() -> None:
    found = text(
        of(
            manifest=(Change(field="annotations.k", a="1", b=""),),
            config=(
                Change(field="config.Cmd", a=["a\x1b[31m"], b=None),
                Change(field="created", a="x" * 60, b="y" * 500),
            ),
        )
    )
    assert found[4:11] == [
        "  manifest",
        '    annotations.k: 1 -> ""',
        "  config",
        '    config.Cmd: ["a\\u001b[31m"] -> (nothing)',
        "    created",
        f"      a: {'x' * 60}",
        f"      b: {'y' * 157}...",
    ]


def test_layers_and_files() -> None:
    layer = LayerDifference(
        a=side(2, created_by="RUN  one\n\ttwo"),
        b=side(2, TWO),
        files=(
            FileDifference(path="a", a=None, b=FILE),
            FileDifference(path="b", a={**FILE, "link": "x\x1b[0m"}, b=None),
            FileDifference(path="c", a=FILE, b={**FILE, "mode": "0755", "size": 2}),
        ),
        counts={"added": 9, "removed": 1, "changed": 1},
        moved=Moved(path="c", a=1, b=2),
        changes=(Change(field="f", a=1, b=2),),
        notes=("a note",),
    )
    assert text(of(layer))[4:-2] == [
        "  layer 2 of 3: RUN one two",
        f"    a: {ONE} 2.00kB",
        f"    b: {TWO} 2.00kB",
        "    + /a (file 0644 0:0 1.50kB)",
        "    - /b (file 0644 0:0 1.50kB to x)",
        "    ~ /c",
        "        mode: 0644 -> 0755",
        "        size: 1500 -> 2",
        "    and 8 files more; --max-files 0 tells of all",
        "    the entries are in another order: /c is number 1 in a, 2 in b",
        "    f: 1 -> 2",
        "    a note",
    ]


def test_layers_as_a_whole() -> None:
    packed = LayerDifference(a=side(1, diff_id="d"), b=side(1, TWO, "zstd", diff_id="d"))
    again = LayerDifference(a=side(1, diff_id="d"), b=side(1, TWO, diff_id="d"))
    other = LayerDifference(a=side(1, kind="", diff_id="d"), b=side(1, TWO, "x", diff_id="d"))
    found = text(of(packed, again, other, LayerDifference(a=None, b=side(3))))
    assert "    only the compression differs (gzip, zstd): both unpack to d" in found
    assert "    only the compression differs: both unpack to d" in found
    assert any("(none, application/vnd.oci.image.layer.v1.tar+x)" in line for line in found)
    assert found[-3] == f"    only in b: {ONE} 2.00kB"
    assert text(of(LayerDifference(a=side(3), b=None)))[-3].startswith("    only in a")


def test_the_document_and_the_number_of_files() -> None:
    found = Comparison(a=("one", ONE), b=("two", TWO))
    assert json.loads(answer(found, as_json=True))["equal"] is True
    assert files_to_tell(3) == 3
    assert files_to_tell(0) > 1 << 40
    with pytest.raises(UsageError, match="no such number"):
        files_to_tell(-1)
