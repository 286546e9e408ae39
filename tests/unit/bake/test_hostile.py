"""Files that nobody writes for good: read or refused, soon, and with a reason."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakex.bake.definition import load
from bakex.bake.functions.function import Context
from bakex.bake.resolve import resolve
from bakex.errors import BakexError
from bakex.model.bakefile import BakeFile, Syntax

pytestmark = pytest.mark.slow

# CPU time: none takes more than a few seconds, but for those who measure the coverage.
LIMIT_S = 400.0 if sys.gettrace() else 40.0
STEPS = 50_000  # of the evaluation, so that what ends there ends soon


def bake(content: bytes, syntax: Syntax) -> None:
    file = BakeFile(name="p", content=content, syntax=syntax)
    context = Context(now=lambda: datetime.now(UTC), random_bytes=bytes, home="/", max_steps=STEPS)
    definition = load([file], variables={}, environ={}, platform="linux/amd64", context=context)
    resolve(definition, ())


def grown(first: str, following: str, count: int = 60) -> str:
    """Return attributes each of which is made of the one before."""
    lines = [f"v0 = {first}"]
    lines += [f"v{n} = {following.replace('V', f'v{n - 1}')}" for n in range(1, count)]
    return "\n".join(lines) + "\n"


def functions(body: str, call: str, count: int = 40) -> str:
    lines = ['function "f0" {\n params = [n]\n result = n\n}']
    lines += [
        f'function "f{n}" {{\n params = [n]\n result = {body.replace("F", f"f{n - 1}")}\n}}'
        for n in range(1, count)
    ]
    return "\n".join([*lines, call.replace("F", f"f{count - 1}")]) + "\n"


NATIVE = {
    "parentheses": "a = " + "(" * 100_000 + "1" + ")" * 100_000,
    "brackets": "a = " + "[" * 100_000,
    "objects": "a = " + "{a = " * 100_000,
    "blocks": "a {\n" * 100_000,
    "templates": "a = " + '"${' * 50_000,
    "signs": "a = " + "-" * 100_000 + "1",
    "conditionals": "a = " + "true ? 1 : " * 50_000 + "1",
    "indexes": "a = b" + "[0]" * 100_000,
    "sums": "a = " + "1 + " * 100_000 + "1",
    "digits": "a = " + "9" * 1_000_000,
    "a large exponent": "a = 1e999999999",
    "a small exponent": "a = 1e-999999999",
    "a power": "a = jsonencode(pow(10, 1e9))",
    "growing numbers": grown("1e9999", "V * V"),
    "growing texts": grown('"x"', '"${V}${V}"'),
    "growing lists": grown("[1]", "concat(V, V)"),
    "growing values": grown("[1]", "[V, V]") + "x = v59 == v58\ny = flatten(v59)\n",
    "growing objects": grown("{ a = 1 }", "{ a = V, b = V }"),
    "replacements": grown(f'"{"a" * 30}"', 'replace(V, "a", V)', 20),
    "loops in loops": "a = [for a in range(999) : [for b in range(999) : [for c in range(9) : c]]]",
    "a range": "a = range(1e9)",
    "combinations": "a = setproduct(range(1000), range(1000), range(1000))",
    "spaces": 'a = indent(1000000000, "a\\nb")',
    "a wide format": 'a = format("%1000000000d", 1)',
    "a precise format": 'a = format("%.1000000000f", 1)',
    "groups": f'a = regex("{"(" * 10_000}{")" * 10_000}", "a")',
    "empty matches": f'a = regexall("", "{"x" * 1_000_000}")',
    "repetitions": 'a = regex("((a{1,1000}){1,1000}){1,1000}", "a")',
    "hashes": 'a = bcrypt("x", 31)',
    "calls of calls": functions('"${F(n)}${F(n)}"', 'x = F("x")'),
    "a matrix": 'target "t" {\n matrix = { x = range(1000), y = range(1000) }\n}',
    "a chain of attributes": "".join(f"v{n} = v{n + 1}\n" for n in range(5000)) + "v5000 = 1",
    "a chain of parents": "target t0 {}\n"
    + "".join(f'target t{n} {{ inherits = ["t{n - 1}"] }}\n' for n in range(1, 5000))
    + 'group default { targets = ["t4999"] }',
    "types": 'variable "V" {\n type = ' + "list(" * 50_000 + "string" + ")" * 50_000 + "\n}",
    "a long line": f'a = "{"x" * 10_000_000}"',
    "a long name": "a = " + "x" * 10_000_000,
    "a long list": f"a = [{'1, ' * 3_000_000}]",
    "many interpolations": f'a = "{"${1}" * 2_000_000}"',
    "many newlines": "\n" * 10_000_000,
    "many quotes": '"' * 10_000_000,
    "nothing that belongs": "@" * 10_000_000,
    "marks on one letter": 'a = strlen("e' + "\u0301" * 1_000_000 + '")',
    "a long heredoc": "a = <<-E\n" + "  x\n" * 2_000_000 + "E\n",
    "null characters": 'a = "\x00"\n\x00',
}
JSON = {
    "objects": '{"a": ' * 100_000,
    "arrays": "[" * 1_000_000,
    "a large exponent": '{"a": 1e999999999}',
    "digits": f'{{"a": {"9" * 5_000_000}}}',
    "templates": f'{{"a": "{"${" * 1_000_000}"}}',
    "escapes": f'{{"a": "{chr(92)}{f"u0041{chr(92)}" * 1_000_000}u0041"}}',
    "quotes": f'{{"a": {chr(34) * 3_000_000}',
    "a long list": f'{{"a": [{"1," * 5_000_000}1]}}',
    "many blocks": json.dumps({"target": {f"t{n}": {"description": "é"} for n in range(60_000)}}),
    "many labels on one line": json.dumps({"target": {f"t{n}": {"tags": 1} for n in range(9_000)}}),
}


def check(content: str, syntax: Syntax) -> None:
    started = time.process_time()
    with contextlib.suppress(BakexError):
        bake(content.encode(), syntax)
    assert time.process_time() - started < LIMIT_S


@pytest.mark.parametrize("text", NATIVE.values(), ids=NATIVE)
def test_native_files(text: str) -> None:
    check(text, Syntax.NATIVE)


@pytest.mark.parametrize("text", JSON.values(), ids=JSON)
def test_json_files(text: str) -> None:
    check(text, Syntax.JSON)


@pytest.mark.parametrize("syntax", [Syntax.NATIVE, Syntax.JSON])
@given(content=st.binary() | st.text(alphabet='tareg{}[]()"$%=,.:\\n \\\\1é\\x00').map(str.encode))
@settings(deadline=None)
def test_any_content(syntax: Syntax, content: bytes) -> None:
    with contextlib.suppress(BakexError):
        bake(content, syntax)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "${a}", "${1/0}", "list(x)"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["target", "group", "variable", "function", "a", "default", "type", "validation",
             "condition", "params", "result", "targets", "matrix", "name", "inherits", "args",
             "output", "platform", "linux/arm64", "include", "//"]
        ),
        inner,
        max_size=3,
    ),
    max_leaves=25,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["target", "group", "variable", "function", "a"]), JSONS))
@settings(deadline=None)
def test_any_json(file: object) -> None:
    with contextlib.suppress(BakexError):
        bake(json.dumps(file).encode(), Syntax.JSON)
