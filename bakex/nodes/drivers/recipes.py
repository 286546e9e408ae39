"""How the private engine's daemons are configured and called.

Both keep to their own folders, listen on one unix socket that only their user may open, set up no
network of their own (RUN steps share the host's), and collect garbage by themselves.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bakex.model.node import Wire
from bakex.nodes.drivers.mounts import filesystem_type
from bakex.nodes.drivers.programs import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bakex.config import Settings
    from bakex.nodes.drivers.layout import EngineLayout
    from bakex.nodes.drivers.programs import Programs

WIRES: Final[Mapping[Kind, Wire]] = {Kind.BUILDKITD: Wire.BUILDKIT, Kind.DOCKERD: Wire.DOCKER}
_KEEP_STORAGE_GB: Final = 20  # build cache beyond this is dropped, least recently used first
_KEEP_STORAGE_BYTES: Final = _KEEP_STORAGE_GB * 10**9
# Overlay directories cannot be stacked on a file system that is an overlay already.
_NO_OVERLAY: Final = frozenset({"overlay", "aufs", "fuse.fuse-overlayfs"})
# BuildKit's name for it, with the ten digits of a random number (Go's os.MkdirTemp).
_AGENT_SOCKET: Final = ".buildkit-ssh-sock4294967295/ssh_auth_sock"
_MAX_SOCKET_PATH: Final = 107  # bytes; unix(7)
# What a daemon needs from the environment: how to reach registries and git hosts.
_PASSED_ON: Final = frozenset(
    {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "LANG"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to write and what to run.

    Attributes:
        config: The text of the configuration file.
        argv: The command line; it names the configuration file.
        env: The whole environment.
    """

    config: str
    argv: tuple[str, ...]
    env: Mapping[str, str]


def recipe(
    programs: Programs, layout: EngineLayout, settings: Settings, *, filesystem: str = ""
) -> Recipe:
    """Return how to run a daemon.

    Args:
        programs: The daemon.
        layout: Where it keeps its things.
        settings: For the environment.
        filesystem: The type of the file system of its data; empty to look.
    """
    stackable = (filesystem or filesystem_type(layout.data)) not in _NO_OVERLAY
    if programs.kind is Kind.DOCKERD:
        config = _dockerd_config(layout, stackable=stackable)
        argv = (str(programs.daemon), "--config-file", str(layout.config))
    else:
        config = _buildkitd_config(layout, stackable=stackable)
        argv = (str(programs.daemon), "--config", str(layout.config))
    return Recipe(config=config, argv=argv, env=_environment(programs, layout, settings))


def _dockerd_config(layout: EngineLayout, *, stackable: bool) -> str:
    document: dict[str, object] = {
        "bridge": "none",
        "builder": {"gc": {"enabled": True, "defaultKeepStorage": f"{_KEEP_STORAGE_GB}GB"}},
        "data-root": str(layout.data),
        "exec-root": str(layout.runtime / "exec"),
        "features": {"containerd-snapshotter": True},
        # Docker's own group would be let in if there were none here.
        "group": str(os.getegid()),
        "hosts": [f"unix://{layout.socket}"],
        "ip-forward": False,
        "ip-masq": False,
        "ip6tables": False,
        "iptables": False,
        "pidfile": str(layout.pid_file),
        "shutdown-timeout": 5,
        "userland-proxy": False,
    }
    if not stackable:
        document["storage-driver"] = "native"
    return json.dumps(document, indent=2) + "\n"


def _buildkitd_config(layout: EngineLayout, *, stackable: bool) -> str:
    # A JSON string is a TOML basic string as well (TOML 1.0, "String").
    quote = json.dumps
    snapshotter = "overlayfs" if stackable else "native"
    return f"""\
root = {quote(str(layout.data))}
insecure-entitlements = ["network.host"]

[grpc]
address = [{quote(f"unix://{layout.socket}")}]

[otel]
socketPath = {quote(str(layout.runtime / "otel.sock"))}

[worker.oci]
enabled = true
snapshotter = "{snapshotter}"
networkMode = "host"
gc = true
gckeepstorage = {_KEEP_STORAGE_BYTES}

[worker.containerd]
enabled = false
"""


def _environment(programs: Programs, layout: EngineLayout, settings: Settings) -> Mapping[str, str]:
    passed = {name: v for name, v in settings.environ.items() if name.upper() in _PASSED_ON}
    found = {
        **passed,
        "HOME": str(settings.home),
        "PATH": programs.path,
        "TMPDIR": str(layout.temporary),
    }
    # The agents that RUN steps see are sockets in the daemon's temporary directory, which dockerd
    # takes from a variable of its own. Only a short path has room for them.
    if programs.kind is Kind.DOCKERD and _is_long(layout.data / "tmp"):
        found["DOCKER_TMPDIR"] = str(layout.runtime)
    elif programs.kind is Kind.BUILDKITD and _is_long(layout.temporary):
        found["TMPDIR"] = str(layout.runtime)
    return found


def _is_long(directory: Path) -> bool:
    return len(os.fsencode(directory / _AGENT_SOCKET)) > _MAX_SOCKET_PATH
