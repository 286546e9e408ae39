"""What an image starts, from configs that make sense and that do not."""

from __future__ import annotations

import pytest

from bakex.platforms.program import Script
from bakex.verification.command import Command, run_by


def test_words_and_folders() -> None:
    config = {
        "Entrypoint": ["tini", "--"],
        "Cmd": ["sh", "-c", 'FOO=1 exec "/opt/my app" && x; y'],
        "Env": ["PATH=/a:b:/c", "LD_LIBRARY_PATH=/l", "X"],
        "WorkingDir": "/srv",
    }
    found = Command.of({"config": config})
    assert found.program == "tini"
    assert found.words == ("--", "sh", "-c", "FOO=1", "exec", "/opt/my app", "&&", "x", ";", "y")
    assert (found.path, found.libraries) == (("/a", "/c"), ("/l",))
    assert found.places("x") == ("/a/x", "/c/x")
    assert found.places("./x") == ("/srv/./x",)
    assert found.places("/x") == ("/x",)
    assert found.places("") == found.places("x" * 5000) == ()


@pytest.mark.parametrize(
    "config",
    [None, [], {}, {"Entrypoint": 1, "Cmd": None, "Env": {}, "WorkingDir": 7}, {"Cmd": [1, {}]}],
)
def test_configs_that_say_nothing(config: object) -> None:
    found = Command.of({"config": config})
    assert (found.program, found.words, found.folder) == ("", (), "/")
    assert "/usr/bin" in found.path


def test_text_without_a_shell_is_one_word() -> None:
    found = Command.of({"config": {"Entrypoint": "app", "Cmd": ["a b", "'"]}})
    assert (found.program, found.words) == ("app", ("a b", "'"))
    found = Command.of({"config": {"Cmd": ["/bin/sh", "-c", "a 'b"]}})
    assert found.words == ("-c", "a")


@pytest.mark.parametrize(
    ("interpreter", "argument", "found"),
    [
        ("/bin/sh", "-e", ("/bin/sh", "")),
        ("/usr/bin/env", "python3", ("/usr/bin/env", "python3")),
        ("/usr/bin/env", "-S -i A=b node --x", ("/usr/bin/env", "node")),
        ("/usr/bin/env", "", ("/usr/bin/env", "")),
    ],
)
def test_what_runs_a_script(interpreter: str, argument: str, found: tuple[str, str]) -> None:
    assert run_by(Script(interpreter=interpreter, argument=argument)) == found
