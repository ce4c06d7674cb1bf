"""The server's time zone, whoever asks."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import TZPATH

import pytest

from console.engine.settings.time_zone import find_zone, nearest_zone, server_zone

JULY = datetime(2026, 7, 1, 12, tzinfo=UTC)


def zone_file(name: str) -> Path:
    for folder in TZPATH:
        file = Path(folder) / name
        if file.is_file():
            return file
    pytest.skip(f"not shown here: this machine has no time zone database with {name}")


def hour(zone: object) -> int:
    return JULY.astimezone(zone).hour  # type: ignore[arg-type]


def test_a_configured_zone_counts() -> None:
    assert hour(find_zone("Asia/Kolkata")) == 17


@pytest.mark.parametrize("name", ["Nowhere/City", "../etc/passwd", "/etc/localtime", "Europe", "a\0b", "x" * 5000])
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(LookupError, match="no time zone"):
        find_zone(name)


def test_the_servers_zone_by_its_link(tmp_path: Path) -> None:
    (tmp_path / "localtime").symlink_to(zone_file("America/New_York"))
    zone = server_zone(tmp_path / "localtime")
    assert (hour(zone), str(zone)) == (8, "America/New_York")


def test_the_servers_zone_by_a_copy(tmp_path: Path) -> None:
    (tmp_path / "localtime").write_bytes(zone_file("America/New_York").read_bytes())
    assert hour(find_zone("", tmp_path / "localtime")) == 8


@pytest.mark.parametrize("content", [None, b"", b"not a zone"])
def test_a_server_that_says_nothing_is_in_utc(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "localtime").write_bytes(content)
    assert hour(server_zone(tmp_path / "localtime")) == 12


def test_tz_of_whoever_asks_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "localtime").symlink_to(zone_file("America/New_York"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert os.environ["TZ"] == "Asia/Tokyo"
    assert hour(server_zone(tmp_path / "localtime")) == 8


def test_a_near_name_is_found() -> None:
    assert nearest_zone("europe/berln") == "Europe/Berlin"
    assert nearest_zone("New York") in ("", "America/New_York")
