from __future__ import annotations

import pytest

from bakex.model.publication import Report, TargetReport


def test_a_report_is_indexed_by_target() -> None:
    report = Report(targets={"app": TargetReport(name="app")})
    assert report["app"].name == "app"
    with pytest.raises(KeyError):
        report["db"]
