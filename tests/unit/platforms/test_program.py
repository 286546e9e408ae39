from __future__ import annotations

import pytest

from bakex.platforms.program import ELF, EXECUTABLE, LIBRARY, Program


@pytest.mark.parametrize(
    ("kind", "interpreter", "needed", "static"),
    [
        (EXECUTABLE, "", (), True),
        (EXECUTABLE, "/lib/ld", (), False),
        (EXECUTABLE, "", ("libc.so",), False),
        (LIBRARY, "", (), False),
    ],
)
def test_static(kind: str, interpreter: str, needed: tuple[str, ...], static: bool) -> None:
    program = Program(
        format=ELF, machine=62, bits=64, kind=kind, interpreter=interpreter, needed=needed
    )
    assert program.is_static is static
