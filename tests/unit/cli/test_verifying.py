"""What was found out about images, as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bakex.api.located import Located
from bakex.cli.backend import Installed, Invocation
from bakex.cli.verifying import answer, choice, is_good, verdict
from bakex.errors import UsageError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_INDEX
from bakex.model.platform import Platform
from bakex.model.verification import Cost, FileFinding, Mode, Verification
from bakex.oci.layout import OciLayout

DIGEST = Digest.of(b"1")
ERROR = FileFinding(
    severity="error",
    path="/app",
    expected="aarch64",
    found="x86-64",
    role="entrypoint",
    why="It stops.",
    remedy="build it",
)
WARNING = FileFinding(severity="warning", path="/b\x1b[1m", expected="c", found="d")


def made(platform: str = "linux/arm64", *findings: FileFinding, **given: object) -> Verification:
    cost = Cost(files=3, layers=2, read=1, bytes=1_500_000, seconds=1.25)
    values: dict[str, object] = {"cost": cost, **given}
    return Verification(
        platform=platform,
        digest=DIGEST,
        mode=Mode.BIN,
        findings=findings,
        **values,  # type: ignore[arg-type]
    )


def located(tmp_path_factory: pytest.TempPathFactory) -> Located:
    root = Descriptor(media_type=OCI_INDEX, digest=DIGEST, size=1)
    return Located.in_layout(OciLayout.create(tmp_path_factory.mktemp("layout")), root, "app:1")


@pytest.fixture
def image(tmp_path_factory: pytest.TempPathFactory) -> Located:
    return located(tmp_path_factory)


def test_a_table_and_the_findings(image: Located) -> None:
    results = [
        made("linux/amd64", cost=Cost(files=1, layers=2)),
        made("linux/arm64", ERROR, WARNING),
    ]
    assert answer([(image, results)], as_json=False).splitlines() == [
        f"app:1 {DIGEST}",
        "",
        "PLATFORM     FILES  LAYERS  READ    TIME  RESULT",
        "linux/amd64  1      2       -       0.0s  ok",
        "linux/arm64  3      2       1.50MB  1.2s  1 error, 1 warning",
        "",
        "linux/arm64",
        "  error: /app (entrypoint)",
        "    expected aarch64, found x86-64",
        "    It stops.",
        "    hint: build it",
        "  warning: /b",
        "    expected c, found d",
    ]
    assert not is_good([(image, results)])
    assert is_good([(image, [made("linux/arm64", WARNING)])])


def test_what_images_have_in_common_is_told_once(image: Located) -> None:
    results = [
        made("linux/arm64", ERROR, WARNING),
        made("linux/arm/v6", ERROR, device="raspberry-pi-zero"),
        made("linux/arm/v7", WARNING, ERROR),
    ]
    text = answer([(image, results)], as_json=False)
    assert text.count("error: /app") == text.count("warning: /b") == 1
    heads = [line for line in text.splitlines() if line.endswith("linux/arm/v7")]
    assert heads == [
        "linux/arm64, linux/arm/v6 for raspberry-pi-zero, linux/arm/v7",
        "linux/arm64, linux/arm/v7",
    ]


def test_many_findings_are_cut(image: Located) -> None:
    findings = [replace(ERROR, path=f"/app{number}") for number in range(25)]
    text = answer([(image, [made("linux/arm64", *findings)])], as_json=False)
    assert text.count("error: /app") == 20
    assert "and 5 more; --format json has them all" in text


def test_json(image: Located) -> None:
    document = json.loads(answer([(image, [made("linux/arm64", ERROR)])], as_json=True))
    (found,) = document["images"]
    (platform,) = found["platforms"]
    assert (document["ok"], found["name"], found["digest"]) == (False, "app:1", str(DIGEST))
    assert (platform["ok"], platform["bytesRead"], platform["seconds"]) == (False, 1_500_000, 1.25)
    assert platform["findings"] == [ERROR.to_json()]


def test_verdicts() -> None:
    assert verdict(made()) == "ok"
    assert verdict(made("linux/arm64", WARNING)) == "ok, 1 warning"
    assert verdict(made("linux/arm64", allowed=(ERROR, WARNING))) == "ok, 2 allowed"
    assert verdict(made("a/b", note="nothing is known")) == "not verified: nothing is known"


def test_what_the_options_say() -> None:
    call = Invocation(Installed())
    found = choice(call, "full", ["/x"], ["arm64,amd64"], "raspberry-pi-4")
    assert (found.wishes.mode, found.wishes.allow) == (Mode.FULL, ("/x",))
    assert found.platforms == (Platform.parse("arm64"), Platform.parse("amd64"))
    assert found.device is not None
    for mode, word in (("ful", "did you mean 'full'"), ("x", "off, entrypoint"), ("off", "out")):
        with pytest.raises(UsageError) as caught:
            choice(call, mode, [], [], "")
        assert word in caught.value.hint
