"""What README and docs say of a call is what bench/claims.py measured, word for word."""

import importlib.util
import json
import re

import pytest
from conftest import ROOT

spec = importlib.util.spec_from_file_location("claims", ROOT / "bench/claims.py")
claims = importlib.util.module_from_spec(spec)
spec.loader.exec_module(claims)


@pytest.mark.parametrize("page", claims.PAGES)
def test_tables_are_the_measured_ones(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert re.search(r"<!-- claims:\w+ -->", text), f"{page} has no table of bench/claims.py"
    assert claims.written(text, json.loads(claims.CLAIMS.read_text(encoding="utf-8"))) == text, (
        "run python bench/claims.py"
    )


def test_the_figures_are_those_that_were_asked_for() -> None:
    """The limits that the project has set itself, as measured last."""
    quality = json.loads(claims.CLAIMS.read_text(encoding="utf-8"))["quality"]
    assert quality["amd"]["balanced_robust"] >= 0.98
    assert quality["amd"]["human"]["dead_air_p50"] <= 0.9
    assert quality["beep"]["generated"]["recall"] >= 0.97
    assert all(group["alarms"] == 0 for group in quality["beep"]["false_alarm_groups"].values())
    assert (quality["dtmf"]["accept_tests_passed"], quality["dtmf"]["reject_tests_passed"]) == ("52/52", "10/10")
    for min_ms in (100, 300):
        for line in ("echo", "none"):
            assert quality[f"barge_in_{min_ms}"][line]["right"] >= 0.97
