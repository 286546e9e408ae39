from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from bakex.engines.buildkit.caches import Caches, tag_of, translate
from bakex.errors import SessionError, UnsupportedAttributeError
from bakex.model.caches import CacheEntry
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_MANIFEST
from bakex.model.node import Feature
from bakex.model.platform import Platform
from bakex.model.target import Target
from bakex.oci.layout import OciLayout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bakex.config import Settings
    from tests.unit.engines.buildkit.conftest import MakeInfo

DIGEST = "sha256:" + "b" * 64


def entry(kind: str, **attrs: str) -> CacheEntry:
    return CacheEntry(type=kind, attrs=attrs)


class Translator:
    def __init__(self, make_info: MakeInfo, settings: Settings) -> None:
        self.make_info = make_info
        self.settings = settings

    def __call__(self, *without: Feature, **fields: Any) -> Caches:
        target = Target(name="t", **fields)
        return translate(target, self.make_info(*without), self.settings)


@pytest.fixture
def translator(make_info: MakeInfo, settings: Settings) -> Translator:
    return Translator(make_info, settings)


def test_registry_caches_pass(translator: Translator) -> None:
    one = entry("registry", ref="r/c", mode="max")
    assert translator(cache_from=(one,), cache_to=(one,)) == Caches(imports=(one,), exports=(one,))


def test_a_local_cache_is_read_by_digest(translator: Translator, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "index.json").write_text(
        '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json",'
        f'"digest":"{DIGEST}","size":1,'
        '"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}'
    )
    found = translator(cache_from=(entry("local", src="c", tag="latest"),))
    assert found.imports == (entry("local", src="c", digest=DIGEST),)
    assert found.directories == {"c": tmp_path / "c"}


def test_a_local_cache_that_is_not_there_yet_is_left_out(translator: Translator) -> None:
    assert translator(cache_from=(entry("local", src="nowhere"),)) == Caches()
    pinned = entry("local", src="nowhere", digest=DIGEST)
    assert translator(cache_from=(pinned,)).imports == (pinned,)


def test_a_local_cache_is_written(translator: Translator, tmp_path: Path) -> None:
    given = entry("local", dest="out/c", tag="v1", mode="max")
    found = translator(cache_to=(given,))
    assert found.exports == (entry("local", dest="out/c", mode="max"),)
    assert found.directories == {"out/c": tmp_path / "out/c"}
    assert tag_of(given) == "v1"
    assert tag_of(entry("local", dest="x")) == "latest"


def test_a_local_cache_without_a_directory(translator: Translator) -> None:
    with pytest.raises(SessionError, match="cache-from type=local needs src"):
        translator(cache_from=(entry("local"),))
    with pytest.raises(SessionError, match="cache-to type=local needs dest"):
        translator(cache_to=(entry("local"),))


def test_a_node_that_only_does_inline_caches(translator: Translator) -> None:
    inline = entry("inline")
    assert translator(Feature.REMOTE_CACHE, cache_to=(inline,)).exports == (inline,)
    with pytest.raises(UnsupportedAttributeError, match="cannot write a cache of type 'registry'"):
        translator(Feature.REMOTE_CACHE, cache_to=(entry("registry", ref="r"),))


def test_the_build_argument_for_inline_caches(translator: Translator) -> None:
    inline = entry("inline")
    assert translator(args={"BUILDKIT_INLINE_CACHE": "1"}).exports == (inline,)
    assert translator(args={"BUILDKIT_INLINE_CACHE": "0"}).exports == ()
    both = translator(args={"BUILDKIT_INLINE_CACHE": "true"}, cache_to=(inline,))
    assert both.exports == (inline,)


def test_s3_credentials_are_filled_in(translator: Translator) -> None:
    environ = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}
    translator.settings = replace(translator.settings, environ=environ)
    found = translator(cache_from=(entry("s3", bucket="b", access_key_id="mine"),))
    assert found.imports == (
        entry("s3", bucket="b", access_key_id="mine", secret_access_key="key"),
    )


