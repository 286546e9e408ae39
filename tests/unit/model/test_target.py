from __future__ import annotations

from dataclasses import fields

from bakex.model.attributes import Merge, Shape, declared
from bakex.model.target import Target

TABLE = {name: attr for name, (_, attr) in declared(Target).items()}


def test_every_field_but_the_name_is_an_attribute() -> None:
    assert [field.name for field in fields(Target)] == [
        "name", *(field for field, _ in declared(Target).values())
    ]  # fmt: skip


def test_fields_are_spelled_like_their_attributes() -> None:
    for name, (field, _) in declared(Target).items():
        assert field == name.replace("-", "_")


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
