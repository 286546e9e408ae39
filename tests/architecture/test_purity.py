"""The bake language is pure: it has no way to the world but what it is given.

The import contract keeps modules such as `os` out. This keeps out what needs no import of them: the
functions that open files, and `pathlib.Path`, which does so by its methods.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import bakex

LANGUAGE = Path(bakex.__file__).parent / "bake"
MODULES = sorted(LANGUAGE.rglob("*.py"))
FUNCTIONS = frozenset({"open", "input", "print", "breakpoint", "exec", "compile", "eval"})
METHODS = frozenset(
    {
        *("open", "read_text", "read_bytes", "write_text", "write_bytes", "stat", "lstat"),
        *("is_file", "is_dir", "is_symlink", "iterdir", "rglob", "mkdir", "unlink", "rmdir"),
        *("touch", "rename", "chmod", "readlink", "symlink_to", "hardlink_to", "samefile"),
        *("expanduser", "cwd", "home", "getenv", "environ", "now", "utcnow", "today"),
    }
)
# Attributes of that name that are values or fields of a context, and no way to the world.
GIVEN = frozenset({"home", "now", "environ", "compile", "open"})


def impure(source: str) -> list[str]:
    """Return what a module may not do, by line."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
                found.append(f"{node.lineno}: {name}()")
            case ast.Call(func=ast.Attribute(attr=name, value=ast.Name(id=owner))) if (
                name in METHODS and (name not in GIVEN or owner in {"Path", "datetime", "date"})
            ):
                found.append(f"{node.lineno}: {owner}.{name}()")
            case ast.Call(func=ast.Attribute(attr=name)) if name in METHODS - GIVEN:
                found.append(f"{node.lineno}: .{name}()")
            case ast.ImportFrom(module="pathlib", names=names):
                found += [f"{node.lineno}: {n.name}" for n in names if "Pure" not in n.name]
            case ast.Import(names=names) if any(n.name == "pathlib" for n in names):
                found.append(f"{node.lineno}: pathlib")
            case _:
                pass
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LANGUAGE)))
def test_no_module_of_the_language_reaches_the_world(path: Path) -> None:
    assert impure(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "open('x')",
        "from pathlib import Path",
        "from pathlib import PurePath, PosixPath",
        "import pathlib",
        "x.read_text()",
        "(a / b).stat()",
        "datetime.now()",
        "from datetime import datetime\nx = datetime.now(tz)",
        "Path.home()",
    ],
)
def test_the_search_finds_ways_to_the_world(source: str) -> None:
    assert impure(source)


@pytest.mark.parametrize(
    "source", ["context.now()", "from pathlib import PurePath", "reader.read('x')"]
)
def test_the_search_lets_pass_what_is_given(source: str) -> None:
    assert impure(source) == []
