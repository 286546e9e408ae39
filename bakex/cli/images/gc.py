"""`bakex image gc`."""

from pathlib import Path
from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()

_EXAMPLES = """Examples:

\b
  bakex image gc ghcr.io/acme/app
  bakex image gc ghcr.io/acme/app --delete-tags 'pr-*' --older-than 30d --apply
  bakex image gc oci:dist --apply
"""


@app.command("gc", epilog=_EXAMPLES)
def gc(
    context: typer.Context,
    place: Annotated[
        str, typer.Argument(metavar="REPOSITORY|oci:DIR", help="What to clean, as a whole.")
    ],
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Remove it, instead of telling.")] = False,
    delete_tags: Annotated[
        o.Texts,
        typer.Option(
            "--delete-tags",
            metavar="PATTERN",
            help="Remove tags like this, with what only they lead to; repeatable.",
        ),
    ] = None,
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than", metavar="DURATION", help="Only tags of images older than that: 30d."
        ),
    ] = "",
    keep_untagged_for: Annotated[
        str,
        typer.Option(
            "--keep-untagged-for",
            metavar="DURATION",
            help="Keep what lost its tag, or was written, less than that ago; 1h.",
        ),
    ] = "",
    candidates: Annotated[
        Path | None,
        typer.Option(
            "--candidates",
            metavar="FILE",
            help="Digests to remove if nothing leads to them, one a line; - for standard input.",
        ),
    ] = None,
    insecure: o.Insecure = False,
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """Remove what no tag, no index and no referrer leads to; tells only, unless --apply."""
    from bakex.cli.collecting import collected, wishes  # noqa: PLC0415 - not for --help
    from bakex.cli.imaging import run  # noqa: PLC0415 - not for --help
    from bakex.cli.keeping import as_json  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    json = as_json(format_)
    wanted = wishes(
        call.backend.clock().now(),
        delete_tags=delete_tags or (),
        older_than=older_than,
        keep_untagged_for=keep_untagged_for,
        candidates=candidates,
    )
    put(run(call, collected(place, wanted, apply=apply, as_json=json), insecure=insecure))
