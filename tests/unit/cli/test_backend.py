from __future__ import annotations

from typing import TYPE_CHECKING

from bakex import api
from bakex.cli.backend import Installed, Invocation, invocation
from bakex.progress.stream import EventStream
from bakex.run.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from bakex.cli.seam import Reading


def test_the_real_thing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker-bake.hcl").write_text('target "app" { tags = ["x"] }\n')
    monkeypatch.chdir(tmp_path)
    backend = Installed()
    settings = backend.settings()
    assert settings.cwd == tmp_path
    assert isinstance(backend.clock(), SystemClock)
    reading: Reading = {
        "files": (),
        "variables": (),
        "env_files": (),
        "strict": True,
        "url": "",
        "context_url": "",
    }
    definition = backend.read(settings, **reading)
    assert list(definition.targets) == ["app"]
    resolution = backend.define(
        settings, **reading, targets=["app"], overrides=["app.tags=y"], check=True
    )
    assert resolution.targets["app"].tags == ("y",)
    assert type(backend.private_engine(settings)) is type(api.private_engine(settings))
    assert backend.connect(settings, builder="", events=EventStream()) is not None


def test_the_object_of_a_context() -> None:
    carried = Invocation(Installed())
    assert invocation(carried) is carried
