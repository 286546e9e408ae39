"""`bakex version`."""

from __future__ import annotations

import platform

from bakex._version import __version__
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()


@app.command("version")
def version() -> None:
    """Show the version, and what it runs on."""
    put(f"bakex {__version__}\n")
    put(f"python {platform.python_version()} ({platform.python_implementation()})\n")
    put(f"{platform.system()} {platform.release()} {platform.machine()}\n")
