from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakex.bake import show
from bakex.bake.definition import Definition
from bakex.bake.entitlements import needed
from bakex.bake.merge import ATTRIBUTES, Draft
from bakex.bake.resolve import Resolution, resolve
from bakex.bake.variants import TABLE
from bakex.errors import CycleError, DefinitionError, EvaluationError, OverrideError
from bakex.model.caches import CacheEntry
from bakex.model.platform import Platform
from bakex.model.secrets import Secret
from tests.unit.bake.test_merge import values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.model.target import Target
    from tests.unit.bake.conftest import Define

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")
ARM = Platform.parse("linux/arm/v7")
PLATFORMS = 'platforms = ["linux/amd64", "linux/arm64/v8", "linux/arm"]'


def built(define: Define, *body: str, overrides: tuple[str, ...] = ()) -> Mapping[Platform, Target]:
    text = "\n".join(('target "default" {', PLATFORMS, *body, "}"))
    target = resolve(define(text), (), overrides).targets["default"]
    return {platform: target.for_platform(platform) for platform in (AMD64, ARM64, ARM)}


def test_a_block_says_what_differs(define: Define) -> None:
    found = built(
        define,
        'args = { A = "1", B = "1" }\ncontexts = { x = "./x", y = "./y" }',
        'cache-from = ["a"]\ncache-to = ["type=inline"]\nsecret = ["id=s,env=A"]',
        'platform "linux/arm64" {',
        'args = { B = "2" }\ncontexts = { x = "" }\ncontext = "c/./d"\ndockerfile = "D"',
        'dockerfile-inline = "FROM x"\nlabels = { l = "1" }\ntarget = "t"\nssh = ["k=/key"]',
        'cache-from = ["b"]\ncache-to = ["type=registry,ref=r"]\nsecret = ["id=s,env=B"]',
        'no-cache-filter = ["n"]',
        "}",
    )
    arm = found[ARM64]
    assert found[AMD64] == found[ARM]
    assert found[AMD64].args == {"A": "1", "B": "1"}
    assert arm.args == {"A": "1", "B": "2"}
    assert arm.contexts == {"y": "./y"}
    assert (arm.context, arm.dockerfile, arm.dockerfile_inline) == ("c/d", "D", "FROM x")
    assert (arm.labels, arm.target, arm.no_cache_filter) == ({"l": "1"}, "t", ("n",))
    assert [entry.attrs["ref"] for entry in arm.cache_from] == ["a", "b"]
    assert arm.cache_to == (CacheEntry(type="registry", attrs={"ref": "r"}),)
    assert arm.secret == (Secret(id="s", env="B"),)
    assert arm.ssh[0].paths == ("/key",)
    assert arm.platforms == found[AMD64].platforms


def test_every_attribute_that_can_differ_is_read_and_compared(define: Define) -> None:
    # Each by itself, so that none can hide behind another.
    samples = {
        "context": '"x"', "contexts": '{ a = "b" }', "dockerfile": '"x"', "args": '{ a = "b" }',
        "dockerfile-inline": '"x"', "labels": '{ a = "b" }', "cache-from": '["x"]',
        "cache-to": '["x"]', "target": '"x"', "secret": '["id=x"]', "ssh": '["x"]',
        "no-cache-filter": '["x"]', "node": '{ a = "b" }', "timeout": '"1m"', "retries": "1",
        "verify": '"full"', "verify-allow": '["/opt"]',
    }  # fmt: skip
    assert samples.keys() == TABLE.keys()
    for name, value in samples.items():
        found = built(define, f'platform "linux/arm64" {{ {name} = {value} }}')
        assert found[ARM64] != found[AMD64], name


def test_blocks_of_one_platform_are_merged_in_order(define: Define) -> None:
    found = built(
        define,
        'platform "linux/arm64" {\nargs = { A = "1", B = "1" }\n}',
        'platform "linux/aarch64" {\nargs = { B = "2" }\n}\n}',
        'target "default" {\nplatform "arm64" {\nargs = { C = "3" }\n}',
    )
    assert found[ARM64].args == {"A": "1", "B": "2", "C": "3"}


