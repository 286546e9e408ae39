"""Services as targets: what each key of ``build`` means to bake (specification 4.3).

Source: docker/buildx bake/compose.go, ``ParseCompose``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex._util import units
from bakex.bake.compose import xbake
from bakex.bake.compose.interpolation import boolean
from bakex.bake.compose.problems import refusal
from bakex.bake.merge import Draft
from bakex.bake.problems import placed
from bakex.bake.yaml.nodes import Mapping, Scalar, Sequence, is_null
from bakex.bake.yaml.scalars import written
from bakex.errors import EvaluationError
from bakex.model.attestations import Attestation
from bakex.model.caches import CacheEntry
from bakex.model.secrets import Secret
from bakex.model.ssh import Ssh
from bakex.model.ulimits import Ulimit

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Dict

    from bakex.bake.compose.problems import Path, Warnings
    from bakex.bake.merge import Value as Setting
    from bakex.bake.yaml.nodes import YamlNode
    from bakex.diagnostics import Span

_TEXTS = {
    "context": "context",
    "dockerfile": "dockerfile",
    "dockerfile_inline": "dockerfile-inline",
    "target": "target",
    "network": "network",
}
_LISTS = {"tags": "tags", "platforms": "platforms", "no_cache_filter": "no-cache-filter"}
_CACHES = {"cache_from": "cache-from", "cache_to": "cache-to"}
_FLAGS = {"no_cache": "no-cache", "pull": "pull"}
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


class Reader:
    """Turns services of a project into drafts of targets."""

    def __init__(
        self, secrets: Dict[str, YamlNode], environment: Dict[str, str], warnings: Warnings
    ) -> None:
        """Nothing is looked at yet.

        Args:
            secrets: Those of the project.
            environment: Its variables.
            warnings: Takes what is odd.
        """
        self._secrets = secrets
        self._environment = environment
        self._warnings = warnings

    def draft(self, name: str, service: Mapping, environment: Dict[str, str | None]) -> Draft:
        """Return what a service with ``build`` says about its target.

        Args:
            name: Of the service.
            service: In its long form, checked.
            environment: The variables of the service; None for those without a value.

        Raises:
            DefinitionError: A value that the attribute cannot have.
        """
        build = service.get("build")
        if not isinstance(build, Mapping):
            raise refusal(("services", name), "there is no build", service)
        draft = _Draft(("services", name, "build"), build)
        draft.plain()
        draft.set("args", "args", lambda node: self._args(node, environment))
        draft.set("labels", "labels", _labels)
        draft.set("contexts", "additional_contexts", _contexts)
        draft.set("extra-hosts", "extra_hosts", _hosts)
        draft.set("ulimits", "ulimits", _ulimits)
        draft.set("shm-size", "shm_size", _size)
        draft.set("secret", "secrets", self._build_secrets)
        draft.set("ssh", "ssh", _ssh)
        for key, attribute in _FLAGS.items():
            draft.set(attribute, key, self._flag)
        draft.attest()
        extension = build.get("x-bake")
        if extension is not None and not is_null(extension):
            with placed(extension, "x-bake"):
                xbake.add(extension, draft.values, draft.spans)
        image = service.get("image")
        if not draft.values.get("tags") and isinstance(image, Scalar) and image.value:
            draft.values["tags"] = (str(image.value),)
            draft.spans["tags"] = image.span
        return Draft(values=draft.values, spans=draft.spans)

    def _args(self, node: YamlNode, environment: Dict[str, str | None]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in pairs(node).items():
            given = environment.get(name) if value is None else value
            given = self._environment.get(name) if given is None else given
            if given is not None:
                found[name] = given
        return found

    def _flag(self, node: YamlNode) -> bool | None:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, str):
            if value.lower() not in {"true", "false"}:
                self._warnings.add(f"{value!r} for a boolean", node, "write true or false")
            value = boolean(value)
        # False cannot be told from unset in the reference.
        return True if value else None

    def _build_secrets(self, node: YamlNode) -> tuple[Secret, ...]:
        found: dict[str, Secret] = {}
        for item in node.items if isinstance(node, Sequence) else ():
            source = item.get("source") if isinstance(item, Mapping) else None
            name = str(source.value) if isinstance(source, Scalar) else ""
            secret = self._secrets.get(name)
            if not isinstance(secret, Mapping):
                raise EvaluationError(
                    f"there is no secret {name!r}",
                    hint="define it under secrets:",
                    span=item.span,
                    source=item.source.text,
                )
            if is_external(secret):
                raise EvaluationError(
                    f"the secret {name!r} is external",
                    hint="name a file or a variable instead",
                    span=item.span,
                    source=item.source.text,
                )
            src, env = (text_of(secret.get(key)) for key in ("file", "environment"))
            found[name] = Secret(id=name, src=src, env=env)
        return tuple(found.values())


class _Draft:
    """A draft while it is made.

    Attributes:
        values: Attribute -> value.
        spans: Attribute -> where it is written.
    """

    def __init__(self, path: Path, build: Mapping) -> None:
        self._path = path
        self._build = build
        self.values: dict[str, Setting] = {}
        self.spans: dict[str, Span] = {}

    def set(self, attribute: str, key: str, read: Callable[[YamlNode], Setting | None]) -> None:
        """Set an attribute to what a key says, unless that is nothing."""
        node = self._build.get(key)
        if node is None:
            return
        with placed(node, ".".join((*self._path, key))):
            value = read(node)
        if value not in (None, "", (), {}):
            self.values[attribute] = value
            self.spans[attribute] = node.span

    def plain(self) -> None:
        """Set the attributes that are texts and lists of texts."""
        for key, attribute in _TEXTS.items():
            self.set(attribute, key, text_of)
        for key, attribute in _LISTS.items():
            self.set(attribute, key, texts_of)
        for key, attribute in _CACHES.items():
            self.set(attribute, key, _caches)

    def attest(self) -> None:
        """Set the attestations."""
        found: list[Attestation] = []
        for kind in ("sbom", "provenance"):
            node = self._build.get(kind)
            if node is None:
                continue
            with placed(node, ".".join((*self._path, kind))):
                found += _attestation(kind, text_of(node))
            self.spans["attest"] = node.span
        if found:
            self.values["attest"] = tuple(found)


def text_of(node: YamlNode | None) -> str:
    """Return a scalar as text, empty for anything else."""
    return written(node.value) if isinstance(node, Scalar) else ""


def texts_of(node: YamlNode) -> tuple[str, ...]:
    """Return the elements of a list as texts; a single text is a list of one."""
    if isinstance(node, Sequence):
        return tuple(text_of(item) for item in node.items)
    return (text_of(node),)


def pairs(node: YamlNode | None) -> dict[str, str | None]:
    """Return a mapping, or a list of ``key=value``; the value is None where there is none."""
    found: dict[str, str | None] = {}
    if isinstance(node, Mapping):
        for key, value in node:
            found[key] = None if is_null(value) else text_of(value)
    elif isinstance(node, Sequence):
        for item in node.items:
            key, equals, text = text_of(item).partition("=")
            found[key] = text if equals else None
    return found


def is_external(secret: Mapping) -> bool:
    """Return whether a secret of the project is made elsewhere."""
    node = secret.get("external")
    value = node.value if isinstance(node, Scalar) else False
    if isinstance(value, str):
        with placed(secret):
            return boolean(value)
    return bool(value)


def _labels(node: YamlNode) -> dict[str, str]:
    return {key: value or "" for key, value in pairs(node).items()}


def _contexts(node: YamlNode) -> dict[str, str]:
    return {key: xbake.named_context(text or "") for key, text in pairs(node).items()}


def _hosts(node: YamlNode) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    if isinstance(node, Mapping):
        for key, value in node:
            found[key] = list(texts_of(value))
    else:
        for text in texts_of(node):
            separator = "=" if "=" in text else ":"
            host, given, address = text.partition(separator)
            if not given:
                raise EvaluationError(f"{text!r} has no address", hint="write HOST=ADDRESS")
            found.setdefault(host, []).append(address)
    for host in found:
        if not host or set(host) & set(":="):
            raise EvaluationError(f"{host!r} is no name of a host")
    return {host: ",".join(map(_unbracketed, found[host])) for host in found}


def _unbracketed(address: str) -> str:
    return address[1:-1] if len(address) > 2 and address[0] + address[-1] == "[]" else address


def _ulimits(node: YamlNode) -> tuple[str, ...]:
    found: list[str] = []
    for name, value in sorted(node if isinstance(node, Mapping) else ()):
        soft = hard = text_of(value)
        if isinstance(value, Mapping):
            soft, hard = text_of(value.get("soft")), text_of(value.get("hard"))
        with placed(value):
            found.append(Ulimit.parse(f"{name}={soft}:{hard}").format())
    return tuple(found)


def _size(node: YamlNode) -> str:
    value = node.value if isinstance(node, Scalar) else None
    try:
        size = value if isinstance(value, int) else units.parse_size(text_of(node))
    except ValueError as error:
        raise EvaluationError(
            f"{text_of(node)!r} is no size", hint="write a number and k, m or g"
        ) from error
    if size <= 0:
        return ""
    # The reference rounds to four digits; where that is not exact, here it is the bytes.
    rounded = _human(size)
    return rounded if units.parse_size(rounded) == size else str(size)


def _human(size: int) -> str:
    amount, power = float(size), 0
    while amount >= 1024 and power < len(_BINARY) - 2:
        amount, power = amount / 1024, power + 1
    return f"{amount:.4g}{_BINARY[power]}"


def _caches(node: YamlNode) -> tuple[CacheEntry, ...]:
    found: list[CacheEntry] = []
    for text in filter(None, texts_of(node)):
        found += CacheEntry.parse(text)
    return tuple(found)


def _ssh(node: YamlNode) -> tuple[Ssh, ...]:
    entries = [Ssh(id=name, paths=(path,) if path else ()) for name, path in pairs(node).items()]
    return tuple(sorted(entries, key=lambda entry: (entry.id, entry.paths)))


def _attestation(kind: str, text: str) -> tuple[Attestation, ...]:
    if not text:
        return ()
    if text in {"1", "t", "T", "TRUE", "true", "True"}:
        return (Attestation(type=kind),)
    if text in {"0", "f", "F", "FALSE", "false", "False"}:
        return (Attestation(type=kind, disabled=True),)
    return Attestation.parse(f"type={kind},{text}")
