"""Install what the demonstration or the tests need on a Debian machine: programs and emulators.

    provision.py demo     an engine, emulators, a registry
    provision.py test     the same, and the tools that the tests compare bakex with

Runs on Debian 12 and 13 with nothing but python3, as root. What is there already stays as it is,
and when all of it is there, nothing is asked of the network. Needed from the system's own release
are the small and harmless packages; daemons and newer tools are taken from Debian 13 or later and
only unpacked, into bakex's engine prefix: no service is started, no group made, no system file
replaced. On Debian 12 that is a must: its docker.io is too old to hand over images.
"""

from __future__ import annotations

import argparse
import ctypes.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DEBIAN = Path(__file__).parents[2] / "bake-examples" / "debian.py"
PLACES = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/libexec/docker/cli-plugins")
SYSTEM_PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BINFMT = Path("/proc/sys/fs/binfmt_misc")
BINFMT_RULES = Path("/usr/lib/binfmt.d")
LISTS = Path("/var/lib/apt/lists")
CGROUP = Path("/sys/fs/cgroup")
# Debian's name of the machine -> the emulators that are not needed on it.
EMULATORS = {
    "qemu-aarch64": "arm64",
    "qemu-arm": "armhf",
    "qemu-riscv64": "riscv64",
    "qemu-x86_64": "amd64",
}
STABLE = ("trixie", "forky")
NEWER = ("forky", "sid")  # where the tools are that trixie does not have, or only old
OLD = ("bookworm",)  # Debian 12: docker 20.10, the oldest that is built with
OLDEST_DOCKER = 23  # the first with the containerd-snapshotter feature


@dataclass(frozen=True)
class Need:
    """A program, and where it comes from.

    Attributes:
        program: What has to be found.
        package: The Debian package.
        suites: The releases to unpack it from, the first that works; empty to install it from the
            system's own.
    """

    program: str
    package: str
    suites: tuple[str, ...] = ()


ENGINE = (
    Need("dockerd", "docker.io", STABLE),
    Need("containerd", "containerd", STABLE),
    Need("containerd-shim-runc-v2", "containerd", STABLE),
)
DEMO = (
    Need("runc", "runc"),
    Need("qemu-aarch64-static", "qemu-user-static"),
    Need("docker-registry", "docker-registry", STABLE),
)
TEST = (
    *DEMO,
    Need("skopeo", "skopeo"),
    Need("umoci", "umoci"),
    Need("podman", "podman"),
    Need("buildah", "buildah"),
    Need("busybox", "busybox-static"),
    Need("xz", "xz-utils"),
    Need("x86_64-linux-gnu-as", "binutils-x86-64-linux-gnu"),
    Need("aarch64-linux-gnu-as", "binutils-aarch64-linux-gnu"),
    Need("arm-linux-gnueabihf-as", "binutils-arm-linux-gnueabihf"),
    Need("mips64el-linux-gnuabi64-as", "binutils-mips64el-linux-gnuabi64"),
    Need("powerpc64le-linux-gnu-as", "binutils-powerpc64le-linux-gnu"),
    Need("riscv64-linux-gnu-as", "binutils-riscv64-linux-gnu"),
    Need("s390x-linux-gnu-as", "binutils-s390x-linux-gnu"),
    Need("ssh-agent", "openssh-client"),
    Need("sshd", "openssh-server"),
    Need("docker", "docker-cli", STABLE),
    Need("tini-static", "tini"),
    Need("oras", "oras", STABLE),
    Need("crane", "crane", NEWER),
    Need("docker-buildx", "docker-buildx", NEWER),
)


def prefix() -> Path:
    """Return bakex's engine prefix, as bakex itself finds it."""
    given = os.environ.get("BAKEX_ENGINE_PREFIX")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    cache = Path(base) if base else Path.home() / ".cache"
    return cache / "bakex" / "engine" / "prefix"


def find(program: str) -> str | None:
    """Return where a program is: in the prefix, in PATH, or where daemons are."""
    inside = [str(prefix() / place) for place in PLACES]
    path = os.pathsep.join([*inside, os.environ.get("PATH", ""), SYSTEM_PLACES])
    return shutil.which(program, path=path)