def test_expressions_see_self_and_the_matrix(define: Define) -> None:
    text = """
      variable "V" { default = "v" }
      target "t" {
        name = "t-${x}"
        matrix = { x = ["1", "2"] }
        platforms = ["linux/arm64"]
        args = { N = self.name }
        platform "linux/arm64/v8" { args = { P = "${self.platform} ${x} ${V} ${self.name}" } }
      }
    """
    targets = resolve(define(text), ["t"]).targets
    assert targets["t-2"].args == {"N": "t-2"}
    assert targets["t-2"].for_platform(ARM64).args == {"N": "t-2", "P": "linux/arm64 2 v t-2"}


def test_a_block_can_refer_to_its_own_target(define: Define) -> None:
    found = built(
        define,
        'args = { A = "1" }',
        'platform "linux/arm64" {\nargs = { B = target.default.args.A }\n}',
    )
    assert found[ARM64].args["B"] == "1"


def test_a_circle_through_a_block_is_named(define: Define) -> None:
    # References lead to the target's own attributes, so that only expressions can make one.
    with pytest.raises(CycleError):
        built(define, "args = { B = target.default.labels.x }\nlabels = target.default.args")


FAMILY = """
  target "default" {
    inherits = ["base"]
    platforms = ["linux/amd64", "linux/arm64"]
    args = { A = "child" }
    platform "linux/arm64" { args = { C = "child" } }
  }
  target "base" {
    args = { A = "base", B = "base" }
    platform "linux/arm64" { args = { A = "block", C = "base" } }
    platform "linux/s390x" { args = { A = "other" } }
  }
"""


def test_blocks_are_inherited(define: Define) -> None:
    target = resolve(define(FAMILY)).targets["default"]
    assert target.for_platform(ARM64).args == {"A": "block", "B": "base", "C": "child"}
    assert target.for_platform(AMD64).args == {"A": "child", "B": "base"}
    assert list(target.variants) == [ARM64]


def test_overrides_win_everywhere(define: Define) -> None:
    target = resolve(define(FAMILY), (), ["default.args.A=set"]).targets["default"]
    assert target.for_platform(ARM64).args["A"] == target.args["A"] == "set"


@pytest.mark.parametrize(
    ("body", "override", "expected"),
    [
        ('dockerfile = "D"', "dockerfile=X", {"dockerfile": "X"}),
        ('cache-to = ["a"]', "cache-to+=b", {"cache_to": ["a", "b"]}),
        ('cache-to = ["a"]', "cache-to=b", {"cache_to": ["b"]}),
        ('cache-from = ["a"]', "cache-from=b", {"cache_from": ["b"]}),
        ('cache-from = ["a"]', "cache-from+=b", {"cache_from": ["b", "a"]}),
        ('contexts = { a = "x", b = "y" }', "contexts.a=z", {"contexts": {"a": "z", "b": "y"}}),
    ],
)
def test_overrides_of_what_a_block_says(
    define: Define, body: str, override: str, expected: dict[str, Any]
) -> None:
    found = built(
        define, f'platform "linux/arm64" {{\n{body}\n}}', overrides=(f"default.{override}",)
    )
    ((field, value),) = expected.items()
    shown: object = getattr(found[ARM64], field)
    if field.startswith("cache"):
        assert isinstance(shown, tuple)
        shown = [entry.attrs["ref"] for entry in shown]
    assert shown == value


def test_an_override_can_change_a_secret_that_only_a_block_has(define: Define) -> None:
    body = 'platform "linux/arm64" { secret = ["id=s,env=A"] }'
    found = built(define, body, overrides=("default.secret.s=env=B",))
    assert found[AMD64].secret == ()
    assert found[ARM64].secret == (Secret(id="s", env="B"),)
    with pytest.raises(OverrideError, match="no secret 'q'"):
        built(define, body, overrides=("default.secret.q=env=B",))
    both = f'secret = ["id=s,env=C"]\n{body}'
    found = built(define, both, overrides=("default.secret.s=env=B",))
    assert found[AMD64].secret == found[ARM64].secret == (Secret(id="s", env="B"),)


