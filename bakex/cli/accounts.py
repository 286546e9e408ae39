"""What `bakex login` and `bakex logout` do: secrets come from where no other program sees them.

A password comes from standard input or from a terminal that does not show it, never from the
command line: that is open to everybody on the machine.
"""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from bakex.cli.failures import shown
from bakex.cli.interrupts import watched
from bakex.cli.streams import say
from bakex.diagnostics import Diagnostic
from bakex.errors import ConfigError, UsageError
from bakex.model.secrets import SecretValue
from bakex.progress.text import clean

if TYPE_CHECKING:
    from bakex.api.login import LoggedIn, Place
    from bakex.cli.backend import Invocation

_MAX_SECRET = 1 << 20  # bytes; tokens have some KiB


def login(
    invocation: Invocation,
    place: Place,
    username: str,
    secret: SecretValue,
    *,
    insecure: bool,
) -> str:
    """Log in, and return the line to print; warnings go to standard error.

    Raises:
        BakexError: It cannot be done, and nothing was kept.
        StoppedError: A signal ended it.
    """
    logins = invocation.backend.logins(invocation.backend.settings())

    async def main() -> str:
        done = await logins.login(place, username, secret, insecure=insecure)
        for warning in _warnings(place, done):
            _warn(warning)
        who = f" as {username}" if username else ""
        return clean(f"logged in to {place}{who}") + "\n"

    with watched() as interrupts:
        return interrupts.run(main)


def logout(invocation: Invocation, place: Place) -> str:
    """Log out, and return the line to print.

    Raises:
        BakexError: It cannot be done.
        StoppedError: A signal ended it.
    """
    logins = invocation.backend.logins(invocation.backend.settings())

    async def main() -> str:
        done = await logins.logout(place)
        for file in done.left:
            _warn(_warning(f"{file} still has credentials for {place.host}"))
        return f"logged out of {place}\n" if done.known else f"not logged in to {place}\n"

    with watched() as interrupts:
        return interrupts.run(main)


def credentials(
    username: str, *, password_stdin: bool, token_stdin: bool
) -> tuple[str, SecretValue]:
    """Return a name and a password, or an empty name and an identity token.

    Raises:
        UsageError: The options do not fit together, or there is nobody to ask.
    """
    if token_stdin:
        if username or password_stdin:
            raise UsageError("--identity-token-stdin goes without a user name and a password")
        return "", _from_stdin()
    if password_stdin:
        if not username:
            raise UsageError("--password-stdin needs a user name", hint="add -u NAME")
        return username, _from_stdin()
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask for the password on",
            hint="write the password to standard input, with -u NAME --password-stdin",
        )
    try:
        name = username or _name()
        # Without a terminal of its own `getpass` would read what is shown; see `isatty` above.
        return name, SecretValue(getpass.getpass("Password: ").encode())
    except EOFError:
        raise UsageError("no password was given") from None


def _name() -> str:
    sys.stderr.write("Username: ")
    sys.stderr.flush()
    name = sys.stdin.readline().strip()
    if not name:
        raise UsageError("no user name was given")
    return name


def _from_stdin() -> SecretValue:
    if sys.stdin.isatty():
        raise UsageError(
            "a secret must not be typed where it is shown",
            hint="leave out --password-stdin to be asked for the password",
        )
    raw = sys.stdin.buffer.read(_MAX_SECRET + 1)
    if len(raw) > _MAX_SECRET:
        raise UsageError(f"standard input has more than {_MAX_SECRET} bytes")
    # One line's end is the work of `echo`; what else stands there may belong to the password.
    return SecretValue(raw.removesuffix(b"\n").removesuffix(b"\r"))


def _warnings(place: Place, done: LoggedIn) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    kept = done.kept
    if not done.proven:
        found.append(_warning(f"{place.host} asks nobody for a login: nothing was checked"))
    if not kept.helper:
        what = "identity token" if done.has_token else "password"
        hint = f"name a credential helper in {kept.file} (credsStore), and log in again"
        found.append(_warning(f"the {what} is kept unencrypted in {kept.file}", hint))
    if done.shadow is not None:
        summary = f"{done.shadow} has credentials for {place.host}, too, and goes first"
        found.append(_warning(summary, "remove them there"))
    return found


def _warning(summary: str, hint: str = "") -> Diagnostic:
    return Diagnostic(code=ConfigError.code, severity="warning", summary=summary, hint=hint)


def _warn(warning: Diagnostic) -> None:
    say("\n\n".join(shown([warning])))
