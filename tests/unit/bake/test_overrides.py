from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.merge import ATTRIBUTES, Draft, finished, normalised
from bakex.bake.overrides import Override, applied, parse, split
from bakex.errors import OverrideError
from bakex.model.attestations import Attestation
from bakex.model.attributes import Attr, Shape, declared
from bakex.model.caches import CacheEntry
from bakex.model.outputs import Output
from bakex.model.secrets import Secret
from bakex.model.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

# A value for each shape that is not what is there before.
_SAMPLES = {
    Shape.STRING: ("64m", "64m"),
    Shape.BOOLEAN: ("true", True),
    Shape.STRINGS: ("new", ("new",)),
}
SETTABLE = [attr for attr in ATTRIBUTES.values() if attr.set_name]
LISTS = [attr for attr in SETTABLE if attr.shape is Shape.STRINGS]


def target(
    texts: list[str], environ: Mapping[str, str] | None = None, /, **values: object
) -> Target:
    names = {field: name for name, (field, _) in declared(Target).items()}
    spelled = {names[key]: value for key, value in values.items()}
    draft = Draft(values=spelled)  # type: ignore[arg-type]
    overrides = parse(texts, ["a", "b"], environ or {})
    return finished("a", normalised(applied(draft, overrides.get("a", ()))))


@pytest.mark.parametrize("attr", SETTABLE, ids=lambda attr: attr.set_name)
def test_every_settable_attribute_takes_what_it_is_given(attr: Attr) -> None:
    # The reference loses the value for three of them.
    if attr.shape is Shape.MAPPING:
        text, expected = f"a.{attr.set_name}.k=v", {"k": "v"}
    elif attr.shape is Shape.OBJECT:
        text, expected = f"a.{attr.set_name}.memory=1g", {"memory": "1g"}
    elif attr.composite is not None:
        written = {"secrets": "id=x", "ssh": "x", "policy": "reset=true"}
        sample = written.get(attr.set_name, "type=x,a=b")
        text = f"a.{attr.set_name}={sample}"
        expected = attr.composite.parse(sample)  # type: ignore[assignment]
    else:
        sample, expected = _SAMPLES[attr.shape]  # type: ignore[assignment]
        text = f"a.{attr.set_name}={sample}"
    field = attr.name.replace("-", "_").replace(".", "_")
    assert getattr(target([text]), field) == expected


@pytest.mark.parametrize("attr", LISTS, ids=lambda attr: attr.set_name)
def test_every_list_can_be_extended(attr: Attr) -> None:
    field = attr.name.replace("-", "_").replace(".", "_")
    found = target([f"a.{attr.set_name}+=new"], **{field: ("old",)})
    assert getattr(found, field) == ("old", "new")


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        (["a.tags=x"], ("x",)),
        (["a.tags=x", "a.tags=y"], ("x", "y")),
        (["a.tags+=x"], ("t", "x")),
        (["a.tags=x", "a.tags+=y"], ("t", "x", "y")),
        (["a.tags+=x", "a.tags=y"], ("x", "y")),
        (["a.tags="], ()),
        (["a.tags+="], ("t",)),
        (["a.tags=x,y"], ("x,y",)),
        (["a.tags=x", "*.tags=y"], ("x", "y")),
        (["a.tags.0=z"], ("z",)),
        (["b.tags=z"], ("t",)),
    ],
)
def test_lists_accumulate_and_the_last_operator_decides(
    options: list[str], tags: tuple[str, ...]
) -> None:
    assert target(options, tags=("t",)).tags == tags


def test_the_last_text_wins() -> None:
    assert target(["a.target=y", "a.target=z"], target="x").target == "z"
    assert target(["a.args.X=1", "a.args.X+=2"]).args == {"X": "2"}
    assert target(["a.args.x=8", "*.args.x=9"]).args == {"x": "9"}


def test_a_name_may_have_dots() -> None:
    assert target(["a.labels.com.x.y=1"]).labels == {"com.x.y": "1"}


def test_a_removed_context() -> None:
    assert target(["a.contexts.c="], contexts={"c": "x", "d": "y"}).contexts == {"d": "y"}


def test_an_argument_without_value_comes_from_the_environment() -> None:
    assert target(["a.args.H", "a.args.N"], {"H": "h"}).args == {"H": "h"}


def test_attestations_are_always_merged() -> None:
    found = target(["a.attest=type=provenance"], attest=(Attestation(type="sbom"),))
    assert [item.type for item in found.attest] == ["sbom", "provenance"]


def test_several_caches_in_one_option() -> None:
    found = target(["a.cache-from=x,y"], cache_from=(CacheEntry(type="local"),))
    assert [item.attrs["ref"] for item in found.cache_from] == ["x", "y"]


