"""Where the private engine keeps its things.

Everything that lasts is in bakex's cache folder; sockets and what a daemon keeps only while it runs
are in a runtime directory with a short path, because the path of a unix socket has a limit and
containerd puts sockets several levels below.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from bakex._util.atomic import write_file
from bakex.errors import EngineStartError
from bakex.nodes.drivers.processes import ProcessIdentity
from bakex.nodes.drivers.programs import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.config import Settings

_PRIVATE_MODE: Final = 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLayout:
    """Paths of one kind of engine.

    Attributes:
        kind: Which daemon.
        root: Everything that lasts: data, configuration, log.
        runtime: Sockets, pid file and the daemon's passing state.
    """

    kind: Kind
    root: Path
    runtime: Path

    @property
    def data(self) -> Path:
        """Images, build cache."""
        return self.root / "data"

    @property
    def config(self) -> Path:
        """The daemon's configuration file; its path marks our daemon's command line."""
        suffix = "json" if self.kind is Kind.DOCKERD else "toml"
        return self.root / f"{self.kind}.{suffix}"

    @property
    def log(self) -> Path:
        """What the daemon printed since its last start."""
        return self.root / "log"

    @property
    def temporary(self) -> Path:
        """The daemon's TMPDIR."""
        return self.root / "tmp"

    @property
    def socket(self) -> Path:
        """The daemon's API."""
        return self.runtime / "engine.sock"

    @property
    def pid_file(self) -> Path:
        """Where dockerd writes its process id."""
        return self.runtime / "dockerd.pid"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRecord:
    """The engine that was started last, as written to disk.

    Attributes:
        program: The path of the daemon's program.
    """

    kind: Kind
    process: ProcessIdentity
    program: str
    runtime: str


def engine_home(settings: Settings) -> Path:
    """Return the folder of all engines."""
    return settings.cache / "engine"


def record_file(settings: Settings) -> Path:
    """Return where the record of the engine that was started last is."""
    return engine_home(settings) / "engine.json"


def read_record(file: Path) -> EngineRecord | None:
    """Return the record; None if there is none that makes sense."""
    try:
        document: object = json.loads(file.read_bytes())
        if not isinstance(document, dict):
            return None
        fields = cast("dict[str, Any]", document)
        process = cast("dict[str, Any]", fields["process"])
        return EngineRecord(
            kind=Kind(fields["kind"]),
            process=ProcessIdentity(
                pid=int(process["pid"]), started=int(process["started"]), boot=str(process["boot"])
            ),
            program=str(fields["program"]),
            runtime=str(fields["runtime"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(file: Path, record: EngineRecord) -> None:
    """Replace the record; atomic."""
    write_file(file, (json.dumps(asdict(record), indent=2) + "\n").encode())


def engine_layout(settings: Settings, kind: Kind, *, runtime: str = "") -> EngineLayout:
    """Return the paths for a kind of engine; makes nothing.

    Args:
        settings: Where the cache folder is.
        kind: Which daemon.
        runtime: The runtime directory if it is already known, from a record.
    """
    root = engine_home(settings) / kind
    chosen = Path(runtime) if runtime else runtime_directory(settings, root)
    return EngineLayout(kind=kind, root=root, runtime=chosen)


def runtime_directory(
    settings: Settings, root: Path, *, places: Sequence[Path] | None = None
) -> Path:
    """Return a directory with a short path for one engine; makes nothing.

    ``/run`` if it can be written to, else ``XDG_RUNTIME_DIR``, else ``/tmp``. The former two are
    empty after a boot, like everything that is kept there.
    """
    if places is None:
        own = settings.environ.get("XDG_RUNTIME_DIR", "")
        places = [Path("/run"), *([Path(own)] if own.startswith("/") else []), Path("/tmp")]  # noqa: S108 - ownership of what is made there is checked
    place = next((p for p in places if os.access(p, os.W_OK | os.X_OK)), places[-1])
    mark = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:8]
    return place / f"bakex-{os.geteuid()}-{mark}"


def make_directories(layout: EngineLayout) -> None:
    """Make the directories, for this user only; those that are there stay.

    Raises:
        EngineStartError: One cannot be made, or the runtime directory is someone else's.
    """
    for path in (layout.root, layout.data, layout.temporary, layout.runtime):
        try:
            path.mkdir(mode=_PRIVATE_MODE, parents=True, exist_ok=True)
        except OSError as error:
            raise EngineStartError(
                f"the private engine's folder {path} cannot be made",
                detail=f"{error.strerror}.",
                hint="set XDG_CACHE_HOME to a folder that can be written to",
            ) from error
    found = layout.runtime.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise EngineStartError(
            f"{layout.runtime} belongs to someone else",
            detail="The private engine's sockets would be open to its owner.",
            hint=f"remove {layout.runtime}",
        )
    layout.runtime.chmod(_PRIVATE_MODE)
