"""`bakex login`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()

_EXAMPLES = """Examples:

\b
  bakex login ghcr.io                          asks for name and password
  bakex login ghcr.io -u me --password-stdin < password
  bakex login ghcr.io -u bot --password-stdin --scope team/app@pull,push

What is kept is docker's: docker, podman, skopeo, crane and oras use it, too.
"""

_SCOPE = "For one repository only, or for some actions there."


@app.command("login", epilog=_EXAMPLES)
def login(
    context: typer.Context,
    *,
    registry: Annotated[
        str, typer.Argument(metavar="[REGISTRY]", help="A host; Docker Hub if not given.")
    ] = "",
    username: Annotated[str, typer.Option("--username", "-u", metavar="NAME", help="Who.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    identity_token_stdin: Annotated[
        bool,
        typer.Option(
            "--identity-token-stdin", help="Read an identity token from there, in its place."
        ),
    ] = False,
    scope: Annotated[str, typer.Option(metavar="REPOSITORY[@ACTION,...]", help=_SCOPE)] = "",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Try it with plain HTTP and unverified TLS.")
    ] = False,
    debug: o.Debug = False,
) -> None:
    """Log in to a registry; what it does not accept is not kept."""
    from bakex.api.login import Place  # noqa: PLC0415 - not for --help
    from bakex.cli import accounts  # noqa: PLC0415 - not for --help

    run = invocation(context.obj, debug=debug)
    place = Place.parse(registry, scope)
    name, secret = accounts.credentials(
        username, password_stdin=password_stdin, token_stdin=identity_token_stdin
    )
    put(accounts.login(run, place, name, secret, insecure=insecure))
