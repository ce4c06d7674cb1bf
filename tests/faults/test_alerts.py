"""The rule of disks on a real file system that fills and empties."""

from __future__ import annotations

import os
from pathlib import Path

from console.engine.model import Check
from tests.engine.checks.alert_site import Site
from tests.faults.conftest import Mounts
from tests.support import VALIDATED, valid_record

MIB = 1 << 20


def test_a_disk_passes_warns_fails_and_cannot_tell(place: Path, mounts: Mounts) -> None:
    site = Site(place / "ws", {"alpha/one.json": [valid_record(1)]}, {"off": []})
    zone = mounts.tmpfs(site.root / VALIDATED, "size=10m,nr_inodes=1000")
    ballast = zone / ".ballast"
    key = f"disk:{zone}"

    def fill(percent: float) -> None:
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, int(percent * MIB / 10))

    def verdict(*before: str) -> Check:
        (reading,) = [each for each in site.ask("disk", before) if each.key == key]
        assert "validated" in reading.text and str(zone) in reading.text
        return reading.verdict

    assert site.migrate() == 0
    fill(50)
    assert verdict() == Check.PASS
    fill(78.5)
    assert verdict() == Check.PASS  # not raised yet
    assert verdict(key) == Check.WARN
    fill(85)
    assert verdict() == Check.WARN
    site.put("alpha/two.json", [valid_record(2)])
    site.later(60)
    assert site.migrate() == 0  # leaves a sample of how full it was
    fill(78.5)
    assert verdict() == Check.WARN  # as any program says that looks now for the first time
    fill(96)
    assert verdict() == Check.FAIL
    fill(60)
    site.later(60)
    assert site.migrate() == 0
    fill(78.5)
    assert verdict() == Check.PASS
    fill(10)
    for number in range(900):
        (zone / f".{number}").touch()
    (inodes,) = [each for each in site.ask("disk") if each.key == key]
    assert inodes.verdict == Check.WARN and "inodes free" in inodes.text
    assert key in site.alerts()
    # a zone that cannot be looked at, beside one that can
    cleaned = site.root / "data/transformed/cleaned"
    cleaned.symlink_to(cleaned)
    unknown = [each for each in site.ask("disk") if each.verdict == Check.UNKNOWN]
    assert len(unknown) == 1 and unknown[0].alerts and "cleaned" in unknown[0].text
