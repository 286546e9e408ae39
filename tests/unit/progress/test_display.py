from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import ConfigError, UsageError
from bakex.progress.display import Mode, choose
from bakex.progress.quiet import Quiet

if TYPE_CHECKING:
    from tests.unit.progress.conftest import Teller


@pytest.mark.parametrize(
    ("option", "setting", "is_terminal", "expected"),
    [
        ("", "", True, Mode.TTY),
        ("", "", False, Mode.PLAIN),
        ("auto", "", True, Mode.TTY),
        ("auto", "rawjson", True, Mode.RAWJSON),
        ("", "plain", True, Mode.PLAIN),
        ("", "auto", False, Mode.PLAIN),
        ("", "tty", True, Mode.TTY),
        ("", "tty", False, Mode.PLAIN),
        ("quiet", "plain", True, Mode.QUIET),
        ("tty", "quiet", True, Mode.TTY),
        ("plain", "nonsense", True, Mode.PLAIN),
    ],
)
def test_choose(option: str, setting: str, is_terminal: bool, expected: Mode) -> None:
    assert choose(option, setting, is_terminal=is_terminal) is expected


def test_an_option_that_is_no_mode() -> None:
    with pytest.raises(UsageError, match="invalid progress mode 'none'") as caught:
        choose("none", "", is_terminal=True)
    assert caught.value.hint == "use one of auto, tty, plain, quiet, rawjson"


def test_a_setting_that_is_no_mode() -> None:
    with pytest.raises(ConfigError, match="invalid progress mode 'fancy'") as caught:
        choose("", "fancy", is_terminal=True)
    assert "BUILDKIT_PROGRESS" in caught.value.detail


def test_a_terminal_that_is_asked_for_must_be_there() -> None:
    with pytest.raises(UsageError, match="needs a terminal"):
        choose("tty", "", is_terminal=False)


def test_quiet_is_quiet(tell: Teller, capsys: pytest.CaptureFixture[str]) -> None:
    display = Quiet()
    display.update([tell.end()])
    display.close()
    assert capsys.readouterr() == ("", "")
