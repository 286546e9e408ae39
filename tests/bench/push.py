"""Pushes an image of a layout to a registry: ``push.py LAYOUT REFERENCE``.

Prints the most memory that it has used, in KiB.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bakex.config import load
from bakex.model.reference import Reference
from bakex.oci.copy import copy
from bakex.oci.layout import OciLayout
from bakex.registry.client import RegistryClient
from bakex.registry.credentials import DockerKeychain
from bakex.run.clock import SystemClock


async def push(layout: OciLayout, reference: Reference) -> None:
    """Copy the only image of a layout, and tag it."""
    settings = load()
    client = RegistryClient(
        keychain=DockerKeychain(settings), settings=settings, clock=SystemClock()
    )
    try:
        repository = client.repository(reference)
        (root,) = layout.index().entries
        await copy(layout, repository, root)
        await repository.tag(root, reference.tag)
    finally:
        await client.aclose()


def peak() -> int:
    """Return the highest resident size so far; what a parent measures would include itself."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    asyncio.run(push(OciLayout.open(Path(sys.argv[1])), Reference.parse(sys.argv[2])))
    sys.stdout.write(f"{peak()}\n")
