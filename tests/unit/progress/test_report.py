from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.errors import OutputError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_INDEX, OCI_MANIFEST
from bakex.model.node import NodeName, Speed
from bakex.model.plan import Broken, Built
from bakex.model.publication import Publication, Report, State, TargetReport
from bakex.progress.report import document, outcome, published, summary, write
from tests.unit.progress.conftest import Teller, cell_id

if TYPE_CHECKING:
    from pathlib import Path


def descriptor(text: str, media_type: str = OCI_MANIFEST) -> Descriptor:
    return Descriptor(media_type=media_type, digest=Digest.of(text.encode()), size=len(text))


INDEX = descriptor("index", OCI_INDEX)
PARTS = {"linux/amd64": descriptor("one"), "linux/arm64": descriptor("two")}
REPORT = Report(
    targets={
        "web": TargetReport(
            name="web",
            root=INDEX,
            publications=(
                Publication(
                    target="web", kind="registry", place="r.example/web:1", root=INDEX,
                    platforms=PARTS,
                ),
                Publication(
                    target="web", kind="oci", place="out/web", root=INDEX, state=State.UNCHANGED
                ),
            ),
            metadata={"image.name": "r.example/web:1", "buildx.build.ref": "b/n/1"},
        ),
        "app": TargetReport(name="app"),
    },
    cells=(cell_id("app@linux/amd64"), cell_id("app@linux/arm64"), cell_id("web@linux/amd64")),
)  # fmt: skip


def test_the_metadata_file_is_what_buildx_writes_and_our_keys() -> None:
    assert list(document(REPORT)) == ["app", "web"]
    assert document(REPORT)["app"] == {}
    web = document(REPORT)["web"]
    assert list(web) == sorted(web)
    assert web == {
        "image.name": "r.example/web:1",
        "buildx.build.ref": "b/n/1",
        "containerimage.digest": str(INDEX.digest),
        "containerimage.descriptor": INDEX.to_json(),
        "bakex.publications": [
            {
                "type": "registry",
                "place": "r.example/web:1",
                "digest": str(INDEX.digest),
                "platforms": {name: str(part.digest) for name, part in PARTS.items()},
            },
            {"type": "oci", "place": "out/web", "digest": str(INDEX.digest), "unchanged": True},
        ],
    }


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "metadata.json"
    file.write_text("old")
    write(REPORT, file)
    text = file.read_text()
    assert json.loads(text) == document(REPORT)
    assert text.startswith('{\n  "app": {}')
    assert not text.endswith("\n")
    assert [path.name for path in tmp_path.iterdir()] == ["metadata.json"]


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write the metadata file .*missing/m.json"):
        write(REPORT, tmp_path / "missing" / "m.json")


def test_summary_names_everything() -> None:
    assert list(summary(REPORT)) == [
        f"web {INDEX.digest} (linux/amd64, linux/arm64)",
        "  pushed to r.example/web:1",
        "  oci written to out/web (unchanged)",
        "app (linux/amd64, linux/arm64)",
        "  no output: the result stays in the build cache",
    ]


def test_a_target_of_which_nothing_is_known() -> None:
    report = Report(targets={"x": TargetReport(name="x")})
    assert summary(report)[0] == "x"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("registry", "pushed to p"),
        ("docker", "loaded into docker as p"),
        ("local", "local written to p"),
    ],
)
def test_published(kind: str, text: str) -> None:
    assert published(Publication(target="t", kind=kind, place="p")) == text


def test_what_gates_keep_back() -> None:
    by = (cell_id("t@linux/amd64"), cell_id("lint@linux/arm64"), cell_id("t@linux/arm64"))
    report = Report(targets={"x": TargetReport(name="x", blocked=by)})
    assert list(summary(report)) == [
        "x",
        "  not published: blocked by t (linux/amd64, linux/arm64), lint (linux/arm64)",
    ]


def test_outcomes(tell: Teller) -> None:
    events = (
        tell.published("app", "p"),
        tell.blocked("app", "t@linux/arm64"),
        tell.race("app@linux/arm64", "x86", "arm"),
        tell.lost("arm"),
        tell.back("arm"),
    )
    assert [outcome(event) for event in events] == [  # type: ignore[arg-type]
        "app: pushed to p",
        "app: blocked by t (linux/arm64)",
        "app@linux/arm64: attempt 1 on x86 does not count, that on arm does: arm was done first",
        "node arm is lost: reset",
        "node arm is back",
    ]


def test_what_was_tried_again_is_told() -> None:
    lost = Broken(node=NodeName("arm-1"), reason="lost: x")
    slow = Broken(node=NodeName("arm-2"), reason="slow")

    def built(*broken: Broken) -> Built:
        count = len(broken) + 1
        return Built(
            node=NodeName("arm-3"), speed=Speed.NATIVE, attempts=count, seconds=1, broken=broken
        )

    report = Report(
        targets={"app": TargetReport(name="app")},
        cells=(cell_id("app@linux/arm64"),),
        built={
            cell_id("app@linux/amd64"): built(),
            cell_id("app@linux/arm64"): built(lost),
            cell_id("base@linux/arm64"): built(lost, slow),
        },
    )
    assert list(summary(report))[2:] == [
        "  linux/arm64 on arm-3, attempt 2 (arm-1: lost: x)",
        "base linux/arm64 on arm-3, attempt 3 (arm-1: lost: x; arm-2: slow)",
    ]
