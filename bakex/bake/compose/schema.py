"""What may be in the parts of a compose file that bake reads, and of which type.

Unknown keys of ``build`` are errors, of services not; behaviour: compose-spec.json and the
reference's filter in bake/compose.go. All findings are reported, not only the first.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex._util.suggest import closest
from bakex.bake.compose.problems import refusal
from bakex.bake.yaml.nodes import Mapping, Scalar, Sequence
from bakex.bake.yaml.scalars import Time

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Dict

    from bakex.bake.compose.loading import Model
    from bakex.bake.compose.problems import Path
    from bakex.bake.yaml.nodes import YamlNode
    from bakex.errors import EvaluationError

_NAME = re.compile(r"[a-zA-Z0-9._-]+")
_ANYTHING = (str, int, float, bool, Time, type(None))


def check(model: Model) -> None:
    """Check services and secrets.

    Raises:
        EvaluationError: Something has the wrong type, or a key or name that it cannot have; carries
            a finding for each.
    """
    checker = _Checker()
    for name, service in (model.services or {}).items():
        checker.name(("services",), name, service)
        checker.keys(service, ("services", name), _SERVICE)
    for name, secret in (model.secrets or {}).items():
        checker.name(("secrets",), name, secret)
        checker.mapping(secret, ("secrets", name), _SECRET)
    checker.settle()


class _Checker:
    """Collects findings."""

    def __init__(self) -> None:
        self._errors: list[EvaluationError] = []

    def settle(self) -> None:
        """Raise what was found, if anything."""
        if self._errors:
            first, *others = self._errors
            first.more = tuple(found for error in others for found in error.diagnostics())
            raise first

    def wrong(self, path: Path, what: str, node: YamlNode, hint: str = "") -> None:
        """Note a finding."""
        self._errors.append(refusal(path, what, node, hint=hint))

    def name(self, path: Path, name: str, node: YamlNode) -> None:
        """Check the name of a service or secret."""
        if not _NAME.fullmatch(name):
            self.wrong(path, f"invalid name {name!r}", node, "use letters, digits, '.', '_', '-'")

    def keys(self, node: Mapping, path: Path, known: Dict[str, Check]) -> None:
        """Check the values under known keys."""
        for key, value in node:
            if key in known:
                known[key](self, value, (*path, key))

    def mapping(self, node: YamlNode, path: Path, known: Dict[str, Check]) -> None:
        """Check a mapping that has known keys only, and those of extensions."""
        if not isinstance(node, Mapping):
            self.wrong(path, "a mapping is required", node)
            return
        for key, (name, _) in node.entries.items():
            if key not in known and not key.startswith("x-"):
                near = closest(key, known)
                self.wrong(
                    path, f"unknown key {key!r}", name, f"did you mean {near!r}?" if near else ""
                )
        self.keys(node, path, known)

    def type(self, node: YamlNode, path: Path, types: tuple[type, ...], what: str) -> None:
        """Check the type of a scalar; a boolean is no number."""
        if not isinstance(node, Scalar) or type(node.value) not in types:
            self.wrong(path, f"{what} is required", node, _hint(node))

    def listed(self, node: YamlNode, path: Path, check: Check) -> None:
        """Check the elements of a list."""
        if not isinstance(node, Sequence):
            self.wrong(path, "a list is required", node)
            return
        for index, item in enumerate(node.items):
            check(self, item, (*path, str(index)))


if TYPE_CHECKING:
    Check = Callable[[_Checker, YamlNode, Path], None]


def _hint(node: YamlNode) -> str:
    quotable = isinstance(node, Scalar) and node.value is not None and node.value != node.text
    return "put it in quotes" if quotable else ""


def _text(checker: _Checker, node: YamlNode, path: Path) -> None:
    checker.type(node, path, (str,), "a text")


def _texts(checker: _Checker, node: YamlNode, path: Path) -> None:
    checker.listed(node, path, _text)


def _flag(checker: _Checker, node: YamlNode, path: Path) -> None:
    checker.type(node, path, (bool, str), "true or false")


def _attestation(checker: _Checker, node: YamlNode, path: Path) -> None:
    checker.type(node, path, (bool, str, int), "true, false or a text")


def _size(checker: _Checker, node: YamlNode, path: Path) -> None:
    checker.type(node, path, (int, str), "a size")


def _number(checker: _Checker, node: YamlNode, path: Path) -> None:
    checker.type(node, path, (int,), "an integer")


def _pairs(checker: _Checker, node: YamlNode, path: Path) -> None:
    if isinstance(node, Sequence):
        seen: set[str] = set()
        for item in node.items:
            _text(checker, item, path)
            text = item.value if isinstance(item, Scalar) else None
            if isinstance(text, str) and text in seen:
                checker.wrong(path, f"{text!r} is there twice", item, "remove one of the two")
            seen.add(text if isinstance(text, str) else "")
        return
    if not isinstance(node, Mapping):
        checker.wrong(path, "a mapping or a list is required", node)
        return
    for key, (name, value) in node.entries.items():
        if not key:
            checker.wrong(path, "a key is empty", name)
        checker.type(value, (*path, key), _ANYTHING, "a text, a number or a boolean")


def _contexts(checker: _Checker, node: YamlNode, path: Path) -> None:
    for key, value in node if isinstance(node, Mapping) else ():
        _text(checker, value, (*path, key))


def _hosts(checker: _Checker, node: YamlNode, path: Path) -> None:
    if not isinstance(node, Mapping):
        _pairs(checker, node, path)
        return
    for key, value in node:
        if isinstance(value, Sequence):
            checker.listed(value, (*path, key), _text)
        else:
            _text(checker, value, (*path, key))


def _build_secret(checker: _Checker, node: YamlNode, path: Path) -> None:
    checker.mapping(node, path, _BUILD_SECRET)


def _build_secrets(checker: _Checker, node: YamlNode, path: Path) -> None:
    checker.listed(node, path, _build_secret)


def _mode(checker: _Checker, node: YamlNode, path: Path) -> None:
    checker.type(node, path, (int, float, str), "a number or a text")


def _ulimits(checker: _Checker, node: YamlNode, path: Path) -> None:
    if not isinstance(node, Mapping):
        checker.wrong(path, "a mapping is required", node, "write nofile: 1024")
        return
    for name, value in node:
        if not isinstance(value, Mapping):
            continue
        checker.mapping(value, (*path, name), _ULIMIT)
        for key in ("soft", "hard"):
            if key not in value.entries:
                checker.wrong((*path, name), f"{key} is missing", value)


def _env_file(checker: _Checker, node: YamlNode, path: Path) -> None:
    def entry(inner: _Checker, item: YamlNode, place: Path) -> None:
        inner.mapping(item, place, _ENV_FILE)
        if isinstance(item, Mapping) and "path" not in item.entries:
            inner.wrong(place, "path is missing", item)

    checker.listed(node, path, entry)


def _build(checker: _Checker, node: YamlNode, path: Path) -> None:
    checker.mapping(node, path, _BUILD)


def _external(checker: _Checker, node: YamlNode, path: Path) -> None:
    checker.type(node, path, (bool, str), "true or false")


def _any(checker: _Checker, node: YamlNode, path: Path) -> None:
    """Allow anything."""


_BUILD: Dict[str, Check] = MappingProxyType(
    {
        "context": _text,
        "dockerfile": _text,
        "dockerfile_inline": _text,
        "entitlements": _texts,
        "args": _pairs,
        "ssh": _pairs,
        "labels": _pairs,
        "cache_from": _texts,
        "cache_to": _texts,
        "no_cache": _flag,
        "no_cache_filter": _any,
        "additional_contexts": _contexts,
        "network": _text,
        "provenance": _attestation,
        "sbom": _attestation,
        "pull": _flag,
        "target": _text,
        "shm_size": _size,
        "extra_hosts": _hosts,
        "isolation": _text,
        "privileged": _flag,
        "secrets": _build_secrets,
        "tags": _texts,
        "ulimits": _ulimits,
        "platforms": _texts,
    }
)
_SERVICE: Dict[str, Check] = MappingProxyType(
    {"image": _text, "build": _build, "environment": _pairs, "env_file": _env_file}
)
_ENV_FILE: Dict[str, Check] = MappingProxyType({"path": _text, "format": _text, "required": _flag})
_ULIMIT: Dict[str, Check] = MappingProxyType({"soft": _number, "hard": _number})
_BUILD_SECRET: Dict[str, Check] = MappingProxyType(
    {"source": _text, "target": _text, "uid": _text, "gid": _text, "mode": _mode}
)
_SECRET: Dict[str, Check] = MappingProxyType(
    {
        "name": _text,
        "environment": _text,
        "file": _text,
        "external": _external,
        "labels": _pairs,
        "driver": _text,
        "driver_opts": _any,
        "template_driver": _text,
    }
)
