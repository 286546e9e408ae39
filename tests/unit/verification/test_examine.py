"""Images that can run, and images that cannot: whole, from their layers to what is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bakex.model.verification import Mode
from bakex.testing.binaries import Elf, arm_attributes, fat, macho, pe

if TYPE_CHECKING:
    from tests.unit.verification.conftest import Bench

LINKER = "/lib64/ld-linux-x86-64.so.2"
AMD64, ARM64 = Elf(machine=62), Elf(machine=183)
STATIC, FOREIGN = AMD64.build(), ARM64.build()
LIBC = Elf(machine=62, kind="library", soname="libc.so.6").build()
DYNAMIC = replace(AMD64, interpreter=LINKER, needed=("libc.so.6",)).build()
GLIBC: dict[str, bytes | str | None] = {
    "lib64": "-> usr/lib64",
    "usr/lib64/ld-linux-x86-64.so.2": "-> ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": LIBC,
    "usr/lib/x86_64-linux-gnu/libc.so.6": LIBC,
}
HARD, SOFT = "/lib/ld-linux-armhf.so.3", "/lib/ld-linux.so.3"
MUSL_HARD = "/lib/ld-musl-armhf.so.1"


def arm(arch: int = 10, *, hard: bool = True, **more: Any) -> bytes:
    """A program for ARM as GCC makes them; 10 is ARMv7, 6 is ARMv6."""
    made = Elf(
        machine=40,
        bits=32,
        flags=0x05000400 if hard else 0x05000200,
        interpreter=HARD if hard else SOFT,
        attributes=arm_attributes((6, arch), (28, int(hard))),
    )
    return replace(made, **more).build()


BUSYBOX: dict[str, bytes | str | None] = {
    "bin/busybox": STATIC,
    "bin/ls": "= bin/busybox",
    "bin/sh": "-> busybox",
    "sbin/init": "-> /bin/busybox",
}


@pytest.mark.parametrize(
    ("layers", "command"),
    [
        pytest.param([{"app": STATIC}], ["/app"], id="static"),
        pytest.param([GLIBC, {"app/server": DYNAMIC}], ["/app/server"], id="dynamic"),
        pytest.param([BUSYBOX, {"run": b"#!/bin/sh -e\n"}], ["/run", "x"], id="script"),
        pytest.param(
            [
                {**BUSYBOX, "usr/bin/env": "-> ../../bin/busybox"},
                {"r": b"#!/usr/bin/env -S ls -l\n"},
            ],
            ["/r"],
            id="env",
        ),
        pytest.param([BUSYBOX], ["sh", "-c", "ls | grep 'x"], id="busybox"),
        pytest.param([GLIBC, {"a": DYNAMIC}], ["/a"], id="distroless"),
        pytest.param([{"data": "nothing to run"}], None, id="no command"),
        pytest.param([], None, id="no layer"),
    ],
)
@pytest.mark.parametrize("mode", [Mode.ENTRYPOINT, Mode.BIN, Mode.FULL])
async def test_images_that_can_run(
    bench: Bench,
    layers: list[dict[str, bytes | str | None]],
    command: list[str] | None,
    mode: Mode,
) -> None:
    assert await bench.told(*layers, Entrypoint=command, mode=mode) == []


async def test_the_wrong_processor(bench: Bench) -> None:
    root = await bench.image({"app/server": STATIC}, platform="linux/arm64", Cmd=["/app/server"])
    found = await bench.verify(root)
    (finding,) = found.errors
    assert f"{found.platform}: {finding}" == (
        "linux/arm64: /app/server: expected aarch64, found x86-64"
    )
    assert finding.role == "entrypoint"
    assert "$TARGETPLATFORM" in finding.remedy


@pytest.mark.parametrize(
    ("platform", "program", "told"),
    [
        ("linux/arm/v6", arm(10), "expected ARMv6 or older, found ARMv7"),
        ("linux/arm/v7", arm(10, hard=False), "expected arm with hard float, found soft float"),
        (
            "linux/amd64",
            replace(AMD64, x86_64=3).build(),
            "expected x86-64-v1 or older, found x86-64-v3",
        ),
        ("linux/arm64", pe(0x8664), "expected a Linux program (ELF), found a Windows program (PE)"),
        (
            "darwin/arm64",
            fat((7, macho(7))),
            "expected aarch64, found x86 of 32 bits, little-endian",
        ),
    ],
)
async def test_programs_that_do_not_fit(
    bench: Bench, platform: str, program: bytes, told: str
) -> None:
    linkers: dict[str, bytes | str | None] = {"lib/ld-linux.so.3": program, HARD[1:]: program}
    found = await bench.told({**linkers, "a": program}, platform=platform, Cmd=["/a"])
    assert found == [f"error: /a: {told}"]


async def test_a_device_is_stricter_than_its_platform(bench: Bench) -> None:
    layer: dict[str, bytes | str | None] = {
        HARD[1:]: Elf(machine=40, bits=32, kind="library").build(),
        "a": Elf(
            machine=40,
            bits=32,
            flags=0x05000400,
            interpreter=HARD,
            attributes=arm_attributes((6, 6), (12, 1), (28, 1)),
        ).build(),
    }
    root = await bench.image(layer, platform="linux/arm/v6", Cmd=["/a"])
    assert (await bench.verify(root)).findings == ()
    found = await bench.verify(root, device="raspberry-pi-zero")
    assert [str(f) for f in found.warnings] == [
        "/a: expected no NEON (-mfpu=vfp), found code for NEON"
    ]
    assert (found.device, found.to_json()["device"]) == ("raspberry-pi-zero",) * 2


NO_FLOAT = "error: /a: expected arm with hard float, found soft float"


@pytest.mark.parametrize(
    ("linkers", "program", "device", "told"),
    [
        # Both ways of passing floats may be used on ARMv6, each in systems of its own.
        pytest.param([HARD], arm(6, hard=False), "", [NO_FLOAT], id="in a hard system"),
        pytest.param([HARD], arm(6, hard=False, interpreter=""), "", [NO_FLOAT], id="static"),
        pytest.param(
            # Only the attributes tell.
            [HARD],
            arm(6, hard=False, interpreter="", flags=0x05000000),
            "",
            [NO_FLOAT],
            id="attributes",
        ),
        pytest.param([MUSL_HARD], arm(6, hard=False, interpreter=""), "", [NO_FLOAT], id="musl"),
        pytest.param([HARD], arm(6), "", [], id="hard in hard"),
        pytest.param([SOFT], arm(6, hard=False), "", [], id="soft in soft"),
        pytest.param([HARD, SOFT], arm(6, hard=False), "", [], id="both systems"),
        pytest.param([], arm(6, hard=False, interpreter=""), "", [], id="no system"),
        pytest.param(
            [SOFT],
            arm(6, hard=False),
            "raspberry-pi-zero",
            [NO_FLOAT],
            id="device",
        ),
    ],
)
async def test_how_floats_are_passed_where_a_platform_leaves_it_open(
    bench: Bench, linkers: list[str], program: bytes, device: str, told: list[str]
) -> None:
    layer: dict[str, bytes | str | None] = {
        path[1:]: arm(6, hard="hf" in path, kind="library", interpreter="") for path in linkers
    }
    layer["a"] = program
    found = await bench.told(layer, platform="linux/arm/v6", Cmd=["/a"], device=device)
    assert found == told


async def test_a_dynamic_linker_that_is_not_there(bench: Bench) -> None:
    root = await bench.image({"app": DYNAMIC}, Cmd=["/app"])
    (finding,) = (await bench.verify(root)).errors
    assert str(finding) == (
        f"/app: expected its dynamic linker {LINKER} in the image, found nothing there"
    )
    assert "glibc" in finding.remedy
    musl = replace(AMD64, interpreter="/lib/ld-musl-x86_64.so.1").build()
    (finding,) = (await bench.verify(await bench.image({"app": musl}, Cmd=["/app"]))).errors
    assert "musl" in finding.remedy
    own = replace(AMD64, interpreter="/opt/ld.so").build()
    root = await bench.image({"app": own, "opt/ld.so": "-> missing"}, Cmd=["/app"])
    (finding,) = (await bench.verify(root)).errors
    assert "statically" in finding.remedy


async def test_a_dynamic_linker_of_another_processor(bench: Bench) -> None:
    layer = {**GLIBC, "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": FOREIGN}
    assert await bench.told(layer, {"app": DYNAMIC}, Cmd=["/app"]) == [
        f"error: {LINKER}: expected x86-64, found aarch64"
    ]
    layer = {**GLIBC, "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": b"text"}
    assert await bench.told(layer, {"app": DYNAMIC}, Cmd=["/app"]) == [
        f"error: {LINKER}: expected a library for x86-64, found another file"
    ]


async def test_libraries_of_another_processor(bench: Bench) -> None:
    there = "usr/lib/x86_64-linux-gnu/libz.so.1"
    linked = replace(AMD64, interpreter=LINKER, needed=("libc.so.6", "libz.so.1")).build()
    wrong = Elf(machine=183, kind="library").build()
    found = await bench.told(GLIBC, {"app": linked, there: wrong}, Cmd=["/app"])
    assert found == [f"error: /{there}: expected x86-64, found aarch64"]
    # The linker passes it over if there is one that fits.
    fits = {"lib/libz.so.1": Elf(machine=62, kind="library").build()}
    assert await bench.told(GLIBC, {"app": linked, there: wrong, **fits}, Cmd=["/app"]) == []


async def test_a_library_with_the_other_float(bench: Bench) -> None:
    program = Elf(
        machine=40, bits=32, flags=0x05000400, interpreter=HARD, needed=("libx.so",)
    ).build()
    library = Elf(machine=40, bits=32, flags=0x05000200, kind="library").build()
    layer: dict[str, bytes | str | None] = {
        HARD[1:]: Elf(machine=40, bits=32, kind="library").build(),
        "usr/lib/arm-linux-gnueabihf/libx.so": library,
        "app": program,
    }
    (found,) = await bench.told(layer, platform="linux/arm/v7", Cmd=["/app"])
    assert found.startswith("error: /usr/lib/arm-linux-gnueabihf/libx.so: ")
    assert found.endswith("expected arm with hard float, found soft float")


async def test_libraries_that_are_not_there(bench: Bench) -> None:
    linked = replace(AMD64, interpreter=LINKER, needed=("libc.so.6", "libz.so.1")).build()
    told = "expected the library libz.so.1 in the image, found nothing"
    assert await bench.told(GLIBC, {"app": linked}, Cmd=["/app"]) == [f"error: /app: {told}"]
    assert await bench.told(GLIBC, {"bin/app": linked}) == [f"warning: /bin/app: {told}"]
    needs = Elf(machine=62, kind="library", needed=("libz.so.1",)).build()
    layer = {**GLIBC, "usr/lib/x86_64-linux-gnu/libc.so.6": needs}
    assert await bench.told(layer, {"app": DYNAMIC}, Cmd=["/app"]) == [
        f"error: /usr/lib/x86_64-linux-gnu/libc.so.6: {told}"
    ]
    brought = replace(AMD64, interpreter=LINKER, needed=("libcuda.so.1",)).build()
    assert await bench.told(GLIBC, {"app": brought}, Cmd=["/app"]) == []


@pytest.mark.parametrize(
    ("place", "runpath", "more"),
    [
        ("opt/app/lib/libz.so.1", "$ORIGIN/../lib", {}),
        ("opt/app/lib/libz.so.1", "/nowhere:${ORIGIN}/../lib", {}),
        ("opt/z/libz.so.1", "", {"etc/ld.so.conf": "# z\n/opt/z\n"}),
        ("opt/z/libz.so.1", "", {"etc/ld.so.conf.d/z.conf": "/opt/z # more\n"}),
        ("opt/z/libz.so.1", "", {"etc/ld-musl-x86_64.path": "/lib:/opt/z"}),
        ("usr/local/lib/libz.so.1", "", {}),
        ("usr/lib64/libz.so.1", "", {}),
        ("env/libz.so.1", "", {}),
    ],
)
async def test_where_libraries_are_found(
    bench: Bench, place: str, runpath: str, more: dict[str, bytes | str | None]
) -> None:
    linked = replace(
        AMD64, interpreter=LINKER, needed=("libc.so.6", "libz.so.1"), runpath=runpath
    ).build()
    layer = {"opt/app/bin/app": linked, place: LIBC, **more}
    environ = ["LD_LIBRARY_PATH=/env"]
    assert await bench.told(GLIBC, layer, Cmd=["/opt/app/bin/app"], Env=environ) == []


async def test_what_musl_has_inside(bench: Bench) -> None:
    linker = "/lib/ld-musl-x86_64.so.1"
    linked = replace(
        AMD64, interpreter=linker, needed=("libc.so", "libpthread.so.0", "ld-musl-x86_64.so.1")
    ).build()
    assert await bench.told({linker[1:]: LIBC, "app": linked}, Cmd=["/app"]) == []


async def test_a_library_by_its_path_and_one_for_newer_processors(bench: Bench) -> None:
    linked = replace(AMD64, interpreter=LINKER, needed=("/opt/libfast.so",)).build()
    fast = Elf(machine=62, kind="library", x86_64=3).build()
    found = await bench.told(GLIBC, {"app": linked, "opt/libfast.so": fast}, Cmd=["/app"])
    assert found == ["warning: /opt/libfast.so: expected x86-64-v1 or older, found x86-64-v3"]


async def test_programs_of_the_older_sibling(bench: Bench) -> None:
    old = Elf(machine=3, bits=32, interpreter="/lib/ld-linux.so.2", needed=("libx.so",)).build()
    library = Elf(machine=3, bits=32, kind="library").build()
    layer: dict[str, bytes | str | None] = {
        "lib/ld-linux.so.2": library,
        "usr/lib/i386-linux-gnu/libx.so": library,
        "usr/lib/x86_64-linux-gnu/libx.so": LIBC,
        "bin/old": old,
    }
    assert await bench.told(layer) == ["warning: /bin/old: expected x86-64, found x86"]


async def test_interpreters_of_scripts(bench: Bench) -> None:
    scripts: dict[str, bytes | str | None] = {
        "run": b"#!/usr/bin/env python3\n",
        "usr/bin/env": STATIC,
        "usr/local/bin/python3": "-> python3.12",
        "usr/local/bin/python3.12": FOREIGN,
    }
    assert await bench.told(scripts, Entrypoint=["/run"]) == [
        "error: /usr/local/bin/python3: expected x86-64, found aarch64"
    ]
    assert await bench.told({"run": b"#!/bin/bash\n"}, Cmd=["/run"]) == [
        "error: /bin/bash: expected a program, found nothing"
    ]
    tools: dict[str, bytes | str | None] = {
        "usr/bin/ldd": b"#! /bin/bash\n",
        "usr/bin/x": b"#!/bin/bash",
    }
    assert await bench.told(tools) == ["warning: /bin/bash: expected a program, found nothing"]
    round_: dict[str, bytes | str | None] = {f"s{n}": f"#!/s{n + 1}\n".encode() for n in range(9)}
    assert await bench.told(round_, Cmd=["/s0"]) == []


async def test_entrypoints_that_do_not_start(bench: Bench) -> None:
    assert await bench.told({}, Cmd=["/app"]) == ["error: /app: expected a program, found nothing"]
    assert await bench.told({}, Cmd=["app"]) == ["error: app: expected a program, found nothing"]
    expected = "expected a program, or a script that names its interpreter"
    assert await bench.told({"a": b"echo\n"}, Cmd=["/a"]) == [
        f"error: /a: {expected}, found neither"
    ]
    found = await bench.told({"a": "#!/a\n"}, Cmd=["/a"])
    assert found == [f"error: /a: {expected}, found a file that nobody may execute"]


async def test_what_the_entrypoint_starts(bench: Bench) -> None:
    more: dict[str, bytes | str | None] = {"sbin/tini": STATIC, "app/server": FOREIGN}
    layer = {**BUSYBOX, **more, "app/data": "x"}
    told = ["error: /app/server: expected x86-64, found aarch64"]
    for command in (
        ["/sbin/tini", "--", "/app/server", "/app/data"],
        ["tini", "--", "./server"],
        ["/bin/sh", "-c", "exec /app/server --port 80"],
        ["tini", "sh", "-c", "cd / && ../app/server; x"],
    ):
        mode = Mode.ENTRYPOINT
        found = await bench.told(layer, Entrypoint=command, WorkingDir="/app", mode=mode)
        assert found == told, command


async def test_which_files_the_modes_look_at(bench: Bench) -> None:
    layer: dict[str, bytes | str | None] = {
        "app": STATIC,
        "usr/bin/tool": FOREIGN,
        "opt/x/bin/tool": FOREIGN,
        "go/bin/tool": FOREIGN,
        "srv/lib.so": Elf(machine=183, kind="library").build(),
        "srv/plugin.dll": pe(0xAA64),
        "srv/a.o": Elf(machine=183, kind="object").build(),
    }
    places = {
        Mode.ENTRYPOINT: [],
        Mode.BIN: ["/go/bin/tool"],
        Mode.FULL: ["/go/bin/tool", "/srv/lib.so"],
    }
    for mode, paths in places.items():
        root = await bench.image(layer, Cmd=["/app"], Env=["PATH=/go/bin"])
        found = await bench.verify(root, mode=mode)
        assert (
            sorted({f.path for f in found.findings} - {"/opt/x/bin/tool", "/usr/bin/tool"}) == paths
        )
        assert ("/usr/bin/tool" in {f.path for f in found.findings}) is (
            mode is not Mode.ENTRYPOINT
        )


async def test_what_is_allowed(bench: Bench) -> None:
    layer: dict[str, bytes | str | None] = {"app": "-> opt/foreign/app", "opt/foreign/app": FOREIGN}
    root = await bench.image(layer, Cmd=["/app"])
    for pattern in ("/app", "/opt/foreign/*", "/opt/*/app"):
        found = await bench.verify(root, allow=[pattern])
        assert (found.findings, len(found.allowed)) == ((), 1)
    assert (await bench.verify(root, allow=["/opt"])).errors


async def test_windows(bench: Bench) -> None:
    layer: dict[str, bytes | str | None] = {
        "Files/app/server.exe": pe(0xAA64),
        "Files/app/other.exe": pe(0x8664),
    }
    for word in ("C:\\app\\server.exe", "/app/server"):
        found = await bench.told(layer, platform="windows/amd64", Cmd=[word])
        assert len(found) == 1
        assert "expected x86-64, found aarch64" in found[0]
    for word in ("C:\\app\\other.exe", "cmd"):
        assert await bench.told(layer, platform="windows/amd64", Cmd=[word]) == []
