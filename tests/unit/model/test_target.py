from __future__ import annotations

from dataclasses import fields

import pytest

from bakex.model.attributes import Merge, Shape, declared
from bakex.model.platform import Platform
from bakex.model.target import Target

TABLE = {name: attr for name, (_, attr) in declared(Target).items()}


def test_every_field_but_the_name_and_the_variants_is_an_attribute() -> None:
    assert [field.name for field in fields(Target)] == [
        "name", *(field for field, _ in declared(Target).values()), "variants"
    ]  # fmt: skip


def test_fields_are_spelled_like_their_attributes() -> None:
    for name, (field, _) in declared(Target).items():
        assert field == name.replace("-", "_").replace(".", "_")


def test_composites_can_be_read() -> None:
    for name, attr in TABLE.items():
        assert (attr.composite is not None) == (attr.shape is Shape.COMPOSITES), name


def test_names_under_set_are_unique() -> None:
    names = [attr.set_name for attr in TABLE.values() if attr.set_name]
    assert len(names) == len(set(names))


def test_every_attribute_is_described() -> None:
    for attr in TABLE.values():
        assert attr.doc.endswith(".")


def test_texts_are_replaced_and_never_joined() -> None:
    for name, attr in TABLE.items():
        if attr.shape in {Shape.STRING, Shape.BOOLEAN}:
            assert attr.merge is Merge.REPLACE, name


def test_an_empty_target_sets_nothing() -> None:
    target = Target(name="a")
    assert (target.context, target.tags, target.args, target.output) == (None, (), {}, ())


AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")


def test_a_target_without_variants_is_the_same_everywhere() -> None:
    target = Target(name="a", platforms=("linux/amd64",))
    assert target.for_platform(AMD64) is target
    assert target.effective() == (target,)


def test_a_variant_is_applied() -> None:
    target = Target(name="a", target="x", variants={ARM64: {"target": "y"}})
    assert target.for_platform(ARM64) == Target(name="a", target="y")
    assert target.for_platform(AMD64) == Target(name="a", target="x")


@pytest.mark.parametrize(
    ("platforms", "stages"),
    [
        (("linux/amd64", "linux/arm64/v8"), ["x", "y"]),
        (("linux/arm64/v8",), ["y"]),
        (("linux/arm64,local",), ["x", "y"]),
    ],
)
def test_the_forms_of_a_target(platforms: tuple[str, ...], stages: list[str]) -> None:
    target = Target(name="a", platforms=platforms, target="x", variants={ARM64: {"target": "y"}})
    assert [form.target for form in target.effective()] == stages


def test_what_can_differ_says_how_one_image_is_built() -> None:
    assert {name for name, attr in TABLE.items() if attr.per_platform} == {
        "args", "cache-from", "cache-to", "context", "contexts", "dockerfile", "dockerfile-inline",
        "labels", "no-cache-filter", "node", "retries", "secret", "ssh", "target", "timeout",
        "verify", "verify-allow",
    }  # fmt: skip
