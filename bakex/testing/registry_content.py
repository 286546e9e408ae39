"""What `bakex.testing.registry` keeps: blobs, manifests and tags in files below one directory.

``blobs/ALGORITHM/HEX`` holds all content. ``repositories/NAME/`` says what a repository has:
``_blobs/ALGORITHM/HEX`` (empty), ``_manifests/ALGORITHM/HEX`` (its media type) and ``_tags/TAG`` (a
digest). Path components of repositories cannot start with an underscore, so nothing collides.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from bakex._util.atomic import write_file
from bakex.model.media_types import INDEXES, MANIFESTS, is_foreign

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAME = rf"{_WORD}(?:/{_WORD})*"
TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
DIGEST = r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})"
MAX_MANIFEST = 4 << 20


class Refusal(Exception):  # noqa: N818 - an answer, not an accident
    """A request that gets an error document for an answer."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str = "",
        detail: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.headers = dict(headers or {})
        self.body = json.dumps(
            {"errors": [{"code": code, "message": message, "detail": detail}]}
        ).encode()


@dataclass(slots=True)
class Upload:
    """An upload session."""

    repository: str
    file: Path
    size: int = 0


class RegistryContent:
    """The state of a registry, safe for concurrent requests."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._uploads: dict[str, Upload] = {}
        (root / "uploads").mkdir(parents=True, exist_ok=True)

    # ---- blobs

    def blob(self, repository: str, digest: str) -> Path:
        """Return the file of a blob that the repository has.

        Raises:
            Refusal: It has none.
        """
        if not self.has_blob(repository, digest):
            raise Refusal(404, "BLOB_UNKNOWN", "blob unknown to registry", {"digest": digest})
        return self._content(digest)

    def has_blob(self, repository: str, digest: str) -> bool:
        """Return whether a repository has a blob."""
        return self._mark(repository, "_blobs", digest).exists()

    def mount(self, repository: str, digest: str, source: str) -> bool:
        """Give a repository a blob of another one; returns whether that one has it."""
        if not re.fullmatch(DIGEST, digest) or not self.has_blob(source, digest):
            return False
        self._set(self._mark(repository, "_blobs", digest), b"")
        return True

    def remove_blob(self, repository: str, digest: str) -> None:
        """Take a blob from a repository; for tests of what is missing."""
        self._mark(repository, "_blobs", digest).unlink()

    # ---- uploads

    def start(self, repository: str) -> str:
        """Open an upload session."""
        name = uuid.uuid4().hex
        file = self.root / "uploads" / name
        file.touch()
        with self._lock:
            self._uploads[name] = Upload(repository, file)
        return name

    def upload(self, repository: str, name: str) -> Upload:
        """Return an open session.

        Raises:
            Refusal: There is none.
        """
        found = self._uploads.get(name)
        if found is None or found.repository != repository:
            raise Refusal(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        return found

    def append(self, upload: Upload, chunks: Iterable[bytes]) -> None:
        """Add bytes to a session as they come."""
        with upload.file.open("ab") as file:
            for chunk in chunks:
                file.write(chunk)
                upload.size += len(chunk)

    def forget(self, name: str) -> None:
        """Close a session, and drop what it has."""
        with self._lock:
            upload = self._uploads.pop(name, None)
        if upload is not None:
            upload.file.unlink(missing_ok=True)

    def commit(self, name: str, digest: str) -> None:
        """Make a blob of a session; the session is over in any case.

        Raises:
            Refusal: The bytes have another digest.
        """
        upload = self._uploads[name]
        try:
            if not re.fullmatch(DIGEST, digest) or _hash(upload.file, digest) != digest:
                raise Refusal(400, "DIGEST_INVALID", "the content has another digest")
            target = self._content(digest)
            target.parent.mkdir(parents=True, exist_ok=True)
            upload.file.replace(target)
            self._set(self._mark(upload.repository, "_blobs", digest), b"")
        finally:
            self.forget(name)

    # ---- manifests and tags

    def manifest(self, repository: str, reference: str) -> tuple[str, str, bytes]:
        """Return digest, media type and bytes of what a tag or digest stands for.

        Raises:
            Refusal: There is no such thing.
        """
        digest = reference
        with contextlib.suppress(OSError):
            if ":" not in reference:
                digest = (self._repository(repository) / "_tags" / reference).read_text()
            media_type = self._mark(repository, "_manifests", digest).read_text()
            return digest, media_type, self._content(digest).read_bytes()
        raise Refusal(404, "MANIFEST_UNKNOWN", "manifest unknown", {"reference": reference})

    def put_manifest(self, repository: str, reference: str, media_type: str, raw: bytes) -> str:
        """Store a manifest or index, and let a tag point at it; returns its digest.

        Raises:
            Refusal: It is malformed, of another type or digest, or refers to what is not there.
        """
        fields = _checked_document(raw, media_type)
        digest = reference if ":" in reference else f"sha256:{hashlib.sha256(raw).hexdigest()}"
        if f"{digest.partition(':')[0]}:{_digest(raw, digest)}" != digest:
            raise Refusal(400, "DIGEST_INVALID", "the manifest has another digest")
        missing = list(self._missing(repository, fields))
        if missing:
            raise Refusal(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", missing)
        self._set(self._content(digest), raw)
        self._set(self._mark(repository, "_manifests", digest), media_type.encode())
        if ":" not in reference:
            self._set(self._repository(repository) / "_tags" / reference, digest.encode())
        return digest

    def delete_manifest(self, repository: str, reference: str) -> None:
        """Remove a tag, or a manifest with all its tags.

        Raises:
            Refusal: There is no such thing.
        """
        digest, _, _ = self.manifest(repository, reference)
        if ":" not in reference:
            (self._repository(repository) / "_tags" / reference).unlink()
            return
        self._mark(repository, "_manifests", digest).unlink()
        for tag in self.tags(repository):
            file = self._repository(repository) / "_tags" / tag
            if file.read_text() == digest:
                file.unlink()

    def tags(self, repository: str) -> list[str]:
        """Return the tags of a repository in lexical order.

        Raises:
            Refusal: There is no such repository.
        """
        directory = self._repository(repository)
        if not directory.is_dir():
            raise Refusal(404, "NAME_UNKNOWN", "repository name not known to registry")
        tags = directory / "_tags"
        return sorted(file.name for file in tags.iterdir()) if tags.is_dir() else []

    def repositories(self) -> list[str]:
        """Return the names of all repositories in lexical order."""
        base = self.root / "repositories"
        found = {mark.parent for mark in base.rglob("_*") if mark.parent.name[0] != "_"}
        return sorted(str(directory.relative_to(base)) for directory in found)

    def referrers(self, repository: str, subject: str) -> list[dict[str, Any]]:
        """Return descriptors of the manifests that name a digest as their subject."""
        found: list[dict[str, Any]] = []
        for mark in sorted((self._repository(repository) / "_manifests").glob("*/*")):
            digest = f"{mark.parent.name}:{mark.name}"
            _, media_type, raw = self.manifest(repository, digest)
            fields = json.loads(raw)
            if fields.get("subject", {}).get("digest") == subject:
                kind = fields.get("artifactType") or fields.get("config", {}).get("mediaType")
                described = {"mediaType": media_type, "digest": digest, "size": len(raw)}
                extra = {"artifactType": kind, "annotations": fields.get("annotations")}
                found.append(described | {key: value for key, value in extra.items() if value})
        return found

    # ---- files

    def _missing(self, repository: str, fields: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        listed = [*fields.get("layers", []), *filter(None, [fields.get("config")])]
        for entry in listed:
            foreign = is_foreign(entry["mediaType"]) and entry.get("urls")
            if not foreign and not self.has_blob(repository, entry["digest"]):
                yield {"digest": entry["digest"]}
            elif not foreign and self._content(entry["digest"]).stat().st_size != entry["size"]:
                raise Refusal(400, "MANIFEST_INVALID", "a descriptor has the wrong size")
        for entry in fields.get("manifests", []):
            if not self._mark(repository, "_manifests", entry["digest"]).exists():
                yield {"digest": entry["digest"]}

    def _repository(self, name: str) -> Path:
        return self.root / "repositories" / name

    def _mark(self, repository: str, kind: str, digest: str) -> Path:
        algorithm, _, encoded = digest.partition(":")
        return self._repository(repository) / kind / algorithm / encoded

    def _content(self, digest: str) -> Path:
        algorithm, _, encoded = digest.partition(":")
        return self.root / "blobs" / algorithm / encoded

    def _set(self, file: Path, data: bytes) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file, data)


def _hash(file: Path, digest: str) -> str:
    algorithm = digest.partition(":")[0]
    with file.open("rb") as source:
        return f"{algorithm}:{hashlib.file_digest(source, algorithm).hexdigest()}"


def _digest(raw: bytes, digest: str) -> str:
    return hashlib.new(digest.partition(":")[0], raw).hexdigest()


def _checked_document(raw: bytes, media_type: str) -> Mapping[str, Any]:
    if len(raw) > MAX_MANIFEST:
        raise Refusal(413, "SIZE_INVALID", "the manifest is too large")
    try:
        document: object = json.loads(raw)
    except ValueError:
        raise Refusal(400, "MANIFEST_INVALID", "not valid JSON") from None
    if not isinstance(document, dict):
        raise Refusal(400, "MANIFEST_INVALID", "not a JSON object")
    fields = cast("dict[str, Any]", document)
    if fields.get("mediaType", media_type) != media_type:
        raise Refusal(400, "MANIFEST_INVALID", "Content-Type and mediaType differ")
    wanted = "manifests" if media_type in INDEXES else "layers"
    known = media_type in INDEXES or media_type in MANIFESTS
    if not known or fields.get("schemaVersion") != 2 or wanted not in fields:
        raise Refusal(400, "MANIFEST_INVALID", f"not a manifest of type {media_type}")
    listed = [*fields.get("layers", []), *fields.get("manifests", [])]
    listed += [fields["config"]] if media_type in MANIFESTS else []
    for entry in listed:
        if not re.fullmatch(DIGEST, str(entry.get("digest"))) or "mediaType" not in entry:
            raise Refusal(400, "MANIFEST_INVALID", "a descriptor is malformed")
    return fields
