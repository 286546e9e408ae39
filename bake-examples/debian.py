"""Debian packages of any release and architecture, without touching this system's apt.

Needs nothing but Python and apt. The mirror is the one that this system is configured for; lists,
downloads and package state are in folders of their own, one per release and architecture. What is
downloaded is verified by apt: the release file by Debian's archive keys, the rest by its hashes.

    debian.py unpack --into DIRECTORY [--suite trixie]... PACKAGE...

fetches packages (without their dependencies) and unpacks them, running none of their scripts; of
several releases, the first one that works is used.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
FRESH_S = 24 * 3600  # package lists older than this are fetched again before they are used
_INSTALL = re.compile(r"^Inst (\S+) \((\S+) .*\[(\S+)\]\)", re.MULTILINE)


class DebianError(Exception):
    """Packages cannot be had; the message says why."""


def cache_folder() -> Path:
    """Return bakex's cache folder, the same that bakex itself uses."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "bakex"


def available() -> bool:
    """Return whether this system can fetch Debian packages at all."""
    try:
        mirror()
    except DebianError:
        return False
    return True


def mirror() -> str:
    """Return the address of the Debian mirror that this system's apt is configured for."""
    try:
        release = dict(
            line.partition("=")[::2] for line in Path("/etc/os-release").read_text().splitlines()
        )
        targets = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(CREATED_BY)"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError) as error:
        raise DebianError(f"this is no Debian system with a working apt: {error}") from error
    codename = release.get("VERSION_CODENAME", "").strip('"')
    if release.get("ID", "").strip('"') != "debian":
        raise DebianError("this is no Debian system, so no Debian mirror is known")
    if not KEYRING.exists():
        raise DebianError(f"{KEYRING} is missing: apt-get install debian-archive-keyring")
    for uri, suite, created_by in (line.split() for line in targets):
        if created_by == "Packages" and suite in {codename, "stable", "testing", "sid", "unstable"}:
            return uri
    raise DebianError(f"apt has no source for {codename or 'this release'}")


def native_architecture() -> str:
    """Return Debian's name for this machine's architecture."""
    return subprocess.run(
        ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    ).stdout.strip()


def first_that_works(
    suites: Sequence[str],
    architecture: str,
    fetch: Callable[[Packages], list[Path]],
) -> tuple[str, list[Path]]:
    """Fetch from the first release that works; return its name and the files.

    A mirror may be in the middle of an update of one release or architecture. It may also lag so
    far behind that a release file is out of date: as a last resort that is accepted, and said. What
    such a file vouches for is still signed by Debian; it is only not the newest.
    """
    problems: list[str] = []
    for fresh in (True, False):
        for suite in suites:
            try:
                files = fetch(Packages(suite, architecture, fresh=fresh))
            except DebianError as problem:
                problems.append(str(problem))
                continue
            if not fresh:
                print(f"note: the mirror's {suite} is out of date", file=sys.stderr)
            return suite, files
    raise DebianError("\n".join(dict.fromkeys(problems)))


class Packages:
    """The packages of one release and one architecture."""

    def __init__(self, suite: str, architecture: str, *, fresh: bool = True) -> None:
        self.suite = suite
        self.architecture = architecture
        self._fresh = fresh
        self._folder = cache_folder() / "apt" / f"{suite}-{architecture}"
        self._archives = self._folder / "cache" / "archives"

    def fetch(self, names: list[str]) -> list[Path]:
        """Return the files of the named packages, without what they depend on."""
        self._prepare()
        command = ["download", *names]
        self._with_lists(lambda: self._run(command, cwd=self._archives))
        wanted = self._run(["--print-uris", *command], cwd=self._folder)
        # Each line is 'address' file size hash.
        return [self._archives / line.split()[1] for line in wanted.splitlines()]

    def fetch_all(self, names: list[str]) -> list[Path]:
        """Return the files of the named packages and of everything that they depend on."""
        self._prepare()
        install = ["install", "--yes", "--no-install-recommends", *names]
        self._with_lists(lambda: self._run([*install, "--download-only"]))
        planned = _INSTALL.findall(self._run([*install, "--simulate"]))
        return [
            self._archives / f"{name.partition(':')[0]}_{version.replace(':', '%3a')}_{arch}.deb"
            for name, version, arch in planned
        ]

    def _prepare(self) -> None:
        for path in ("lists/partial", "cache/archives/partial", "dpkg", "log"):
            (self._folder / path).mkdir(parents=True, exist_ok=True)
        (self._folder / "dpkg" / "status").touch()
        source = (
            f"deb [arch={self.architecture} signed-by={KEYRING}] {mirror()} {self.suite} main\n"
        )
        (self._folder / "sources.list").write_text(source)

    def _with_lists(self, action: Callable[[], object]) -> None:
        """Do something that needs the package lists; fetch them if they are old or do not fit."""
        stamp = self._folder / "updated"
        if not stamp.exists() or time.time() - stamp.stat().st_mtime > FRESH_S:
            self._update(stamp)
            action()
            return
        try:
            action()
        except DebianError:
            # The mirror has replaced a package since.
            self._update(stamp)
            action()

    def _update(self, stamp: Path) -> None:
        self._run(["update", "--error-on=any"])
        stamp.touch()

    def _run(self, arguments: list[str], *, cwd: Path | None = None) -> str:
        folder = self._folder
        options = {
            "APT::Architecture": self.architecture,
            "APT::Get::AllowUnauthenticated": "false",
            "APT::Install-Recommends": "false",
            "Acquire::AllowInsecureRepositories": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Dir::Cache": str(folder / "cache"),
            "Dir::Etc::Preferences": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "Dir::Etc::SourceList": str(folder / "sources.list"),
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Log": str(folder / "log"),
            "Dir::State": str(folder),
            "Dir::State::Lists": str(folder / "lists"),
            "Dir::State::status": str(folder / "dpkg" / "status"),
        }
        if not self._fresh:
            options["Acquire::Check-Valid-Until"] = "false"
        if os.geteuid() == 0:
            # The user _apt may not enter the cache folder of root.
            options["APT::Sandbox::User"] = "root"
        flags = [flag for name, value in options.items() for flag in ("-o", f"{name}={value}")]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(
            ["apt-get", "-qq", *flags, *arguments],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            what = f"apt-get {' '.join(arguments)} ({self.suite}, {self.architecture})"
            raise DebianError(f"{what} failed:\n{done.stderr.strip()}")
        return done.stdout


def unpack(files: list[Path], into: Path) -> None:
    """Unpack packages into a directory; none of their scripts is run."""
    into.mkdir(parents=True, exist_ok=True)
    for file in files:
        subprocess.run(["dpkg-deb", "--extract", file, into], check=True)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Fetch Debian packages and unpack them.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("unpack")
    command.add_argument("--into", type=Path, required=True)
    command.add_argument("--suite", action="append")
    command.add_argument("package", nargs="+")
    arguments = parser.parse_args()
    suites = arguments.suite or ["trixie"]
    names = arguments.package
    _, files = first_that_works(suites, native_architecture(), lambda found: found.fetch(names))
    unpack(files, arguments.into)


if __name__ == "__main__":
    try:
        main()
    except DebianError as problem:
        sys.exit(f"error: {problem}")