def test_caches_are_extended_behind_what_is_there() -> None:
    found = target(["a.cache-to+=x"], cache_to=(CacheEntry(type="inline"),))
    assert [item.type for item in found.cache_to] == ["inline", "registry"]


def test_a_declared_secret_is_replaced_in_place() -> None:
    secrets = (Secret(id="x"), Secret(id="y"))
    found = target(["a.secret.x=env=V"], secret=secrets)
    assert found.secret == (Secret(id="x", env="V"), Secret(id="y"))
    assert target(["a.secret.x=id=x,env=V"], secret=secrets).secret == found.secret


@pytest.mark.parametrize(
    "text", ["a.secret.z=env=V", "a.secret.x=id=y", "a.secret.x=", "a.secret.x=foo"]
)
def test_secrets_that_cannot_be_replaced(text: str) -> None:
    with pytest.raises(OverrideError):
        target([text], secret=(Secret(id="x"),))


IMAGE, DOCKER, REGISTRY = Output(type="image"), Output(type="docker"), Output(type="registry")
PUSHED = Output(type="image", attrs={"push": "true"})
LOCAL, FILE = Output(type="local", dest="x"), Output(type="docker", dest="z")


@pytest.mark.parametrize(
    ("before", "pushed", "loaded"),
    [
        ((), (PUSHED,), (DOCKER,)),
        ((IMAGE,), (PUSHED,), (IMAGE, DOCKER)),
        ((DOCKER,), (DOCKER, PUSHED), (DOCKER,)),
        ((FILE,), (FILE, PUSHED), (FILE, DOCKER)),
        ((REGISTRY,), (REGISTRY,), (REGISTRY, DOCKER)),
        ((LOCAL,), (LOCAL,), (LOCAL,)),
        ((DOCKER, IMAGE), (DOCKER, PUSHED), (DOCKER, IMAGE)),
    ],
)
def test_push_and_load(
    before: tuple[Output, ...], pushed: tuple[Output, ...], loaded: tuple[Output, ...]
) -> None:
    assert target(["a.push=true"], output=before).output == pushed
    assert target(["a.load=true"], output=before).output == loaded
    assert target(["a.load=false"], output=before).output == before


def test_push_off() -> None:
    found = target(["a.push=false"], output=(REGISTRY, IMAGE, DOCKER))
    assert found.output == (DOCKER, Output(type="image", attrs={"push": "false"}))


def test_explicit_outputs_come_before_push_and_load() -> None:
    found = target(["a.load=true", "a.push=true", "a.output=type=image"])
    assert found.output == (PUSHED, DOCKER)


@pytest.mark.parametrize(
    "text",
    [
        "a", "a=x", "a.context", "a.network", "a.args=1", "a.args", "a.contexts=x", "a.labels=x",
        "a.secret=id=x", "a.secret.x+=env=V", "zz.tags=x", ".tags=x", "[.tags=x", "a.resources=1",
    ],
)  # fmt: skip
def test_malformed_options(text: str) -> None:
    with pytest.raises(OverrideError):
        parse([text], ["a", "b"], {})


@pytest.mark.parametrize(
    "text",
    [
        "a.foo=x", "a.platforms=x", "a.inherits=b", "a.name=x", "a.description=x", "a.tags[0]=x",
        "a.no-cache=x", "a.no-cache=", "a.push=x", "a.load=x", "a.resources.foo=1",
        "a.resources.cpu-quota=x", "a.cache-from=ref=x", "a.output=a,b", "a.attest=sbom",
    ],
)  # fmt: skip
def test_what_cannot_be_set(text: str) -> None:
    overrides = parse([text], ["a", "b"], {})
    with pytest.raises(OverrideError):
        applied(Draft(), overrides["a"])


def test_errors_suggest() -> None:
    with pytest.raises(OverrideError) as caught:
        target(["a.tag=x"])
    assert caught.value.hint == "did you mean 'tags'?"
    with pytest.raises(OverrideError) as caught:
        parse(["app.tags=x"], ["apps"], {})
    assert caught.value.hint == "did you mean 'apps'?"


def test_overrides_do_not_change_what_they_are_laid_over() -> None:
    draft = Draft(values={"secret": (Secret(id="x"),), "args": {"a": "1"}})
    options = parse(["a.secret.x=env=V", "a.args.a=2", "a.push=true"], ["a"], {})["a"]
    applied(draft, options)
    assert draft == Draft(values={"secret": (Secret(id="x"),), "args": {"a": "1"}})


def test_split_gives_pattern_and_override() -> None:
    assert split("a*.tags+=x", {}) == (
        "a*", Override(key="tags", name="", values=("x",), extends=True)
    )  # fmt: skip


def test_a_malformed_option_does_not_repeat_its_value() -> None:
    with pytest.raises(OverrideError) as caught:
        split("TOKEN=hunter2", {})
    assert "hunter2" not in str(caught.value.diagnostics())
