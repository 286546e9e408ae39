"""The jobs that bake a project in parts."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from bakex.bake.resolve import Resolution
from bakex.cli.matrix import matrix
from bakex.errors import UsageError
from bakex.model.target import Target

APP = Target(name="app", platforms=("linux/amd64,linux/arm64",))
DB = Target(name="db.x", platforms=("linux/arm64/v8", "linux/arm/v7"))
BOTH = Resolution(targets={"app": APP, "db.x": DB}, requested=("app", "db.x"), groups={})
ARM = "linux/arm64=arm-box"


def made(format_: str, by: str = "platform", *runners: str, default: str = "") -> Any:
    text = matrix(BOTH, format_=format_, by=by, runners=runners, default=default)
    assert text.endswith("\n")
    return text


def test_platforms_for_github() -> None:
    text = made("github", "platform", ARM, default="any")
    assert text.count("\n") == 1  # $GITHUB_OUTPUT takes one line
    assert json.loads(text) == {
        "include": [
            {"name": "linux-amd64", "platform": "linux/amd64", "runner": "any"},
            {"name": "linux-arm64", "platform": "linux/arm64", "runner": "arm-box"},
            {"name": "linux-arm-v7", "platform": "linux/arm/v7", "runner": "any"},
        ]
    }


def test_targets_for_github() -> None:
    assert json.loads(made("github", "target", ARM))["include"] == [
        {"name": "app", "target": "app", "platform": "linux/amd64,linux/arm64"},
        {
            "name": "db.x",
            "target": "db.x",
            "platform": "linux/arm64,linux/arm/v7",
            "runner": "arm-box",
        },
    ]


def test_platforms_for_gitlab() -> None:
    assert yaml.safe_load(made("gitlab", "platform", ARM)) == {
        "bakex-shard": {
            "extends": ".bakex-shard",
            "parallel": {
                "matrix": [
                    {"BAKEX_NAME": "linux-amd64", "BAKEX_PLATFORM": "linux/amd64"},
                    {
                        "BAKEX_NAME": "linux-arm64",
                        "BAKEX_PLATFORM": "linux/arm64",
                        "BAKEX_RUNNER": "arm-box",
                    },
                    {"BAKEX_NAME": "linux-arm-v7", "BAKEX_PLATFORM": "linux/arm/v7"},
                ]
            },
        }
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("jenkins",), "invalid --format 'jenkins'"),
        (("github", "stage"), "invalid --by 'stage'"),
        (("github", "platform", "arm"), "invalid --runner 'arm'"),
        (("github", "platform", "linux/s390x=x"), "nothing is built for linux/s390x"),
        (("github", "platform", "a/b/c/d=x"), "invalid --runner 'a/b/c/d=x'"),
    ],
)
def test_options_that_mean_nothing(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        made(*arguments)


def test_a_target_without_platforms() -> None:
    alone = Resolution(targets={"x": Target(name="x")}, requested=("x",), groups={})
    with pytest.raises(UsageError, match="target 'x' does not name its platforms"):
        matrix(alone, format_="github", by="platform", runners=(), default="")
