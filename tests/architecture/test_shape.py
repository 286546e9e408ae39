"""Rules about the source tree that no linter has."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

import bakex
from bakex import errors
from bakex.bake.reference import text
from bakex.cli.commands.image import COMMANDS as IMAGE_COMMANDS
from bakex.cli.main import COMMANDS

PACKAGE = Path(bakex.__file__).parent
REPOSITORY = PACKAGE.parent
LIMIT = 400  # lines; a longer module has two subjects
MODULES = [p for p in sorted(PACKAGE.rglob("*.py")) if "_pb" not in p.parts]


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_are_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LIMIT


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_say_what_they_are(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":", '"'))


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py", "manager.py"}
    assert not [name(p) for p in MODULES if p.name in drawers]


def test_public_names() -> None:
    for public in bakex.__all__:
        assert getattr(bakex, public) is not None
    assert sorted(bakex.__all__) == bakex.__all__
    assert dir(bakex) == bakex.__all__
    with pytest.raises(AttributeError):
        bakex.nothing  # noqa: B018


def test_command_table_matches_the_commands() -> None:
    files = {p.stem for p in (PACKAGE / "cli" / "commands").glob("[!_]*.py")}
    assert {command.replace("-", "_") for command in COMMANDS} == files
    for command, summary in COMMANDS.items():
        module = import_module(f"bakex.cli.commands.{command.replace('-', '_')}")
        assert module.app is not None
        assert summary.endswith(".")


def test_the_table_of_image_commands_matches_them() -> None:
    files = {p.stem for p in (PACKAGE / "cli" / "images").glob("[!_]*.py")}
    assert set(IMAGE_COMMANDS) == files
    for command, summary in IMAGE_COMMANDS.items():
        module = import_module(f"bakex.cli.images.{command}")
        (registered,) = module.app.registered_commands
        assert (registered.callback.__doc__ or "").splitlines()[0] == summary


def every_error() -> list[type[errors.BakexError]]:
    found = [errors.BakexError]
    for cls in found:
        found.extend(cls.__subclasses__())
    return [cls for cls in dict.fromkeys(found) if cls.__module__.startswith("bakex.errors.")]


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [cls.code for cls in every_error()]
    assert len(codes) == len(set(codes))


def test_every_code_is_documented_with_cause_and_remedy() -> None:
    page = (REPOSITORY / "docs" / "errors.md").read_text()
    documented = dict(re.findall(r"^### (BX\d{4}) (\w+)$", page, re.MULTILINE))
    expected = {cls.code: cls.__name__ for cls in every_error() if cls is not errors.BakexError}
    used = {code for p in MODULES for code in re.findall(r'"(BX\d{4})"', p.read_text())}
    assert {code: documented.get(code) for code in expected} == expected
    assert used - {"BX0000"} <= set(documented)
    assert set(documented) <= used


def test_the_reference_page_is_what_the_tables_say() -> None:
    page = (REPOSITORY / "docs" / "bake-reference.md").read_text()
    assert page == text(), "run make docs"


def test_nothing_left_to_do_without_an_issue() -> None:
    pattern = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")
    places = [name(p) for p in MODULES if pattern.search(p.read_text())]
    assert places == []
