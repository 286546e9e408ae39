"""The requests that `bakex.testing.registry` understands (OCI distribution-spec v1.1)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from bakex.model.media_types import OCI_INDEX
from bakex.testing.registry_content import DIGEST, MAX_MANIFEST, NAME, TAG, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from bakex.testing.registry_content import RegistryContent, Upload

_PATH = re.compile(
    rf"/v2/(?P<repository>{NAME})/(?:"
    rf"(?P<blob>blobs/(?P<digest>{DIGEST}))"
    r"|(?P<uploads>blobs/uploads/)"
    r"|(?P<session>blobs/uploads/(?P<upload>[0-9a-f]{32}))"
    rf"|(?P<manifest>manifests/(?P<reference>{DIGEST}|{TAG}))"
    r"|(?P<tags>tags/list)"
    rf"|(?P<referrers>referrers/(?P<subject>{DIGEST}))"
    r")"
)
_READS = frozenset({"GET", "HEAD"})
_OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request. Header names are in lower case; the body can be read once."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Callable[[], Iterable[bytes]]

    @property
    def parameters(self) -> dict[str, str]:
        """The query, the first value of each key."""
        parsed = parse_qs(self.query, keep_blank_values=True)
        return {key: values[0] for key, values in parsed.items()}

    def text(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            Refusal: It is larger than that.
        """
        found = bytearray()
        for chunk in self.body():
            found += chunk
            if len(found) > limit:
                raise Refusal(413, "SIZE_INVALID", "the manifest is too large")
        return bytes(found)


@dataclass(slots=True, kw_only=True)
class Outgoing:
    """An answer; a body that is a file is sent from `start` for `length` bytes."""

    status: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes | Path = b""
    start: int = 0
    length: int = 0


