"""Flags of ``bake`` that are another spelling of ``--set`` (spec/bake-file 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bakex._util import csvfields
from bakex.errors import DefinitionError, UsageError
from bakex.model.fields import boolean
from bakex.model.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence


class Flags(NamedTuple):
    """What was given; None and empty mean "not given".

    Attributes:
        set: ``--set`` itself.
        platform: Platforms, each as given; replace those of every target.
        device: The device that every target is for.
        output: Outputs, each as given; replace those of every target.
        call: ``--call``; ``--check`` is ``check`` here.
        sbom: A boolean or the attributes of the attestation.
        provenance: Likewise.
    """

    set: Sequence[str] = ()
    push: bool = False
    load: bool = False
    call: str = ""
    no_cache: bool | None = None
    pull: bool | None = None
    sbom: str = ""
    provenance: str = ""
    policy: Sequence[str] = ()
    platform: Sequence[str] = ()
    device: str = ""
    output: Sequence[str] = ()


def as_overrides(flags: Flags) -> tuple[str, ...]:
    """Return the ``--set`` options that flags stand for, in the order in which they count.

    That is: ``--set`` first, then push, load, call, no-cache, pull, sbom, provenance and policy as
    in the reference, then platform, device and output.

    Raises:
        UsageError: A flag whose value it cannot have.
    """
    found = list(flags.set)
    found += ["*.push=true"] if flags.push else []
    found += ["*.load=true"] if flags.load else []
    found += _call(flags.call)
    for key, value in (("no-cache", flags.no_cache), ("pull", flags.pull)):
        found += [] if value is None else [f"*.{key}={str(value).lower()}"]
    for kind, text in (("sbom", flags.sbom), ("provenance", flags.provenance)):
        found += [f"*.attest={_attestation(kind, text)}"] if text else []
    found += _policies(flags.policy)
    found += [f"*.platform={text}" for text in flags.platform]
    found += [f"*.device={flags.device}"] if flags.device else []
    found += [f"*.output={text}" for text in flags.output]
    return tuple(found)


def variables(texts: Sequence[str]) -> dict[str, str]:
    """Read ``--var NAME=VALUE`` options; the last one of a name counts, empty ones do not.

    Raises:
        UsageError: No ``=``, or nothing before it.
    """
    found: dict[str, str] = {}
    for text in filter(None, texts):
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(f"invalid variable {name!r}", hint="write --var NAME=VALUE")
        found[name] = value
    return found


def _call(text: str) -> list[str]:
    if not text:
        return []
    from bakex.model.call import Call  # noqa: PLC0415 - start-up: most runs call nothing

    try:
        call = Call.parse(text)
    except DefinitionError as error:
        raise UsageError(f"--call: {error.summary}", hint=error.hint) from error
    return [f"*.call={call.name}"] if call.name else []


def _attestation(kind: str, text: str) -> str:
    try:
        wanted = boolean(text, kind)
    except DefinitionError:
        return f"type={kind},{text}"
    return f"type={kind}" if wanted else f"type={kind},disabled=true"


def _policies(texts: Sequence[str]) -> list[str]:
    found: list[str] = []
    for text in filter(None, texts):
        try:
            (policy,) = Policy.parse(text)
            keys = {key for key, _ in csvfields.pairs(text)}
        except DefinitionError as error:
            raise UsageError(f"--policy: {error.summary}", hint=error.hint) from error
        if "filename" in keys or "reset" in keys:
            raise UsageError(
                "--policy takes neither 'filename' nor 'reset'",
                hint="name policy files in the bake file",
            )
        if policy.disabled and len(keys) > 1:
            raise UsageError("--policy disabled=true stands alone")
        found.append(f"*.policy={text}")
    if len(found) > 1 and any("disabled" in text for text in found):
        raise UsageError("--policy disabled=true stands alone")
    return found
