"""The options that say how results are published."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from bakex.cli import options as o

if TYPE_CHECKING:
    from bakex.model.publication import PublishPolicy

_ALL, _EACH = "all", "each"


Expect = Annotated[
    o.Texts,
    typer.Option(
        "--expect-digest",
        metavar="REF=DIGEST",
        help="Move a tag only from there; also =none, =any; repeatable.",
    ),
]
Immutable = Annotated[
    o.Texts,
    typer.Option(
        "--immutable-tags",
        metavar="PATTERN",
        help="Never move tags like this once they exist, such as 'v*'; repeatable.",
    ),
]
Verify = Annotated[
    str,
    typer.Option(
        "--verify",
        metavar="MODE",
        help="Which files must fit their platform: off, entrypoint, bin or full.",
    ),
]


# No "from __future__ import annotations" here: Typer reads the options off these annotations.
class Publishing(NamedTuple):
    """How, and under which conditions, tags move."""

    publish: Annotated[
        str,
        typer.Option(
            "--publish",
            metavar="all|each",
            help="Move all tags at the end, or each target's tags when it is done.",
        ),
    ] = _ALL
    rollback: Annotated[
        bool | None,
        typer.Option(
            "--rollback/--no-rollback",
            help="Put moved tags back if one cannot be moved; the default with --publish all.",
        ),
    ] = None
    expect_digest: Expect = None
    immutable_tags: Immutable = None
    verify: Verify = ""

    def policy(self) -> "PublishPolicy":
        """Return what the options say.

        Raises:
            UsageError: One has a value that it cannot have.
        """
        from bakex.errors import UsageError  # noqa: PLC0415 - start-up budget

        if self.publish not in {_ALL, _EACH}:
            raise UsageError(
                f"invalid --publish {self.publish!r}", hint="use --publish all or --publish each"
            )
        each = self.publish == _EACH
        return _policy(
            each=each,
            rollback=not each if self.rollback is None else self.rollback,
            expect=self.expect_digest,
            immutable=self.immutable_tags,
            verify=self.verify,
        )


class Moving(NamedTuple):
    """Under which conditions tags move that do so all at once."""

    rollback: Annotated[
        bool,
        typer.Option(
            "--rollback/--no-rollback", help="Put moved tags back if one cannot be moved."
        ),
    ] = True
    expect_digest: Expect = None
    immutable_tags: Immutable = None

    def policy(self, verify: str = "") -> "PublishPolicy":
        """Return what the options say.

        Args:
            verify: Which files must fit their platform, where there is an option for that.

        Raises:
            UsageError: One has a value that it cannot have.
        """
        return _policy(
            each=False,
            rollback=self.rollback,
            expect=self.expect_digest,
            immutable=self.immutable_tags,
            verify=verify,
        )


def _policy(
    *, each: bool, rollback: bool, expect: o.Texts, immutable: o.Texts, verify: str = ""
) -> "PublishPolicy":
    from bakex.model.publication import Expectation, PublishPolicy  # noqa: PLC0415 - start-up budget
    from bakex.model.verification import Mode  # noqa: PLC0415 - start-up budget

    return PublishPolicy(
        each=each,
        rollback=rollback,
        expect=tuple(Expectation.parse(text) for text in expect or ()),
        immutable=tuple(immutable or ()),
        verify=Mode.parse(verify) if verify else None,
    )