class Routes:
    """Serves requests from content."""

    def __init__(
        self, content: RegistryContent, *, check_accept: bool = True, tag_lists: bool = False
    ) -> None:
        """Take the content.

        Args:
            content: What there is.
            check_accept: Whether a manifest of a type that the client did not ask for is 404.
            tag_lists: Whether one request can set several tags (``?tag=a&tag=b``).
        """
        self._content = content
        self._tag_lists = tag_lists
        self._check_accept = check_accept

    def serve(self, request: Incoming) -> Outgoing:
        """Answer a request.

        Raises:
            Refusal: With an error document.
        """
        if request.path in {"/v2", "/v2/"}:
            return _json({})
        if request.path == "/v2/_catalog":
            return _json({"repositories": self._content.repositories()})
        match = _PATH.fullmatch(request.path)
        if match is None:
            raise Refusal(404, "NAME_INVALID", "no such path")
        parts = {key: value or "" for key, value in match.groupdict().items()}
        routes = {
            "blob": self._blob,
            "uploads": self._start,
            "session": self._session,
            "manifest": self._manifest,
            "tags": self._tags,
            "referrers": self._referrers,
        }
        kind = next(name for name in routes if parts[name])
        return routes[kind](request, parts)

    @staticmethod
    def needs(method: str, path: str) -> tuple[str, str]:
        """Return the repository and the action that a request needs to be allowed."""
        match = _PATH.fullmatch(path)
        if match is None:
            return "", "pull"
        action = "pull" if method in _READS else "delete" if method == "DELETE" else "push"
        return match["repository"], action

    def _blob(self, request: Incoming, parts: Mapping[str, str]) -> Outgoing:
        _only(request, "GET", "HEAD")
        file = self._content.blob(parts["repository"], parts["digest"])
        size = file.stat().st_size
        headers = {
            "Content-Type": _OCTETS,
            "Docker-Content-Digest": parts["digest"],
            "Accept-Ranges": "bytes",
        }
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if wanted is None or request.method == "HEAD":
            return Outgoing(status=200, headers=headers, body=file, length=size)
        first, last = int(wanted[1]), min(int(wanted[2] or size - 1), size - 1)
        if first > last:
            raise Refusal(416, "RANGE_INVALID", headers={"Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        return Outgoing(
            status=206, headers=headers, body=file, start=first, length=last - first + 1
        )

    def _start(self, request: Incoming, parts: Mapping[str, str]) -> Outgoing:
        _only(request, "POST")
        repository, parameters = parts["repository"], request.parameters
        digest = parameters.get("mount", "")
        if digest and self._content.mount(repository, digest, parameters.get("from", "")):
            return _created(f"/v2/{repository}/blobs/{digest}", digest)
        name = self._content.start(repository)
        upload = self._content.upload(repository, name)
        if "digest" in parameters and "mount" not in parameters:
            return self._finish(request, repository, name)
        return _accepted(repository, name, upload, 202)

    def _session(self, request: Incoming, parts: Mapping[str, str]) -> Outgoing:
        _only(request, "GET", "PATCH", "PUT", "DELETE")
        repository, name = parts["repository"], parts["upload"]
        upload = self._content.upload(repository, name)
        if request.method == "PUT":
            return self._finish(request, repository, name)
        if request.method == "DELETE":
            self._content.forget(name)
            return Outgoing(status=204)
        if request.method == "PATCH":
            _check_range(request, upload)
            self._content.append(upload, request.body())
        return _accepted(repository, name, upload, 202 if request.method == "PATCH" else 204)

    def _finish(self, request: Incoming, repository: str, name: str) -> Outgoing:
        upload = self._content.upload(repository, name)
        _check_range(request, upload)
        self._content.append(upload, request.body())
        digest = request.parameters.get("digest", "")
        self._content.commit(name, digest)
        return _created(f"/v2/{repository}/blobs/{digest}", digest)

    def _manifest(self, request: Incoming, parts: Mapping[str, str]) -> Outgoing:
        _only(request, "GET", "HEAD", "PUT", "DELETE")
        repository, reference = parts["repository"], parts["reference"]
        if request.method == "DELETE":
            self._content.delete_manifest(repository, reference)
            return Outgoing(status=202)
        if request.method == "PUT":
            kind = request.headers.get("content-type", "")
            raw = request.text(MAX_MANIFEST)
            digest = self._content.put_manifest(repository, reference, kind, raw)
            answer = _created(f"/v2/{repository}/manifests/{digest}", digest)
            if self._tag_lists and ":" in reference:
                names = parse_qs(request.query).get("tag", [])
                for name in names:
                    self._content.put_manifest(repository, name, kind, raw)
                answer.headers["OCI-Tag"] = ", ".join(names)
            if subject := json.loads(raw).get("subject"):
                answer.headers["OCI-Subject"] = subject["digest"]
            return answer
        digest, kind, raw = self._content.manifest(repository, reference)
        accepted = request.headers.get("accept", "*/*")
        if self._check_accept and kind not in accepted and "*/*" not in accepted:
            raise Refusal(404, "MANIFEST_UNKNOWN", f"the manifest is of the type {kind}")
        headers = {"Content-Type": kind, "Docker-Content-Digest": digest}
        return Outgoing(status=200, headers=headers, body=raw)

    def _tags(self, request: Incoming, parts: Mapping[str, str]) -> Outgoing:
        _only(request, "GET")
        repository, parameters = parts["repository"], request.parameters
        tags = [t for t in self._content.tags(repository) if t > parameters.get("last", "")]
        shown = tags[: int(parameters.get("n") or len(tags))]
        answer = _json({"name": repository, "tags": shown})
        if len(shown) < len(tags) and shown:
            query = urlencode({"n": len(shown), "last": shown[-1]})
            answer.headers["Link"] = f'</v2/{repository}/tags/list?{query}>; rel="next"'
        return answer

    def _referrers(self, request: Incoming, parts: Mapping[str, str]) -> Outgoing:
        _only(request, "GET")
        found = self._content.referrers(parts["repository"], parts["subject"])
        answer = _json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found})
        answer.headers["Content-Type"] = OCI_INDEX
        return answer


def _only(request: Incoming, *methods: str) -> None:
    if request.method not in methods:
        raise Refusal(405, "UNSUPPORTED", headers={"Allow": ", ".join(methods)})


def _json(document: Mapping[str, object]) -> Outgoing:
    body = json.dumps(document).encode()
    return Outgoing(status=200, headers={"Content-Type": "application/json"}, body=body)


def _created(location: str, digest: str) -> Outgoing:
    headers = {"Location": location, "Docker-Content-Digest": digest}
    return Outgoing(status=201, headers=headers)


def _accepted(repository: str, name: str, upload: Upload, status: int) -> Outgoing:
    headers = {
        "Location": f"/v2/{repository}/blobs/uploads/{name}",
        "Docker-Upload-UUID": name,
        "Range": f"0-{max(0, upload.size - 1)}",
    }
    return Outgoing(status=status, headers=headers)


def _check_range(request: Incoming, upload: Upload) -> None:
    """Refuse a chunk that does not continue where the last one ended."""
    text = request.headers.get("content-range", "")
    match = re.fullmatch(r"(\d+)-(\d+)", text)
    if text and (match is None or int(match[1]) != upload.size):
        end = max(0, upload.size - 1)
        raise Refusal(416, "BLOB_UPLOAD_INVALID", "wrong range", headers={"Range": f"0-{end}"})
