"""Brakes and gate as pure functions of what was seen and what is found."""

from __future__ import annotations

import pytest

from console.engine.checks import brakes
from console.engine.checks.gate import ALL, RELEASABLE, apply_settings, headroom_item, refusal, space_items
from console.engine.errors import UsageError
from console.engine.model import Check, GateItem, ZoneSpace
from console.engine.settings.model import BrakeSetting

LIMITS = BrakeSetting()


def seen(**keywords: object) -> brakes.Seen:
    return brakes.Seen(**keywords)  # type: ignore[arg-type]


def found(zones: dict[str, str] | None = None, sources: dict[str, int] | None = None, missing: int = 0) -> brakes.Found:
    return brakes.Found(zones or {}, sources or {}, missing)


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [({}, {"raw": "a"}, "pass"), ({"raw": "a"}, {"raw": "a"}, "pass"), ({"raw": "a"}, {"raw": "b"}, "fail")],
)
def test_zone_on_another_file_system(before: dict[str, str], now: dict[str, str], verdict: str) -> None:
    assert brakes.zone_brake(seen(zones=before), found(now)).verdict == verdict


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        ({}, {"a": 0}, "pass"),
        ({"a": 0}, {"a": 0}, "pass"),
        ({"a": 3}, {"a": 1}, "pass"),
        ({"a": 3}, {"a": 0}, "fail"),
        ({"a": 3}, {}, "pass"),  # not looked at by this plan
    ],
)
def test_source_that_lost_all_its_files(before: dict[str, int], now: dict[str, int], verdict: str) -> None:
    assert brakes.source_brake(seen(sources=before), found(sources=now)).verdict == verdict


@pytest.mark.parametrize(
    ("published", "missing", "verdict"),
    [
        (0, 0, "pass"),
        (20, 9, "pass"),
        (20, 10, "fail"),
        (10_000, 400, "pass"),
        (10_000, 501, "fail"),
        (1_000_000, 1001, "fail"),
    ],
)
def test_missing_files(published: int, missing: int, verdict: str) -> None:
    assert brakes.missing_brake(LIMITS, seen(published=published), found(missing=missing)).verdict == verdict


@pytest.mark.parametrize(
    ("share", "failed", "judged", "waiting", "known", "files", "verdict"),
    [
        (None, 50, 50, 50, 0, 50, "pass"),  # no earlier run to compare with
        (0.0, 9, 9, 9, 0, 20, "pass"),  # too few to be an accident
        (0.0, 10, 10, 10, 0, 20, "fail"),
        (0.5, 10, 10, 10, 0, 20, "pass"),
        (0.1, 20, 200, 2000, 0, 2000, "pass"),
        (0.1, 60, 200, 2000, 0, 2000, "fail"),  # reckoned from a tenth of them
        (0.4, 10, 10, 10, 40, 100, "pass"),
    ],
)
def test_failures_up_by_ten_points(
    share: float | None, failed: int, judged: int, waiting: int, known: int, files: int, verdict: str
) -> None:
    item = brakes.failures_brake(
        LIMITS, seen(failing_share=share), failed=failed, judged=judged, waiting=waiting, known=known, files=files
    )
    assert item.verdict == verdict


def test_space_and_inodes_by_file_system() -> None:
    items = {i.name: i for i in space_items([ZoneSpace(("validated",), "/data", 100, 99, 5, 10)])}
    assert (items["space"].refuses, items["inodes"].refuses) == (True, False)
    items = {i.name: i for i in space_items([ZoneSpace(("validated",), "/data", 10, 99, 15, 10)])}
    assert (items["space"].refuses, items["inodes"].refuses) == (False, True)
    items = {i.name: i for i in space_items([ZoneSpace(("validated",), "/data", 10, 99, 15, -1)])}
    assert not items["inodes"].refuses
    assert headroom_item({"/": 19.0}).verdict == Check.WARN
    assert headroom_item({"/": 21.0}).verdict == Check.PASS


def fails(name: str, *, blocks: bool = True) -> GateItem:
    return GateItem(name, Check.FAIL, blocks, "because", "do this")


def test_configuration_and_overrides_decide_what_blocks() -> None:
    assert refusal(apply_settings([fails("missing")], {}, {})) is not None
    assert refusal(apply_settings([fails("missing")], {"missing": "warn"}, {})) is None
    assert apply_settings([fails("missing")], {"missing": "off"}, {}) == []
    assert refusal(apply_settings([fails("missing", blocks=False)], {"missing": "block"}, {})) is not None
    assert refusal(apply_settings([fails("missing")], {}, {"missing": "I know"})) is None
    unknown = GateItem("space", Check.UNKNOWN, True, "cannot tell")
    assert refusal(apply_settings([unknown], {}, {})) is not None
    assert refusal(apply_settings([unknown], {"space": "warn"}, {})) is None


@pytest.mark.parametrize("name", [*sorted(set(ALL) - set(RELEASABLE)), "nothing"])
def test_what_cannot_be_waved_through(name: str) -> None:
    with pytest.raises(UsageError):
        apply_settings([], {}, {name: "please"})