def test_github_caches_count_on_github_only(translator: Translator) -> None:
    given = entry("gha", scope="s")
    assert translator(cache_from=(given,), cache_to=(given,)) == Caches()
    one = {"ACTIONS_CACHE_URL": "u1", "ACTIONS_RUNTIME_TOKEN": "t"}
    translator.settings = replace(translator.settings, environ=one)
    assert translator(cache_to=(given,)).exports == (entry("gha", scope="s", url="u1", token="t"),)
    two = {**one, "ACTIONS_CACHE_SERVICE_V2": "true", "ACTIONS_RESULTS_URL": "u2"}
    translator.settings = replace(translator.settings, environ=two)
    assert translator(cache_to=(given,)).exports == (
        entry("gha", scope="s", url_v2="u2", token="t"),
    )


# ---------------------------------------------------------------- several platforms

BOTH = ("linux/amd64", "linux/arm/v7")


@pytest.mark.parametrize(
    ("given", "key", "name"),
    [
        (entry("registry", ref="r:5000/a"), "ref", "r:5000/a:latest-linux-arm-v7"),
        (entry("registry", ref="r:5000/a:c"), "ref", "r:5000/a:c-linux-arm-v7"),
        (entry("s3", bucket="b", name="n"), "name", "n-linux-arm-v7"),
        (entry("azblob"), "name", "buildkit-linux-arm-v7"),
    ],
)
def test_each_platform_has_a_cache_of_its_own(
    make_info: MakeInfo, settings: Settings, given: CacheEntry, key: str, name: str
) -> None:
    target = Target(name="t", platforms=BOTH, cache_to=(given,), cache_from=(given,))
    first, second = (
        translate(target, make_info(), settings, Platform.parse(text)) for text in BOTH
    )
    assert (first.exports, first.imports) == ((given,), (given,))
    own = CacheEntry(type=given.type, attrs={**given.attrs, key: name})
    assert second.exports == (own,)
    assert second.imports == (own, given)


def test_names_that_stay_what_they_are(make_info: MakeInfo, settings: Settings) -> None:
    arm = Platform.parse("linux/arm/v7")
    for given, platforms in (
        (entry("inline"), BOTH),
        (entry("registry", ref="a@sha256:0"), BOTH),
        (entry("registry", ref="a:c"), ("linux/arm/v7",)),
        (entry("registry", ref="a:c"), ()),
    ):
        target = Target(name="t", platforms=platforms, cache_to=(given,))
        assert translate(target, make_info(), settings, arm).exports == (given,)


@pytest.mark.parametrize("first", ["local", "linux"])
def test_the_machines_own_platform_is_the_first_one(
    make_info: MakeInfo, settings: Settings, first: str
) -> None:
    settings = replace(settings, machine="linux/arm64")
    given = entry("local", dest="cache")
    target = Target(name="t", platforms=(first, "linux/arm/v7"), cache_to=(given,))
    suffixes = [
        translate(target, make_info(), settings, Platform.parse(text)).suffix
        for text in ("linux/arm64", "linux/arm/v7")
    ]
    assert suffixes == ["", "-linux-arm-v7"]


async def test_a_local_cache_of_several_platforms(make_info: MakeInfo, settings: Settings) -> None:
    layout = OciLayout.create(settings.cwd / "cache")
    digests: list[str] = []
    for tag in ("latest", "latest-linux-arm-v7"):
        found = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(tag.encode()), size=len(tag))
        await layout.push(found, partial(_once, tag.encode()))
        await layout.tag(found, tag)
        digests.append(str(found.digest))
    source = (entry("local", src="cache"),)
    target = Target(name="t", platforms=BOTH, cache_from=source)
    first, second = (
        translate(target, make_info(), settings, Platform.parse(text)).imports for text in BOTH
    )
    assert [one.attrs["digest"] for one in first] == digests[:1]
    assert [one.attrs["digest"] for one in second] == [digests[1], digests[0]]


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
