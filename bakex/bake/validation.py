"""What must hold for a resolved target before anything is built, as far as text tells.

The same checks run for ``--print``, as in the reference. What needs the file system or the
environment is in `bakex.sources.inputs`. Source: spec/bake-file 3.1.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from bakex._util.units import parse_duration, parse_size
from bakex.bake.problems import prefix
from bakex.errors import DefinitionError, UsageError
from bakex.model import resources
from bakex.model.outputs import STDOUT
from bakex.model.platform import Platform, is_known, split_platforms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bakex.bake.merge import Draft
    from bakex.model.outputs import Output
    from bakex.model.target import Target

LOCAL_PLATFORM = "local"
MOST_RETRIES = 100  # more of them hide what should be mended


def validated(name: str, draft: Draft, sources: Mapping[str, str]) -> Draft:
    """Return a draft with outputs completed, if everything in it can be used.

    Args:
        name: The target's name.
        draft: Merged with its parents, normalised, overrides applied.
        sources: File name -> text, to show the place of what is wrong.

    Raises:
        DefinitionError: Names the attribute and, if the files set it, its place.
    """
    for key, check in _CHECKS.items():
        if key in draft.values:
            _located(name, key, draft, sources, check)
    if "output" not in draft.values:
        return draft
    outputs: list[Output] = []
    _located(name, "output", draft, sources, lambda found: outputs.extend(_outputs(found)))
    values = {**draft.values, "output": tuple(outputs)}
    return replace(draft, values=values)


def _located(
    name: str,
    key: str,
    draft: Draft,
    sources: Mapping[str, str],
    check: Callable[[Draft], None],
) -> None:
    try:
        check(draft)
    except DefinitionError as error:
        prefix(error, f"target {name!r}")
        error.span = draft.spans.get(key)
        error.source = sources.get(error.span.file, "") if error.span else ""
        raise


def check_buildable(targets: Iterable[Target]) -> None:
    """Refuse what the reference prints but cannot build.

    Raises:
        DefinitionError: An image is the main context, of which the reference makes a path.
    """
    for target in targets:
        if any((form.context or "").startswith("docker-image:") for form in target.effective()):
            raise DefinitionError(
                f"target {target.name!r}: an image cannot be the main context",
                hint="name it in contexts, and say FROM or COPY --from= with that name",
            )


def _context(draft: Draft) -> None:
    context = draft.get_text("context")
    if context == STDOUT:
        raise DefinitionError(
            "the context cannot come from standard input", hint="name a directory or a URL"
        )


def _dockerfile(draft: Draft) -> None:
    if draft.get_text("dockerfile") == STDOUT:
        raise DefinitionError(
            "the Dockerfile cannot come from standard input", hint="use dockerfile-inline"
        )


def _platforms(draft: Draft) -> None:
    for text in split_platforms(draft.get_texts("platforms")):
        single = "/" not in text
        if single and text != LOCAL_PLATFORM and not is_known(text):
            raise DefinitionError(
                f"unknown operating system or architecture {text!r}",
                hint="write os/arch or os/arch/variant",
            )
        if not single:
            Platform.parse(text)


def _shm_size(draft: Draft) -> None:
    text = draft.get_text("shm-size")
    try:
        parse_size(text)
    except ValueError as error:
        raise DefinitionError(
            f"invalid shm-size {text!r}", hint="write a size such as 128m"
        ) from error


def _ulimits(draft: Draft) -> None:
    for text in draft.get_texts("ulimits"):
        from bakex.model.ulimits import Ulimit  # noqa: PLC0415 - start-up: most files have none

        Ulimit.parse(text)


def _annotations(draft: Draft) -> None:
    for text in draft.get_texts("annotations"):
        from bakex.model.annotations import Annotation  # noqa: PLC0415 - start-up: most have none

        Annotation.parse(text)


def _resources(draft: Draft) -> None:
    for key, value in draft.get_mapping("resources").items():
        resources.check(key, value)


def _call(draft: Draft) -> None:
    if text := draft.get_text("call"):
        from bakex.model.call import Call  # noqa: PLC0415 - start-up: most files have none

        Call.parse(text)


def _timeout(draft: Draft) -> None:
    if text := draft.get_text("timeout"):
        try:
            parse_duration(text)
        except ValueError as error:
            raise DefinitionError(
                f"invalid timeout {text!r}", hint="write a duration such as 30m or 1h30m"
            ) from error


def _retries(draft: Draft) -> None:
    text = draft.get_text("retries")
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(MOST_RETRIES))
    if text and not (is_number and int(text) <= MOST_RETRIES):
        raise DefinitionError(
            f"invalid retries {text!r}", hint=f"write a number from 0 to {MOST_RETRIES}"
        )


def _verify(draft: Draft) -> None:
    if text := draft.get_text("verify"):
        from bakex.model.verification import Mode  # noqa: PLC0415 - start-up: most files have none

        try:
            Mode.parse(text)
        except UsageError as error:
            raise DefinitionError(error.summary, hint=error.hint) from None


_CHECKS: Mapping[str, Callable[[Draft], None]] = MappingProxyType(
    {
        "context": _context,
        "dockerfile": _dockerfile,
        "annotations": _annotations,
        "platforms": _platforms,
        "shm-size": _shm_size,
        "ulimits": _ulimits,
        "resources": _resources,
        "call": _call,
        "timeout": _timeout,
        "retries": _retries,
        "verify": _verify,
    }
)


def _outputs(draft: Draft) -> tuple[Output, ...]:
    listed = cast("tuple[Output, ...]", draft.get_composites("output"))
    outputs = tuple(output.completed() for output in listed)
    if sum(output.dest == STDOUT for output in outputs) > 1:
        raise DefinitionError(
            "several outputs go to standard output", hint="give all but one of them a file"
        )
    return outputs