def test_fewer_platforms_on_the_command_line_are_no_error(define: Define) -> None:
    text = f'target "default" {{\n{PLATFORMS}\nplatform "linux/arm64" {{ target = "x" }}\n}}'
    target = resolve(define(text), (), ["*.platform=linux/amd64"]).targets["default"]
    assert target.variants == {}


@pytest.mark.parametrize(
    ("platforms", "hint"),
    [
        ('["linux/amd64", "linux/arm/v6"]', "did you mean 'linux/arm/v6'?"),
        ('["linux/amd64"]', "add 'linux/arm/v7' to platforms"),
        ("[]", "add 'linux/arm/v7' to platforms"),
    ],
)
def test_a_block_for_no_platform_of_the_target(define: Define, platforms: str, hint: str) -> None:
    text = f'target "default" {{\nplatforms = {platforms}\nplatform "linux/arm" {{}}\n}}'
    with pytest.raises(DefinitionError, match="linux/arm/v7, which is not in its") as caught:
        resolve(define(text))
    assert str(caught.value.span) == "0.hcl:3:10"
    assert caught.value.source == text
    assert caught.value.hint == hint


def test_local_may_be_any_platform(define: Define) -> None:
    text = 'target "default" {\nplatforms = ["local"]\nplatform "linux/arm" { target = "x" }\n}'
    assert list(resolve(define(text)).targets["default"].variants) == [ARM]


@pytest.mark.parametrize(
    ("text", "summary", "place", "hint"),
    [
        ("platform {}", "about one platform", "0.hcl:2:10", 'write platform "OS/ARCH" { }'),
        ('platform "a" "b" {}', "about one platform", "0.hcl:2:14", 'write platform "OS/ARCH" { }'),
        ('platform "x y" {}', "invalid platform", "0.hcl:2:10", "write os/arch or os/arch/variant"),
        (
            'platform "linux/arm64" { arg = {} }',
            "'arg' cannot differ",
            "0.hcl:2:26",
            "did you mean 'args'?",
        ),
        (
            'platform "linux/arm64" { tags = [] }',
            "'tags' cannot differ",
            "0.hcl:2:26",
            f"these can: {', '.join(TABLE)}",
        ),
        (
            'platform "linux/arm64" {\nx {}\n}',
            "no blocks inside",
            "0.hcl:3:1",
            "",
        ),
        (
            'platform "linux/arm64" { args = 1 }',
            "attribute 'args'",
            "0.hcl:2:33",
            "",
        ),
    ],
)
def test_malformed_blocks(define: Define, text: str, summary: str, place: str, hint: str) -> None:
    with pytest.raises(DefinitionError, match=summary) as caught:
        define(f'target "default" {{\n{text}\n}}')
    assert str(caught.value.span) == place
    assert caught.value.hint == hint


def test_what_a_block_says_is_checked(define: Define) -> None:
    text = f'target "default" {{\n{PLATFORMS}\nplatform "linux/arm64" {{\ncontext = "-"\n}}\n}}'
    with pytest.raises(DefinitionError, match="standard input") as caught:
        resolve(define(text))
    assert str(caught.value.span) == "0.hcl:4:11"


def test_the_epoch_reaches_every_platform(define: Define) -> None:
    text = f'target "default" {{\n{PLATFORMS}\nplatform "linux/arm" {{ args = {{ A = "1" }} }}\n}}'
    target = resolve(define(text, environ={"SOURCE_DATE_EPOCH": "7"})).targets["default"]
    assert target.for_platform(ARM).args == {"A": "1", "SOURCE_DATE_EPOCH": "7"}


def test_links_of_one_platform_are_followed(define: Define) -> None:
    text = """
      target "default" {
        platforms = ["linux/amd64", "linux/arm64", "local"]
        platform "linux/arm64" { contexts = { x = "target:base" } }
      }
      target "base" { platforms = ["linux/arm64", "linux/s390x"] }
    """
    assert list(resolve(define(text.replace(', "local"', ""))).targets) == ["default", "base"]
    # Nobody knows whether the local platform is the one that links to the other target.
    with pytest.raises(DefinitionError, match="lacks local"):
        resolve(define(text))


