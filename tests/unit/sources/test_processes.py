from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.sources import processes
from bakex.sources.processes import Ended, ProcessLimitError, run

if TYPE_CHECKING:
    from collections.abc import Callable


def python(
    code: str, cwd: Path, *, seconds: float = 20, check: Callable[[], None] = lambda: None
) -> Ended:
    return run(
        [sys.executable, "-S", "-E", "-c", code],
        cwd=cwd,
        environ={"A": "b"},
        deadline=time.monotonic() + seconds,
        check=check,
    )


def test_what_a_program_says(tmp_path: Path) -> None:
    code = "import os,sys; print(os.environ['A'], os.getcwd()); sys.stderr.write('x'); sys.exit(3)"
    ended = python(code, tmp_path)
    assert ended == Ended(code=3, output=f"b {tmp_path}\n".encode(), errors=b"x")


def test_it_has_no_input_and_no_terminal(tmp_path: Path) -> None:
    code = "import os,sys; print(repr(sys.stdin.read()), os.getsid(0) == os.getpid())"
    assert python(code, tmp_path).output == b"'' True\n"


def family(cwd: Path) -> str:
    """Return code that starts a child, tells who it is, and goes on for long."""
    return (
        "import os,time\n"
        "if os.fork() == 0:\n"
        f"    open({str(cwd / 'child')!r} + '.new', 'w').write(str(os.getpid()))\n"
        f"    os.rename({str(cwd / 'child')!r} + '.new', {str(cwd / 'child')!r})\n"
        "time.sleep(60)\n"
    )


def is_dead(child: Path) -> bool:
    """Wait until a process is gone, or waits for somebody to take note of it."""
    pid = child.read_text()
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("error", [ProcessLimitError("too much"), KeyboardInterrupt()])
def test_whatever_ends_it_leaves_nothing_running(tmp_path: Path, error: BaseException) -> None:
    child = tmp_path / "child"

    def check() -> None:
        if child.exists():
            raise error

    with pytest.raises(type(error)):
        python(family(tmp_path), tmp_path, check=check)
    assert is_dead(child)


def test_time_is_limited(tmp_path: Path) -> None:
    with pytest.raises(ProcessLimitError, match="too long"):
        python("import time; time.sleep(60)", tmp_path, seconds=0.1)


def test_output_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_OUTPUT", 1000)
    with pytest.raises(ProcessLimitError, match="too much"):
        python("import time; print('x' * 2000, flush=True); time.sleep(60)", tmp_path)


def test_it_may_end_while_it_is_killed(tmp_path: Path) -> None:
    def check() -> None:
        raise ProcessLimitError

    def gone(pid: int, number: int) -> None:
        os.kill(pid, number)
        raise ProcessLookupError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "killpg", gone)
        with pytest.raises(ProcessLimitError):
            python("import time; time.sleep(60)", tmp_path, check=check)


def test_no_such_program(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(["/nope"], cwd=tmp_path, environ={}, deadline=0, check=lambda: None)
