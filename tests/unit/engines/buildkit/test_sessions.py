from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.engines.buildkit.sessions import Offer, Sessions
from bakex.errors import DialError, NodeError
from bakex.model.secrets import Secret
from bakex.session.health import Health

if TYPE_CHECKING:
    from bakex.engines.buildkit.registries import Names
    from bakex.session.attachable import Attachable
    from bakex.testing.buildkitd import FakeBuildkitd
    from tests.unit.engines.buildkit.conftest import UnixDialer


def services(offer: Offer, names: Names) -> list[Attachable]:
    return [Health(), *offer.files]


@pytest.fixture(params=["buildkit", "docker"])
def reached(
    request: pytest.FixtureRequest,
    daemon: FakeBuildkitd,
    dialer: UnixDialer,
    dockerd: FakeBuildkitd,
    docker_dialer: UnixDialer,
) -> tuple[FakeBuildkitd, UnixDialer]:
    return (daemon, dialer) if request.param == "buildkit" else (dockerd, docker_dialer)


async def test_the_same_offer_is_one_session_while_it_is_used(
    reached: tuple[FakeBuildkitd, UnixDialer], tmp_path: Path
) -> None:
    daemon, dialer = reached
    sessions = Sessions(dialer, "user", services)
    offer, same = (Offer(dirs={"context": tmp_path}) for _ in range(2))
    async with sessions.lease(offer) as first:
        async with sessions.lease(same) as second:
            assert second is first
        peer = await daemon.session(first.id)
        assert peer.shared_key == f"{tmp_path.name}:user"
    assert not first.is_open
    async with sessions.lease(offer) as third:
        await daemon.session(third.id)
        assert third.id != first.id
    assert daemon.opened == 2
    await sessions.aclose()
    await sessions.aclose()


async def test_concurrent_first_users_open_it_once(
    reached: tuple[FakeBuildkitd, UnixDialer], tmp_path: Path
) -> None:
    daemon, dialer = reached
    sessions = Sessions(dialer, "user", services)
    ids: set[str] = set()
    together = asyncio.Barrier(4)

    async def use() -> None:
        async with sessions.lease(Offer(dirs={"context": tmp_path})) as session:
            ids.add(session.id)
            await daemon.session(session.id)
            await together.wait()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(use())
    assert len(ids) == 1
    assert daemon.opened == 1
    await sessions.aclose()


async def test_a_lost_session_is_opened_again(
    reached: tuple[FakeBuildkitd, UnixDialer],
) -> None:
    _, dialer = reached
    sessions = Sessions(dialer, "", services)
    async with sessions.lease(Offer()) as first:
        await first.aclose()
        async with sessions.lease(Offer()) as second:
            assert second is not first
            assert second.is_open
    await sessions.aclose()


async def test_the_one_who_opened_it_may_leave_first(
    reached: tuple[FakeBuildkitd, UnixDialer],
) -> None:
    daemon, dialer = reached
    sessions = Sessions(dialer, "", services)
    leave, left = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with sessions.lease(Offer()):
            await leave.wait()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(first())
        await asyncio.sleep(0)
        async with sessions.lease(Offer()) as session:
            peer = await daemon.session(session.id)
            task.cancel()
            await asyncio.wait([task])
            left.set()
            assert session.is_open
            assert await peer.call("/grpc.health.v1.Health/Check", [b""]) == [b"\x08\x01"]
    await sessions.aclose()


async def test_closing_everything_ends_sessions_in_use(
    reached: tuple[FakeBuildkitd, UnixDialer],
) -> None:
    _, dialer = reached
    sessions = Sessions(dialer, "", services)
    async with sessions.lease(Offer()) as session:
        await sessions.aclose()
        assert not session.is_open


async def test_no_daemon_no_session(dialer: UnixDialer, docker_dialer: UnixDialer) -> None:
    for way in (dialer, docker_dialer):
        sessions = Sessions(way, "", services)
        with pytest.raises(DialError):
            async with sessions.lease(Offer()):
                pass
        await sessions.aclose()


async def test_a_failure_of_the_dialer_is_translated(docker_dialer: UnixDialer) -> None:
    async def connect(factory: object) -> asyncio.Transport:
        raise ConnectionResetError

    docker_dialer.connect = connect  # type: ignore[method-assign]
    with pytest.raises(NodeError):
        async with Sessions(docker_dialer, "", services).lease(Offer()):
            pass


# ---------------------------------------------------------------- offers


def test_what_makes_offers_equal(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    inline = Offer(dirs={"dockerfile": {"Dockerfile": b"FROM a"}})
    assert Offer(dirs={"context": tmp_path}).key == Offer(dirs={"context": link}).key
    assert inline.key == Offer(dirs={"dockerfile": {"Dockerfile": b"FROM a"}}).key
    different = [
        Offer(),
        Offer(dirs={"context": tmp_path}),
        Offer(dirs={"other": tmp_path}),
        inline,
        Offer(dirs={"dockerfile": {"Dockerfile": b"FROM b"}}),
        Offer(stores={"export": (tmp_path, True)}),
        Offer(secrets={"a": Secret(id="a", env="A")}),
        Offer(secrets={"a": Secret(id="a", src="A")}),
        Offer(files=[Health()]),
        Offer(files=[Health()]),
    ]
    assert len({offer.key for offer in different}) == len(different)


def test_the_key_of_a_build_without_a_directory() -> None:
    assert Offer().shared_key == ""
    assert Offer(dirs={"context": {"a": b""}}).shared_key == ""
    assert Offer(dirs={"context": Path("/a/b/..")}).shared_key == "a"


async def test_builds_of_one_session_share_the_registries_that_they_name(
    dialer: UnixDialer, daemon: FakeBuildkitd
) -> None:
    given: list[Names] = []

    def noted(offer: Offer, names: Names) -> list[Attachable]:
        given.append(names)
        return services(offer, names)

    sessions = Sessions(dialer, "", noted)
    async with sessions.lease(Offer(registries=frozenset({"a.example"}))) as first:
        (names,) = given
        assert (names.has("a.example"), names.has("b.example")) == (True, False)
        async with sessions.lease(Offer(registries=frozenset({"b.example"}))) as second:
            assert second is first
            assert names.has("b.example")
        async with sessions.lease(Offer(registries=None)):
            assert names.has("c.example")
    await sessions.aclose()
