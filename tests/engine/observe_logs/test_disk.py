"""Room on the zones' file systems."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from console.engine.context import Context
from console.engine.environment import Environment
from console.engine.observe import disk
from console.engine.settings.model import Settings, Zones
from console.engine.workspace.layout import Workspace

SETTINGS = Settings("config/console.toml", "toml", "0" * 64)


def context(root: Path, zones: Zones | None = None) -> Context:
    return Context(Workspace(root), replace(SETTINGS, zones=zones or Zones()), Environment())


def test_zones_on_one_file_system_are_one_entry_whether_they_exist_or_not(tmp_path: Path) -> None:
    (tmp_path / "data/raw/funding_sources").mkdir(parents=True)
    (found,) = disk.zone_disks(context(tmp_path))
    assert found.zones == (
        "raw",
        "validated",
        "backups",
        "archive",
        "cleaned",
        "enriched",
        "serveable",
        "ledger",
    )
    told = os.statvfs(tmp_path)
    assert found.total == told.f_blocks * told.f_frsize
    assert 0 <= found.percent <= 100 and 0 <= found.free <= found.total
    assert found.inodes_total == told.f_files and found.filesystem
    assert str(tmp_path).startswith(found.mount)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system at /dev/shm")
def test_a_zone_elsewhere_is_its_own_entry(tmp_path: Path) -> None:
    zones = Zones(serveable="/dev/shm/not-made-yet/serveable")
    first, second = disk.zone_disks(context(tmp_path, zones))
    assert "serveable" not in first.zones
    assert second.zones == ("serveable",)
    assert (second.mount, second.filesystem) == ("/dev/shm", "tmpfs")


def test_percent_counts_what_this_user_may_use_as_df_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = (4096, 4096, 1000, 300, 200, 0, 0, 0, 0, 255)  # 100 blocks are root's, inodes are not counted
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(numbers))
    (found,) = disk.zone_disks(context(tmp_path))
    assert (found.total, found.used, found.free) == (1000 * 4096, 700 * 4096, 200 * 4096)
    assert round(found.percent, 1) == 77.8
    assert (found.inodes_total, found.inodes_free) == (0, -1)


def test_what_cannot_be_asked_is_said_and_nothing_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> os.statvfs_result:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "statvfs", refuse)
    (found,) = disk.zone_disks(context(tmp_path))
    assert (found.problem, found.total, found.percent) == ("Input/output error", 0, 0.0)


def test_without_a_mount_table_and_with_escapes_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "mountinfo"
    root = str(tmp_path / "a b").replace(" ", "\\040")
    table.write_text(f"22 1 0:2 / {root} rw - ext9 /dev/x rw\nbroken line\n")
    monkeypatch.setattr(disk, "_TABLE", str(table))
    (tmp_path / "a b").mkdir()
    (found,) = disk.zone_disks(context(tmp_path / "a b"))
    assert (found.mount, found.filesystem) == (str(tmp_path / "a b"), "ext9")
    table.unlink()
    (found,) = disk.zone_disks(context(tmp_path / "a b"))
    assert found.filesystem == "" and found.total > 0
