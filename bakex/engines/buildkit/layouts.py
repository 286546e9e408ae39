"""OCI layout directories as BuildKit's clients use them: names in ``index.json``.

Source: OCI image-spec v1.1 image-layout.md; buildx util/ocilayout, buildkit client/ociindex.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bakex.errors import ContentError, SessionError
from bakex.model.digest import Digest
from bakex.oci.layout import OciLayout

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "oci-layout://"
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def split(text: str) -> tuple[str, str, str]:
    """Return path, tag and digest of ``oci-layout://PATH[:TAG][@DIGEST]``.

    What stands behind the last ``:`` or ``@`` belongs to the path unless it has the right form.
    """
    path, digest = text.removeprefix(PREFIX), ""
    before, at, after = path.rpartition("@")
    if at and _is_digest(after):
        path, digest = before, after
    before, colon, after = path.rpartition(":")
    if colon and _TAG.fullmatch(after):
        return before, after, digest
    return path, "", digest


def find(directory: Path, tag: str) -> str | None:
    """Return the digest that a tag has in a layout; a layout of one image has it under any tag.

    Raises:
        SessionError: There is no readable layout.
    """
    if not (directory / "index.json").is_file():
        raise SessionError(
            f"{str(directory)!r} is no OCI layout",
            detail="It has no index.json.",
            hint="name the directory that holds index.json",
        )
    try:
        index = OciLayout(directory).index()
        found = index.find(tag)
    except ContentError as error:
        raise SessionError(error.summary, detail=error.detail, hint=error.hint) from None
    if found is None and len(index.entries) == 1:
        found = index.entries[0]
    return str(found.digest) if found else None


def _is_digest(text: str) -> bool:
    try:
        Digest.parse(text)
    except ContentError:
        return False
    return True
