"""The pre-flight list on file systems that really are full, or too small, and what goes on all the same."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.engine.checks.site import Site
from tests.faults.checker import BACKUPS
from tests.faults.conftest import Mounts
from tests.faults.scenario import Done, migrate, run
from tests.faults.test_full_disk import fill_inodes
from tests.support import make_workspace, valid_record, write_raw

pytestmark = pytest.mark.needs_root

_SURE = ("--yes", "--confirm", "ws", "--json")


def leave(top: Path, percent: int) -> None:
    """Ballast, so that so much of the file system stays free."""
    ballast = top / "ballast"
    ballast.unlink(missing_ok=True)
    facts = os.statvfs(top)
    left = facts.f_blocks * facts.f_frsize * percent // 100
    with ballast.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, facts.f_bavail * facts.f_frsize - left)


def two_megabytes(root: Path, version: int) -> None:
    for number in range(20):
        records = [valid_record(version * 100_000 + number * 1000 + n) for n in range(1000)]
        write_raw(root, f"alpha/{number}.json", records)


def gate_line(done: Done, root: Path, item: str) -> str:
    text = (root / f".opsconsole/runs/{done.summary['run']}/report.md").read_text()
    return next(line for line in text.splitlines() if f"`{item}`" in line)


def test_a_disk_at_97_percent_warns_and_holds_where_it_is_told_to_and_never_what_frees_undoes_or_repairs(
    place: Path, mounts: Mounts
) -> None:
    top = mounts.tmpfs(place / "disk", "size=300m,nr_inodes=4000")
    root = make_workspace(top / "ws", {"alpha/first.json": valid_record(1)})
    site = Site(root)
    assert site.says("disk")[0] == "pass"
    assert migrate(root).status == 0
    for version in (1, 2, 3):
        two_megabytes(root, version)
        assert site.migrate() == 0
    two_megabytes(root, 4)
    leave(top, 15)
    verdict, evidence = site.says("disk")
    assert verdict == "warn" and "15 % of bytes free, under 20 %" in evidence
    leave(top, 3)
    verdict, evidence = site.says("disk")
    assert verdict == "fail" and "3 % of bytes free, under 5 %" in evidence

    done = migrate(root)
    assert done.status == 0 and done.summary["counts"]["processed"] == 20, done.text
    warned = gate_line(done, root, "disk")
    assert warned.startswith("- ! warn `disk`") and "% of bytes free, under 5 %" in warned

    config = root / "config/console.toml"
    config.write_text(config.read_text() + '\n[gate]\ndisk = "block"\nbackups = "block"\nerrors = "block"\n')
    write_raw(root, "alpha/more.json", valid_record(9))
    refused = migrate(root)
    assert refused.status == 4 and "disk: " in refused.summary["message"], refused.text
    assert run(root, "verify", "--json").status == 0
    before = len(list((root / BACKUPS).iterdir()))
    pruned = run(root, "backups", "prune", "--keep-last", "1", *_SURE)
    assert pruned.status == 0 and len(list((root / BACKUPS).iterdir())) < before, pruned.text
    assert run(root, "rollback", done.summary["run"], *_SURE).status == 0
    (root / "data/transformed/validated/alpha/first.json").write_bytes(b"other bytes")
    assert run(root, "verify", "--json").status == 1
    assert run(root, "verify", "--repair", "--yes", "--json").status == 0
    over = [word for item in ("disk", "errors") for word in ("--override", item)]
    last = migrate(root, *over, "--reason", "a small one, and room comes tonight")
    assert last.status == 0, last.text
    assert "overridden: `a small one, and room comes tonight`" in gate_line(last, root, "disk")


def test_what_waits_has_to_fit_bytes_and_inodes_of_each_file_system(place: Path, mounts: Mounts) -> None:
    root = make_workspace(place / "ws")
    zone = mounts.tmpfs(root / "data/transformed/validated", "size=1m,nr_inodes=40")
    lists = {"preflight": [{"name": "room", "probe": "disk", "parameters": {"free": 0, "least": 0}}]}
    make_workspace(root, None, {"checklists": lists})
    site = Site(root)
    assert site.says("room")[0] == "pass"
    two_megabytes(root, 1)
    verdict, evidence = site.says("room")
    assert verdict == "fail" and f"{zone}: what waits needs" in evidence and "free" in evidence
    for path in site.raw("alpha").iterdir():
        path.write_text(json.dumps(valid_record(1)))
    free = fill_inodes(zone)
    verdict, evidence = site.says("room")
    assert verdict == "fail" and "inodes" in evidence
    free()
    assert site.says("room")[0] == "pass"


def test_a_sample_needs_room_and_a_folder_that_may_be_written(place: Path, mounts: Mounts) -> None:
    root = make_workspace(place / "ws", {"alpha/first.json": valid_record(1)})
    site = Site(root)
    assert site.migrate() == 0
    private = root / ".opsconsole"
    mounts.tmpfs(private, "size=80m")
    assert site.says("sample")[0] == "pass"
    leave(private, 10)
    verdict, evidence = site.says("sample")
    assert verdict == "unknown" and "no room" in evidence
    os.unlink(private / "ballast")
    assert os.listdir(private) == []