def test_what_one_platform_asks_for_must_be_granted(define: Define) -> None:
    text = f'target "default" {{\n{PLATFORMS}\nplatform "linux/arm" {{ context = "/etc" }}\n}}'
    found = [str(e) for e in needed(resolve(define(text)).targets.values())]
    assert found == ["fs.read=.", "fs.read=/etc"]


def test_contexts_are_relative_to_the_file_of_the_block(define: Define) -> None:
    found = define(
        f'target "default" {{ {PLATFORMS} }}',
        'target "default" {\nplatform "linux/arm" { context = "x" }\n'
        'platform "linux/arm64" { target = "t" }\n}',
        names=("a/x.hcl", "b/y.hcl"),
        environ={"BUILDX_BAKE_FILE_RELATIVE_PATHS": "1"},
    )
    target = resolve(found).targets["default"]
    assert target.context == "b"
    assert target.for_platform(ARM).context == "b/x"
    assert target.for_platform(ARM64).context == "b"


JSON = {
    "target": {
        "default": {
            "platforms": ["linux/arm64"],
            "platform": {"linux/arm64": {"args": {"P": "${self.platform}"}}},
        }
    }
}


def test_json(define: Define) -> None:
    target = resolve(define(json.dumps(JSON))).targets["default"]
    assert target.for_platform(ARM64).args == {"P": "linux/arm64"}


@pytest.mark.parametrize("value", ['"linux/arm64"', "null", "{}", '{"a": "b"}', "[]", "[[{}]]"])
def test_other_values_are_an_unknown_attribute(define: Define, value: str) -> None:
    found = define(f'{{"target": {{"default": {{"platform": {value}}}}}}}')
    assert found.targets["default"].variants == {}
    assert [warning.summary for warning in found.warnings] == [
        "unknown target attribute 'platform' is ignored"
    ]


def test_each_block_is_an_extension(define: Define) -> None:
    found = define(FAMILY)
    assert [extension.what for extension in found.extensions] == ["a platform block"] * 3
    lines = [extension.span.line for extension in found.extensions if extension.span]
    assert lines == sorted(lines)


def reread(define: Define, found: Resolution) -> str:
    return show.text(resolve(define(show.text(found)), found.requested))


def test_printing_is_a_fixed_point(define: Define) -> None:
    found = resolve(define(FAMILY))
    document = json.loads(show.text(found))
    assert document["target"]["default"]["platform"] == {
        "linux/arm64": {"args": {"A": "block", "C": "child"}}
    }
    assert reread(define, found) == show.text(found)


# The samples of these are no values that a target can have.
_ODD = ("annotations", "shm-size", "ulimits", "resources", "call", "output", "policy")
_OWN = ("timeout", "retries", "verify", "verify-allow", "device", "publish.requires")
_blocks = st.fixed_dictionaries(
    {}, optional={n: values(a) for n, a in TABLE.items() if n not in _OWN}
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    general=st.fixed_dictionaries({}, optional={n: values(a) for n, a in ATTRIBUTES.items()}),
    arm64=_blocks,
    arm=_blocks,
)
def test_printing_any_target_is_a_fixed_point(
    define: Define, general: dict[str, Any], arm64: dict[str, Any], arm: dict[str, Any]
) -> None:
    for name in (*_ODD, *_OWN):
        general.pop(name, None)
    general["platforms"] = ("linux/arm64", "linux/arm/v7", "linux/amd64")
    variants = {ARM64: Draft(values=arm64), ARM: Draft(values=arm)}
    draft = Draft(values=general, variants=variants)
    found = resolve(Definition(targets={"t": draft}), ["t"])
    assert reread(define, found) == show.text(found)


def test_self_platform_is_of_blocks_only(define: Define) -> None:
    with pytest.raises(EvaluationError, match=r"no self\.platform here") as caught:
        define('target "t" { args = { P = self.platform } }')
    assert str(caught.value.span) == "0.hcl:1:27"
