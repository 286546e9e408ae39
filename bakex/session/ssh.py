"""The SSH service: agents for ``RUN --mount=type=ssh`` and for git over SSH.

An agent is either one that the user runs, behind its socket, or one of ours that holds the keys of
some files. Of both a build can ask only for the list of identities and for signatures. Source:
buildkit session/sshforward.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from bakex._pb import bk_pb2 as pb
from bakex.errors import SessionError
from bakex.model.ssh import DEFAULT
from bakex.session.attachable import CallError, Status
from bakex.session.requests import next_request, only_request
from bakex.session.ssh_agent import (
    AgentProtocolError,
    SocketSource,
    Splitter,
    filtered,
    frame,
)
from bakex.session.ssh_keys import KeySource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bakex.model.ssh import Ssh
    from bakex.session.attachable import Call, Handler
    from bakex.session.ssh_agent import Agent, AgentSource

AGENT_VARIABLE = "SSH_AUTH_SOCK"
_SERVICE = "/moby.sshforward.v1.SSH"
_ID = "buildkit.ssh.id"


class SshForward:
    """Forwards agents by id; each connection of a build step is one call."""

    def __init__(self, agents: Mapping[str, AgentSource]) -> None:
        self._agents = dict(agents)

    def services(self) -> Mapping[str, Handler]:
        """Return the methods of the service."""
        return {
            f"{_SERVICE}/CheckAgent": self._check_agent,
            f"{_SERVICE}/ForwardAgent": self._forward_agent,
        }

    async def _check_agent(self, call: Call) -> None:
        request = await only_request(call, pb.CheckAgentRequest)
        self._source(request.id)
        await call.send(b"")

    async def _forward_agent(self, call: Call) -> None:
        source = self._source(call.metadata.value(_ID))
        try:
            async with source.open() as agent:
                await _converse(call, agent)
        except SessionError as error:
            raise CallError(Status.UNAVAILABLE, error.summary) from error
        except AgentProtocolError as error:
            raise CallError(Status.INVALID_ARGUMENT, f"no agent protocol: {error}") from None

    def _source(self, name: str) -> AgentSource:
        source = self._agents.get(name or DEFAULT)
        if source is None:
            # Not found makes a mount without `required` go on without an agent.
            raise CallError(Status.NOT_FOUND, f"unset ssh forward key {name or DEFAULT}")
        return source


async def _converse(call: Call, agent: Agent) -> None:
    splitter = Splitter()
    while (message := await next_request(call, pb.BytesMessage)) is not None:
        for request in splitter.feed(message.data):
            answer = frame(await filtered(agent, request))
            await call.send(pb.BytesMessage(data=answer).SerializeToString())


def agent_source(ssh: Ssh, *, environ: Mapping[str, str], cwd: Path) -> AgentSource:
    """Return the agent that an entry of ``ssh`` means (blocking: reads key files).

    Args:
        ssh: The entry; without paths it is the user's agent.
        environ: Has the address of the user's agent.
        cwd: The directory that paths are relative to.

    Raises:
        SessionError: There is no agent, several are named, or a file is no usable key.
    """
    names = [path for path in ssh.paths if path]
    if not names:
        address = environ.get(AGENT_VARIABLE, "")
        if not address:
            raise SessionError(
                f"ssh {ssh.id!r}: there is no SSH agent",
                detail=f"{AGENT_VARIABLE} is not set.",
                hint=f'start an agent, or name a key: ssh = ["{ssh.id}=PATH"]',
            )
        names = [address]
    paths = [cwd / name for name in names]
    sockets = [path for path in paths if _is_socket(ssh, path)]
    if not sockets:
        return KeySource.load(paths)
    if len(paths) > 1:
        raise SessionError(
            f"ssh {ssh.id!r}: an agent's socket cannot be combined with anything",
            detail=f"{str(sockets[0])!r} is a socket.",
            hint="give each agent an id of its own",
        )
    return SocketSource(sockets[0])


def _is_socket(ssh: Ssh, path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError as error:
        reason = (error.strerror or "input/output error").lower()
        raise SessionError(f"ssh {ssh.id!r}: cannot use {str(path)!r}: {reason}") from None