def run(*argv: str | Path, **environment: str) -> None:
    """Run a command that has to succeed, and say so."""
    print("+", *argv, flush=True)
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, env={**os.environ, **environment})


def has_engine() -> bool:
    """Return whether bakex could start an engine with the programs that are there."""
    if find("buildkitd") and find("runc"):
        return True
    if any(find(need.program) is None for need in ENGINE):
        return False
    shown = subprocess.run(
        [find("dockerd") or "dockerd", "--version"], capture_output=True, text=True, check=False
    ).stdout
    number = re.search(r"version (\d+)", shown)
    return number is not None and int(number[1]) >= OLDEST_DOCKER


def install(packages: list[str]) -> None:
    """Install packages of the system's own release; no service is started."""
    command = ("apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages)
    environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    # Debian Policy 9.11.3: whoever wants no services started puts this file there.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        if not any(LISTS.glob("*Packages*")):
            run("apt-get", "update", "-qq", **environment)
        try:
            run(*command, **environment)
        except subprocess.CalledProcessError:
            # The lists may be older than what the mirror has.
            run("apt-get", "update", "-qq", **environment)
            run(*command, **environment)
    finally:
        if ours:
            policy.unlink()


def provide(needs: tuple[Need, ...]) -> None:
    """Install or unpack what is missing."""
    missing = [need for need in needs if find(need.program) is None]
    if not has_engine():
        missing.extend(ENGINE)
    if missing and os.geteuid() != 0:
        names = sorted({need.package for need in missing})
        sys.exit(f"error: missing: {', '.join(names)}; run this as root to install them")
    own = sorted({need.package for need in missing if not need.suites})
    if own:
        install(own)
    for suites in sorted({need.suites for need in missing if need.suites}):
        packages = sorted({need.package for need in missing if need.suites == suites})
        flags = [flag for suite in suites for flag in ("--suite", suite)]
        run(sys.executable, DEBIAN, "unpack", *flags, "--into", prefix(), *packages)


def provide_old_docker() -> None:
    """Unpack docker 20.10 beside the engine prefix, for the tests with an old image store."""
    place = prefix().with_name("docker-20.10")
    if ctypes.util.find_library("devmapper") is None:
        install(["libdevmapper1.02.1"])
    if (place / "usr/sbin/dockerd").exists():
        return
    flags = [flag for suite in OLD for flag in ("--suite", suite)]
    run(sys.executable, DEBIAN, "unpack", *flags, "--into", place, "docker.io", "containerd")


def enable_emulators() -> None:
    """Have the kernel run foreign programs with QEMU, in containers too."""
    machine = subprocess.run(
        ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    ).stdout.strip()
    wanted = [name for name, native in EMULATORS.items() if native != machine]
    register = BINFMT / "register"
    if all((BINFMT / name).exists() for name in wanted):
        return
    if not register.exists():
        run("mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT)
    for name in wanted:
        rule = BINFMT_RULES / f"{name}.conf"
        if (BINFMT / name).exists() or not rule.exists():
            continue
        # binfmt.d(5): one rule a line, in the words of the kernel.
        for line in rule.read_text().splitlines():
            if line.strip() and line[0] not in "#;":
                print(f"+ register {name} with the kernel", flush=True)
                register.write_text(line)


def mount_control_groups() -> None:
    """Mount the control groups where nobody has: runc needs them."""
    if CGROUP.is_dir() and not any(CGROUP.iterdir()):
        run("mount", "-t", "cgroup2", "cgroup2", CGROUP)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Install what the demo or the tests need.")
    parser.add_argument("mode", choices=("demo", "test"))
    mode = parser.parse_args().mode
    provide(DEMO if mode == "demo" else TEST)
    if mode == "test":
        provide_old_docker()
    if os.geteuid() == 0:
        enable_emulators()
        mount_control_groups()


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as problem:
        sys.exit(f"error: {' '.join(map(str, problem.cmd))} failed ({problem.returncode})")
    except OSError as problem:
        sys.exit(f"error: {problem}")
