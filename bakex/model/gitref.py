"""Git references: a repository, and what of it is meant (spec/bake-file 1.6).

Source: moby/buildkit frontend/dockerfile/dfgitutil and util/gitutil.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from bakex._util.redact import redact_text
from bakex.errors import DefinitionError
from bakex.model.fields import boolean
from bakex.model.remote import is_git

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHORTHAND = "github.com/"
_SCP = re.compile(r"([a-zA-Z0-9_-]+@([a-zA-Z0-9.-]+):.*?)(?:\?(.*?))?(?:#(.*))?")
_BOOLEANS = frozenset({"keep-git-dir", "submodules", "fetch-by-commit"})
_TEXTS = frozenset({"ref", "tag", "branch", "subdir", "checksum", "commit", "mtime"})
_TAG, _BRANCH = "refs/tags/", "refs/heads/"
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What git check-ref-format allows, and no first dash: references become arguments of programs.
_REF = re.compile(r"(?!-)(?!.*(\.\.|@\{|//|\.lock(/|$)))[^\x00-\x20\x7f~^:?*\[\\]+")
_CREDENTIALS = MappingProxyType(
    {
        "BUILDX_BAKE_GIT_AUTH_TOKEN": "GIT_AUTH_TOKEN",
        "BUILDX_BAKE_GIT_AUTH_HEADER": "GIT_AUTH_HEADER",
    }
)
_HEXADECIMAL = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRef:
    """A git reference, checked.

    Attributes:
        remote: What git is given: a URL or ``user@host:path``, without query and fragment.
        scheme: ``http``, ``https``, ``ssh`` or ``git``.
        host: Host, with the port if one is written.
        ref: Branch, tag, full reference or commit; empty for the default branch.
        checksum: First digits of the commit that it must be; empty for any.
        subdir: Directory in the repository; empty for its root.
        submodules: Whether submodules are fetched.
        fetch_by_commit: Fetch the commit of `checksum` and not what `ref` stands for now.
    """

    remote: str
    scheme: str
    host: str
    ref: str = ""
    checksum: str = ""
    subdir: str = ""
    submodules: bool = True
    fetch_by_commit: bool = False

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a reference in any of its forms; None if the text is none.

        Forms: ``https://HOST/PATH.git``, ``ssh://...``, ``git://...``, ``USER@HOST:PATH`` and
        ``github.com/...``, each with ``#REF[:SUBDIR]`` or a query.

        Raises:
            DefinitionError: It is one, but its query, its reference or its URL is wrong.
        """
        if not is_git(text):
            return None
        remote, scheme, host, query, fragment = _parts(text)
        ref, _, subdir = fragment.partition(":")
        settings = _settings(text, query)
        ref = _agreed(text, "ref", ref, settings.get("ref", ""))
        ref = _named(text, ref, settings)
        subdir = _agreed(text, "subdir", subdir, settings.get("subdir", ""))
        checksum = (settings.get("checksum") or settings.get("commit", "")).lower()
        _check(text, ref or checksum, checksum)
        by_commit = _flag(settings, "fetch-by-commit", default=False)
        if by_commit and not _COMMIT.fullmatch(checksum):
            raise _wrong(text, "fetch-by-commit needs a whole commit in checksum")
        return cls(
            remote=remote,
            scheme=scheme,
            host=host,
            ref=ref or checksum,
            checksum=checksum,
            subdir=subdir,
            submodules=_flag(settings, "submodules", default=True),
            fetch_by_commit=by_commit,
        )

    @property
    def is_commit(self) -> bool:
        """Whether `ref` is a whole commit and no name."""
        return is_commit(self.ref)


def is_commit(text: str) -> bool:
    """Return whether a text is a whole commit id."""
    return _COMMIT.fullmatch(text) is not None


def credentials(environ: Iterable[str]) -> dict[str, str]:
    """Return the credentials for git that are set: the daemon's name of each -> the variable's.

    The names of variables count in any case of letters, as in the reference.
    """
    names = sorted(environ)
    return {
        secret: name
        for variable, secret in _CREDENTIALS.items()
        for name in names
        if name.upper() == variable
    }


