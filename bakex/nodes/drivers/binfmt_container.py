"""The table of interpreters of the kernel below a docker daemon, changed by privileged containers.

A container needs QEMU's programs and something that can write to the table. Both come from here: an
image is imported that holds nothing else, and is removed at the end; no registry is asked. With an
image of the user's, its programs are used, and only the writer is put beside them. With the flag F
the kernel keeps the programs open, so neither container nor image is needed afterwards.
"""

from __future__ import annotations

import asyncio
import io
import json
import shlex
import tarfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from bakex.errors import CapabilityError
from bakex.nodes.drivers.docker_sdk import pull, with_docker
from bakex.platforms.handlers import Kind, Table

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from pathlib import Path

    import docker

    from bakex.carriers import Way
    from bakex.nodes.emulators import Programs
    from bakex.platforms.handlers import Change

_T = TypeVar("_T")
_HOME: Final = ".bakex"
_BUSYBOX: Final = f"/{_HOME}/busybox"
_BARE: Final = f"/{_HOME}/bare"
_QEMU: Final = "usr/libexec/qemu-binfmt"
_HINT: Final = "check that the daemon may run privileged containers"
_LABEL: Final = "bakex.emulation"
# What an image may call QEMU's programs, {0} without and with its first word.
_PLACES: Final = (
    f"/{_QEMU}/{{1}}-binfmt-P",
    "/usr/bin/{0}-static",
    "/usr/bin/{0}",
    "/usr/local/bin/{0}-static",
    "/usr/local/bin/{0}",
)
_LOOK: Final = f"""
B={_BUSYBOX}
read boot < /proc/sys/kernel/random/boot_id
echo "boot $boot"
read status < /mnt/status
echo "status $status"
for file in /mnt/*; do
  name=${{file##*/}}
  case $name in register|status) continue;; esac
  echo "entry $name"
  while read -r line; do echo " $line"; done < $file
done
for file in {_BARE}/*; do
  name=${{file##*/}}
  if [ "$($B chroot {_BARE} /$name 2>/dev/null)" = ok ]; then echo "runs $name"; fi
done
"""
_MOUNT: Final = (
    f"set -u; {_BUSYBOX} mkdir -p /mnt;"
    f" {_BUSYBOX} mount -t binfmt_misc binfmt_misc /mnt || exit 3\n"
)


class DockerKernel:
    """Implements `bakex.nodes.binfmt.Kernel` for the kernel below a docker daemon; see `opened`."""

    def __init__(self, way: Way, image: str, helper: bytes | None) -> None:
        self._way = way
        self._image = image
        self._helper = helper

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        way: Way,
        programs: Programs,
        wanted: Sequence[str],
        samples: Mapping[str, bytes],
        *,
        image: str = "",
    ) -> AsyncGenerator[DockerKernel]:
        """Provide the kernel; what was put on the daemon for that is removed at the end.

        Args:
            way: How the daemon is reached.
            programs: Finds QEMU's programs, and busybox.
            wanted: QEMU's programs that will be needed.
            samples: Architecture -> a program that prints ``ok`` where it runs.
            image: Has QEMU's programs; empty to bring them from here.

        Raises:
            EngineStartError: Docker refuses.
            CapabilityError: Programs are not to be had.
        """
        helper = await asyncio.to_thread(_helper, programs, samples, () if image else wanted)
        if image:
            yield cls(way, image, helper)
            return
        made = await _docker(way, lambda client: _imported(client, helper))
        try:
            yield cls(way, made, None)
        finally:
            await _docker(way, lambda client: client.images.remove(made, force=True))

    async def look(self) -> Table:
        """Return what the kernel says (`Kernel.look`)."""
        return _table(await self._run(_MOUNT + _LOOK))

    async def interpreters(self, programs: Sequence[str]) -> Mapping[str, str]:
        """Return the paths of programs in the image (`Kernel.interpreters`)."""
        tests = [
            f"for file in {' '.join(_places(program))}; do\n"
            f'  if [ -x $file ]; then echo "{program} $file"; break; fi\ndone\n'
            for program in programs
        ]
        found = dict(line.split(" ", 1) for line in (await self._run("".join(tests))).splitlines())
        if lacking := [program for program in programs if program not in found]:
            raise CapabilityError(
                f"the image {self._image} has no {', '.join(lacking)}",
                detail=f"Looked for were {', '.join(_places(lacking[0]))}.",
                hint="name another image, or leave --image out",
            )
        return found

    async def change(self, changes: Sequence[Change], *, back: bool = False) -> Table:
        """Make changes or undo them (`Kernel.change`)."""
        lines = [_command(change, back=back) for change in changes]
        return _table(await self._run(_MOUNT + "".join(lines) + _LOOK))

    async def _run(self, script: str) -> str:
        code, output = await _docker(self._way, lambda client: self._ran(client, script))
        if code != 0:
            why = "the container cannot mount binfmt_misc" if code == 3 else output.strip()
            raise CapabilityError(
                f"the kernel below docker at {self._way.endpoint.address} did not do it",
                detail=f"{why}.",
                hint="the daemon has to run with the rights of root, and the kernel to have"
                " binfmt_misc (modprobe binfmt_misc)",
            )
        return output

    def _ran(self, client: docker.DockerClient, script: str) -> tuple[int, str]:
        if self._helper is not None:
            pull(client, self._image)
        container = client.containers.create(
            self._image,
            ["sh", "-c", script],
            entrypoint=[_BUSYBOX],
            privileged=True,
            network_mode="none",
            labels={_LABEL: "1"},
        )
        try:
            if self._helper is not None:
                cast("Any", container).put_archive("/", self._helper)
            container.start()
            code = int(container.wait()["StatusCode"])
            return code, container.logs(stdout=True, stderr=code != 0).decode("utf-8", "replace")
        finally:
            container.remove(force=True)


