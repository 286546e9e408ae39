"""Two layers, entry by entry."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from bakex.oci.compare_layers import Contents, compare_contents
from bakex.oci.layers import entries
from bakex.oci.memory import MemoryStore
from bakex.testing.images import put_blob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.model.descriptor import Descriptor

Entry = tuple[str, bytes, dict[str, Any]]


def file(name: str, content: bytes = b"", **fields: Any) -> Entry:
    return name, content, fields


def link(name: str, to: str) -> Entry:
    return file(name, type=tarfile.SYMTYPE, linkname=to)


async def put(store: MemoryStore, listed: Sequence[Entry]) -> Descriptor:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content, fields in listed:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            for key, value in fields.items():
                setattr(entry, key, value)
            archive.addfile(entry, io.BytesIO(content))
    return await put_blob(store, target.getvalue(), "application/vnd.oci.image.layer.v1.tar")


async def compared(a: Sequence[Entry], b: Sequence[Entry], *, most: int = 100) -> Contents:
    store = MemoryStore()
    left, right = await put(store, a), await put(store, b)
    return await compare_contents(entries(store, left), entries(store, right), most=most)


async def test_the_same_entries_differ_in_nothing() -> None:
    listed = [file("a", b"1"), link("b", "a"), file("a", b"2")]
    found = await compared(listed, listed)
    assert found.files == ()
    assert not any(found.counts.values())
    assert found.moved is None


@pytest.mark.parametrize(
    ("entry", "keys"),
    [
        (file("f", b"two"), {"content"}),
        (file("f", b"longer"), {"content", "size"}),
        (file("f", b"one", mode=0o4755), {"mode"}),
        (file("f", b"one", uid=7, gid=8, uname="me", gname="us"), {"uid", "gid", "user", "group"}),
        (file("f", b"one", mtime=1_700_000_000), {"modified"}),
        (file("f", b"one", pax_headers={"SCHILY.xattr.user.x": "1"}), {"xattrs"}),
        (file("f", b"one", pax_headers={"atime": "1"}), {"pax"}),
        (file("./f", b"one"), {"written"}),
        (link("f", "one"), {"type", "size", "content", "link"}),
        (file("f", type=tarfile.CHRTYPE, devmajor=1, devminor=3), {
            "type", "size", "content", "device",
        }),
    ],
)  # fmt: skip
async def test_what_differs_is_named(entry: Entry, keys: set[str]) -> None:
    found = await compared([file("f", b"one")], [entry])
    (difference,) = found.files
    assert (difference.path, difference.status) == ("f", "changed")
    assert set(difference.differs) == keys
    assert found.counts == {"added": 0, "removed": 0, "changed": 1}


async def test_values_are_those_that_people_know() -> None:
    odd = file(
        "a\udcff",
        mode=0o755,
        mtime=1_700_000_000.5,
        devmajor=8,
        devminor=1,
        type=tarfile.BLKTYPE,
        pax_headers={"SCHILY.xattr.user.x": "1", "comment": "why"},
    )
    (difference,) = (await compared([], [odd])).files
    assert difference.path == "a\\xff"
    assert difference.a is None
    assert difference.b == {
        "type": "block device",
        "mode": "0755",
        "uid": 0,
        "gid": 0,
        "user": "",
        "group": "",
        "modified": "2023-11-14T22:13:20.5Z",
        "device": "8:1",
        "xattrs": {"user.x": "31"},
        "pax": {"comment": "why", "hdrcharset": "BINARY"},
    }


@pytest.mark.parametrize(
    ("mtime", "text"),
    [(-5, "@-5"), (253_402_300_800, "@253402300800"), (0, "1970-01-01T00:00:00Z")],
)
async def test_times_that_no_calendar_has(mtime: int, text: str) -> None:
    (difference,) = (await compared([file("a", mtime=mtime)], [])).files
    assert difference.a is not None
    assert difference.a["modified"] == text


async def test_added_and_removed_files_come_by_path() -> None:
    found = await compared(
        [file("d", b"1"), file("b"), file("c")], [file("e"), file("d", b"2"), file("a"), file("c")]
    )
    assert [(f.path, f.status) for f in found.files] == [
        ("a", "added"),
        ("b", "removed"),
        ("d", "changed"),
        ("e", "added"),
    ]
    assert found.files[2].heads == (b"1", b"2")
    assert found.moved is None


async def test_the_order_of_the_entries() -> None:
    found = await compared([file(n) for n in "abcd"], [file(n) for n in "acbd"])
    assert not any(found.counts.values())
    assert found.moved is not None
    assert (found.moved.path, found.moved.a, found.moved.b) == ("c", 3, 2)
    turned = await compared([file(n) for n in "xyz"], [file(n) for n in "zyx"])
    assert turned.moved is not None
    assert turned.moved.to_json() == {"path": "x", "a": 1, "b": 3}
    inserted = await compared([file(n) for n in "abc"], [file(n) for n in "xaybzc"])
    assert inserted.moved is None


async def test_a_name_that_occurs_twice() -> None:
    found = await compared([file("a", b"1"), file("a", b"2")], [file("a", b"1"), file("a", b"3")])
    assert found.counts["changed"] == 1
    found = await compared([file("a", b"1")], [file("a", b"1"), file("a", b"1")])
    assert found.counts == {"added": 1, "removed": 0, "changed": 0}


async def test_files_that_tell_more_come_first() -> None:
    """A thousand new times must not hide the one content that differs."""
    names = [f"{number:03}" for number in range(50)]
    a = [file("dir", type=tarfile.DIRTYPE), *(file(name) for name in names), file("x", b"1")]
    b = [(name, content, {**fields, "mtime": 1}) for name, content, fields in a[:-1]]
    found = await compared(a, [*b, file("x", b"2")], most=3)
    assert [f.path for f in found.files] == ["x", "000", "001"]
    found = await compared(a, b, most=99)
    assert [f.path for f in found.files][:2] == ["x", "000"]
    assert found.files[-1].path == "dir"


async def test_all_are_counted_and_some_are_told_of() -> None:
    names = [f"{number:03}" for number in range(50)]
    found = await compared([file(name) for name in reversed(names)], [], most=3)
    assert found.counts["removed"] == 50
    assert [f.path for f in found.files] == names[:3]
    assert (await compared([file("a")], [], most=0)).files == ()
