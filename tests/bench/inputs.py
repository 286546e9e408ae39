"""Bake files of any size, written when a measurement needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MATRIX = """\
variable "TAG" {{ default = "1" }}
target "app" {{
  name      = "app-${{a}}-${{b}}"
  matrix    = {{ a = [{names}], b = ["w", "x", "y", "z"] }}
  tags      = ["example.org/app-${{a}}:${{b}}-${{TAG}}", "example.org/app-${{a}}:latest"]
  args      = {{ A = a, B = upper(b), C = "${{a}}/${{b}}" }}
  platforms = ["linux/amd64", "linux/arm64"]
}}
group "default" {{ targets = ["app"] }}
"""
TARGET = """\
# target number {n}
target "t{n}" {{
  context    = "dir/{n}"
  dockerfile = "Dockerfile.${{V}}"
  args = {{
    A = "${{V}}-{n}"
    B = upper(V)
  }}
  tags = ["example.org/t{n}:${{V}}"]
}}
"""
LINKED = """\
target "t{n}" {{
  inherits = ["base"]
  contexts = {{ before = "target:t{before}" }}
  args     = {{ N = target.t{before}.tags[0] }}
  tags     = ["example.org/t{n}"]
}}
"""


def matrix(targets: int) -> str:
    """Return a file with one matrix of so many targets, four for each name."""
    return MATRIX.format(names=", ".join(f'"n{i}"' for i in range(targets // 4)))


def lines(count: int) -> str:
    """Return a file with at least so many lines, in ordinary target blocks."""
    blocks = [TARGET.format(n=n) for n in range(count // TARGET.count("\n") + 1)]
    rest = ['variable "V" { default = "x" }\n', 'group "default" { targets = ["t0"] }\n']
    return "".join([*blocks, *rest])


def linked(targets: int) -> str:
    """Return a file with so many targets that inherit, link and refer, all of them selected.

    Chains are short: long ones are another subject.
    """
    blocks = [
        'target "base" { args = { V = "1" } }\n',
        'target "t0" { tags = ["example.org/t0"] }\n',
    ]
    blocks += [LINKED.format(n=n, before=n - 1 if n % 10 else 0) for n in range(1, targets)]
    names = ", ".join(f'"t{n}"' for n in range(targets))
    return "".join([*blocks, f'group "default" {{ targets = [{names}] }}\n'])


KINDS = {"matrix": matrix, "lines": lines, "linked": linked}


def write(folder: Path, kind: str, size: int) -> Path:
    """Write a bake file of a kind and a size, once, and return the folder that it is in."""
    found = folder / f"{kind}-{size}"
    if not found.exists():
        found.mkdir()
        (found / "docker-bake.hcl").write_text(KINDS[kind](size))
    return found