async def _docker(way: Way, work: Callable[[docker.DockerClient], _T]) -> _T:
    return await with_docker(
        way, work, what="cannot run the container that changes its kernel's table", hint=_HINT
    )


def _imported(client: docker.DockerClient, helper: bytes) -> str:
    # The SDK's own types leave this method out.
    answer: str = cast("Any", client.api).import_image_from_data(
        helper, changes=[f"LABEL {_LABEL}=1", f'ENTRYPOINT ["{_BUSYBOX}"]']
    )
    return str(json.loads(answer.splitlines()[-1])["status"])


def _helper(programs: Programs, samples: Mapping[str, bytes], wanted: Sequence[str]) -> bytes:
    """Return an archive with busybox, the samples, and QEMU's programs."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in (_HOME, f"{_HOME}/bare"):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(member)
        _add(tar, f"{_HOME}/busybox", programs.busybox())
        for name, content in sorted(samples.items()):
            _add(tar, f"{_HOME}/bare/{name}", content)
        for program in wanted:
            short = program.removeprefix("qemu-")
            _add(tar, f"{_QEMU}/{short}-binfmt-P", programs.interpreter(program))
    return out.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes | Path) -> None:
    data = content if isinstance(content, bytes) else content.read_bytes()
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o755
    tar.addfile(member, io.BytesIO(data))


def _places(program: str) -> list[str]:
    return [place.format(program, program.removeprefix("qemu-")) for place in _PLACES]


def _command(change: Change, *, back: bool) -> str:
    """Return the line of shell that makes a change, or undoes it."""
    path = shlex.quote(f"/mnt/{change.name}")
    match change.kind:
        case Kind.MOUNT:
            return ""  # the container has mounted it for itself
        case Kind.SWITCH_ON:
            return f"echo {0 if back else 1} > /mnt/status || exit 1\n"
        case Kind.DISABLE if back:
            return f"[ ! -e {path} ] || echo 1 > {path} || exit 1\n"
        case Kind.DISABLE:
            return f"echo 0 > {path} || exit 1\n"
        case Kind.REGISTER if back:
            return f"[ ! -e {path} ] || echo -1 > {path} || exit 1\n"
        case Kind.REGISTER:
            return f"printf %s {shlex.quote(change.line)} > /mnt/register || exit 1\n"


def _table(output: str) -> Table:
    boot, enabled, running = "", True, list[str]()
    entries: dict[str, list[str]] = {}
    rows: list[str] = []
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        match word:
            case "":
                rows.append(rest)
            case "boot":
                boot = rest
            case "status":
                enabled = rest != "disabled"
            case "entry":
                rows = entries.setdefault(rest, [])
            case "runs":
                running.append(rest)
            case _:
                pass
    texts = {name: "".join(f"{row}\n" for row in rows) for name, rows in entries.items()}
    return Table(boot=boot, enabled=enabled, entries=texts, running=frozenset(running))
