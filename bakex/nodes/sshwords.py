"""What ssh complains about, in words that name the next step.

The texts are those of OpenSSH's ssh(1), sshconnect.c and channels.c, and of the programs that are
run on the other side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bakex._util.redact import redact_text
from bakex.errors import DialError
from bakex.model.node import Wire

if TYPE_CHECKING:
    from bakex.model.node import Endpoint

_SHOWN: Final = 600  # characters of what ssh says
# The first one that is found in ssh's words: those, what is wrong, the next step.
_KNOWN: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the host key has changed",
        "find out why; if it is right, run: ssh-keygen -R {host}",
    ),
    (
        "Host key verification failed",
        "the host key is not known",
        "run ssh {host} once, compare the key's fingerprint, and accept it",
    ),
    (
        "Permission denied (",
        "the host does not accept any of the keys",
        "add the right key to the agent (ssh-add), or name it in ~/.ssh/config",
    ),
    (
        "Too many authentication failures",
        "the agent has too many keys",
        "name the right key in ~/.ssh/config, with IdentitiesOnly yes",
    ),
    ("Could not resolve hostname", "the host name is not known", "check the spelling of the host"),
    (
        "Connection refused",
        "the connection was refused",
        "check the port, and that an ssh server runs there",
    ),
    ("timed out", "nothing answers", "check the address, and whether a firewall lies between"),
    ("no answer within", "nothing answers", "check that {host} runs commands: ssh {host} true"),
    ("No route to host", "there is no way to the host", "check the network"),
    ("Network is unreachable", "there is no way to the host", "check the network"),
    (
        "administratively prohibited",
        "the ssh server does not forward sockets",
        "allow it there (AllowStreamLocalForwarding), or install {program}",
    ),
    (
        "permission denied",
        "the user may not open the daemon's socket",
        "use root or a member of the socket's group, such as docker",
    ),
    (
        "dial unix",
        "the daemon's socket cannot be opened",
        "start the daemon there, or give the path of its socket",
    ),
    (
        "open failed",
        "the daemon's socket cannot be opened",
        "start the daemon there, give the path of its socket, or use a user that may open it",
    ),
    ("Cannot connect to the Docker daemon", "docker does not run there", "start docker there"),
    ("failed to dial", "BuildKit does not run there", "start buildkitd there"),
)


def explained(endpoint: Endpoint, host: str, words: str) -> DialError:
    """Return the error for what ssh, or a program on the other side, has said."""
    program = "docker" if endpoint.wire is Wire.DOCKER else "buildctl"
    what, todo = "ssh could not reach the daemon", "try it with: ssh {host} true"
    for pattern, meaning, step in _KNOWN:
        if pattern in words:
            what, todo = meaning, step
            break
    origin = f" ({endpoint.origin})" if endpoint.origin else ""
    return DialError(
        f"{endpoint.address}{origin}: {what}",
        detail=redact_text(words.strip())[-_SHOWN:],
        hint=todo.format(host=host, program=program),
    )
