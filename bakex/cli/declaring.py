"""From options to a declared node: what `bakex node add` says about one."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from bakex.cli import options as o

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bakex.nodes.declared import DeclaredNode, DeclaredTls


# No "from __future__ import annotations" here: Typer reads the options off these annotations.
class Properties(NamedTuple):
    """The options of a node."""

    builder: Annotated[str, typer.Argument(metavar="BUILDER", help="The builder.")]
    endpoint: Annotated[
        str, typer.Argument(metavar="ENDPOINT", help="An address, a docker context or private.")
    ]
    name: Annotated[str, typer.Option("--name", help="Its name; made of the endpoint if none.")] = (
        ""
    )
    platform: Annotated[
        o.Texts,
        typer.Option("--platform", metavar="OS/ARCH,...", help="Use it for these only."),
    ] = None
    label: Annotated[
        o.Texts, typer.Option("--label", metavar="KEY=VALUE", help="For targets; repeatable.")
    ] = None
    option: Annotated[
        o.Texts,
        typer.Option(
            "--option",
            metavar="KEY=VALUE",
            help="Of a container or a pod, as image=...; repeatable.",
        ),
    ] = None
    max_jobs: Annotated[
        int, typer.Option("--max-jobs", min=0, help="Builds of one platform at once.")
    ] = 0
    weight: Annotated[
        int, typer.Option("--weight", min=0, help="Its share among nodes that do as well.")
    ] = 1
    ca: Annotated[
        str, typer.Option("--ca", metavar="FILE", help="The authority's certificate.")
    ] = ""
    cert: Annotated[str, typer.Option("--cert", metavar="FILE", help="The client's one.")] = ""
    key: Annotated[str, typer.Option("--key", metavar="FILE", help="The client's key.")] = ""
    server_name: Annotated[
        str, typer.Option("--server-name", help="The name in the server's certificate.")
    ] = ""
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Refuse it if it does not answer.")
    ] = True
    debug: o.Debug = False

    def declared(self, cwd: "Path") -> "DeclaredNode":
        """Return the node; names of files become absolute.

        Raises:
            UsageError: An option that cannot be read.
            DefinitionError: A malformed platform.
        """
        from bakex.model.platform import Platform, split_platforms  # noqa: PLC0415 - start-up
        from bakex.nodes.declared import DeclaredNode  # noqa: PLC0415 - start-up budget

        words = split_platforms(self.platform or ())
        return DeclaredNode(
            endpoint=self.endpoint,
            options=_pairs("--option", self.option or ()),
            tls=self._tls(cwd),
            platforms=tuple(dict.fromkeys(Platform.parse(word) for word in words)),
            labels=_pairs("--label", self.label or ()),
            max_jobs=self.max_jobs,
            weight=self.weight,
        )

    def _tls(self, cwd: "Path") -> "DeclaredTls | None":
        from bakex.nodes.declared import DeclaredTls  # noqa: PLC0415 - start-up budget

        files = {"ca": self.ca, "cert": self.cert, "key": self.key}
        named = {name: str(cwd / file) for name, file in files.items() if file}
        if not named and not self.server_name:
            return None
        return DeclaredTls(**named, server_name=self.server_name)


def _pairs(option: str, texts: "Sequence[str]") -> "tuple[tuple[str, str], ...]":
    from bakex.errors import UsageError  # noqa: PLC0415 - start-up budget

    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            raise UsageError(f"{option} {text}: this is not KEY=VALUE")
        found[key] = value
    return tuple(sorted(found.items()))
