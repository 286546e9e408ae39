"""oras-py's artifacts without oras-py's connections: what it would send is taken from it.

`oras.provider.Registry.push` reads annotation files, describes files and puts a manifest together.
What it does with a registry is left out (ADR 0012): its uploads become a list, its manifest a
value, its credentials are none, and a request of its own is an error. `bakex.oci.copy` moves the
result, verified, to wherever it belongs.
"""

# oras-py has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

import oras.auth.base
import oras.oci
import oras.provider
import requests

from bakex.errors import ContentError, InternalError, UsageError
from bakex.model.descriptor import Descriptor, string_map

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_NOWHERE = "artifact.invalid/nowhere"  # oras wants a name; nothing of it is in the result


class _NoCredentials(oras.auth.base.AuthBackend):
    """Reads no login files and runs no helpers: there is nobody to log in to."""

    def load_configs(self, container: object, configs: object = None) -> None:
        del container, configs


class CollectingRegistry(oras.provider.Registry):
    """A registry of oras that keeps what is pushed to it.

    Attributes:
        blobs: What was uploaded, in order: descriptors, and the files with the content.
        manifest: The manifest that was uploaded last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.auth = _NoCredentials()
        self.blobs: list[tuple[Descriptor, str]] = []
        self.manifest: Mapping[str, Any] = {}

    def upload_blob(
        self, blob: str, container: object, layer: Mapping[str, Any], *more: object, **named: object
    ) -> requests.Response:
        """Note a file."""
        del container, more, named
        self.blobs.append((Descriptor.from_json(layer), blob))
        return _created()

    def upload_manifest(self, manifest: Mapping[str, Any], container: object) -> requests.Response:
        """Note the manifest."""
        del container
        self.manifest = manifest
        return _created()

    def do_request(self, url: str, method: str = "GET", *more: object, **named: object) -> NoReturn:
        """Refuse to send anything.

        Raises:
            InternalError: Always.
        """
        del more, named
        raise InternalError(f"oras wants to send {method} {url.partition('?')[0]}")


def collect(
    files: Sequence[tuple[Path, str]],
    *,
    config: tuple[Path, str],
    annotation_file: Path,
    subject: Descriptor,
) -> CollectingRegistry:
    """Have oras put an artifact together.

    Args:
        files: With their media types.
        config: With its media type.
        annotation_file: For the manifest and, by their paths, for the files; also their titles.
        subject: What it refers to.

    Raises:
        OSError: A file cannot be read.
    """
    registry = CollectingRegistry()
    try:
        registry.push(
            _NOWHERE,
            files=[_spelled(*file) for file in files],
            manifest_config=_spelled(*config),
            annotation_file=str(annotation_file),
            subject=cast(
                "Any", oras.oci.Subject(subject.media_type, str(subject.digest), subject.size)
            ),
            disable_path_validation=True,
            quiet=True,
        )
    finally:
        registry.session.close()
    return registry


def annotations_in(file: Path) -> dict[str, dict[str, str]]:
    """Read an annotation file: in JSON, an object of strings for each file, and for ``$manifest``.

    Raises:
        UsageError: There is no such file, or it is something else.
    """
    try:
        document = cast("object", oras.oci.Annotations(str(file)).lookup)
    except FileNotFoundError:
        raise UsageError(f"--annotation-file: no such file: {str(file)!r}") from None
    except OSError as error:
        raise UsageError(f"cannot read {file}", detail=error.strerror or "") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not valid JSON", detail=str(error)) from None
    sections = cast("dict[str, object]", document if isinstance(document, dict) else {"": document})
    try:
        return {name: string_map(section, repr(name)) for name, section in sections.items()}
    except ContentError as error:
        raise UsageError(
            f"{file} is no annotation file",
            detail=error.summary,
            hint='write {"$manifest": {"KEY": "VALUE"}, "FILE": {...}}',
        ) from None


def _spelled(file: Path, media_type: str) -> str:
    return f"{file}:{media_type}"


def _created() -> requests.Response:
    answer = requests.Response()
    answer.status_code = 201
    return answer