def host_of(text: str) -> str:
    """Return the host of a URL or git reference, as written; empty if there is none."""
    scp = _SCP.fullmatch(text)
    if scp is not None:
        return scp[2]
    try:
        found = urlsplit(f"https://{text}" if text.startswith(_SHORTHAND) else text).netloc
    except ValueError:
        return ""
    return found.rpartition("@")[2]


def inside(url: str, path: str) -> str:
    """Return a definition's URL with a directory of its tree: ``URL#[REF]:PATH``.

    What the URL says of the directory is the root of the tree, so the path is joined to it. A
    query is kept; without one the reference in the fragment is.

    Args:
        url: A git reference, or the URL of an archive.
        path: Relative to the tree's root; absolute paths are, too.
    """
    base, _, fragment = url.partition("#")
    ref, _, root = fragment.partition(":")
    base, mark, query = base.partition("?")
    if mark and is_git(url):
        pairs = parse_qsl(query, keep_blank_values=True)
        root = root or dict(pairs).get("subdir", "")
        # One place only may name the directory.
        query = urlencode([pair for pair in pairs if pair[0] != "subdir"], safe="/:")
    if root:
        path = posixpath.normpath(posixpath.join(root, path.lstrip("/")))
    start = f"{base}?{query}" if query else base
    return f"{start}#{ref}:{path}" if path != "." else f"{start}#{ref}".removesuffix("#")


def _parts(text: str) -> tuple[str, str, str, str, str]:
    """Return remote, scheme, host, query and fragment."""
    if scp := _SCP.fullmatch(text):
        if text.startswith("-") or scp[2].startswith("-"):
            raise _wrong(text, "a user or host starts with a dash")
        return scp[1], "ssh", scp[2], scp[3] or "", scp[4] or ""
    try:
        url = urlsplit(f"https://{text}" if text.startswith(_SHORTHAND) else text)
        host = url.hostname
        _ = url.port  # raises if it is none
    except ValueError as error:
        raise _wrong(text, str(error)) from error
    if not host or host.startswith("-") or (url.username or "").startswith("-"):
        raise _wrong(text, "it has no proper host")
    scheme, netloc = url.scheme.lower(), url.netloc
    remote = f"{scheme}://{netloc}{url.path}"
    return remote, scheme, netloc.rpartition("@")[2], url.query, unquote(url.fragment)


def _settings(text: str, query: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in _BOOLEANS and key not in _TEXTS:
            raise _wrong(text, f"unexpected query {key!r}")
        if key in found:
            raise _wrong(text, f"query {key!r} has multiple values")
        if not value and key not in _BOOLEANS:
            raise _wrong(text, f"query {key!r} has no value")
        found[key] = value
    if found.get("mtime", "commit") not in {"commit", "checkout"}:
        raise _wrong(text, "mtime is 'commit' or 'checkout'")
    for key in _BOOLEANS & found.keys():
        try:
            boolean(found[key] or "true", key)
        except DefinitionError as error:
            raise _wrong(text, error.summary) from error
    return found


def _flag(settings: Mapping[str, str], key: str, *, default: bool) -> bool:
    return boolean(settings[key] or "true", key) if key in settings else default


def _named(text: str, ref: str, settings: Mapping[str, str]) -> str:
    tag, branch = settings.get("tag", ""), settings.get("branch", "")
    if tag and branch:
        raise _wrong(text, "branch conflicts with tag")
    if tag:
        return _agreed(text, "ref", ref, _TAG + tag.removeprefix(_TAG))
    if branch:
        return _agreed(text, "ref", ref, _BRANCH + branch.removeprefix(_BRANCH))
    return ref


def _agreed(text: str, what: str, one: str, other: str) -> str:
    if one and other and one != other:
        raise _wrong(text, f"{what} conflicts: {one!r} and {other!r}")
    return one or other


def _check(text: str, ref: str, checksum: str) -> None:
    if ref and not _REF.fullmatch(ref):
        raise _wrong(text, f"{ref!r} can be no branch, tag or commit")
    if checksum and not _HEXADECIMAL.fullmatch(checksum):
        raise _wrong(text, f"the checksum {checksum!r} is no commit")


def _wrong(text: str, reason: str) -> DefinitionError:
    return DefinitionError(
        f"invalid git reference {redact_text(text)!r}",
        detail=f"{reason[:1].upper()}{reason[1:]}.",
        hint="write URL.git#REF:SUBDIR, or a query with ref, tag, branch, subdir, checksum",
    )
