"""Whatever was done through the engine, no probe finds anything wrong afterwards: what they find is not our making."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from console.engine.actions.archive.model import ArchiveParams
from console.engine.actions.repair.model import RepairParams
from console.engine.actions.rollback.model import RollbackParams
from console.engine.model import ActionParams
from console.engine.runs.query import list_runs
from tests.engine.checks.site import LEDGER, Site
from tests.engine.checks.stories import GOOD, asked, published, real_now
from tests.engine.checks.test_stories import place  # noqa: F401 - a fixture
from tests.support import valid_record, write_raw
from tests.support.another import STATE

WHOLE = (
    "settled",
    "ledger",
    "state-file",
    "permissions",
    "waiting",
    "failing",
    "stale",
    "adopted",
    "by-hand",
    "impact",
)


def last(site: Site) -> str:
    return list_runs(site.ctx())[0].id


def done(site: Site) -> Iterator[str]:
    """What somebody does, one thing after the other."""
    yield "migrate"
    write_raw(site.root, "alpha/1.json", valid_record(40))
    assert site.migrate() == 0
    yield "a newer version"
    assert site.run("rollback", RollbackParams(last(site))) == 0
    yield "rollback"
    assert site.run("rollback", RollbackParams(last(site))) == 0
    yield "its undo"
    site.published("alpha/2.json").unlink()
    assert site.verify() == 1 and site.run("repair", RepairParams()) == 0
    yield "repair"
    assert site.run("archive", ArchiveParams(match="beta/a.csv", label="old", reason="old")) == 0
    yield "archive"
    write_raw(site.root, "alpha/9.json", valid_record(90))
    site.killed("mirror.renamed:1")
    assert site.migrate() == 0
    yield "a run that died, and the next"
    (site.root / STATE).write_text('{"processed_files": {')
    assert site.run("state rebuild", ActionParams()) == 0
    yield "a state file made anew"
    (site.root / LEDGER).write_bytes(b"")
    assert site.run("state rebuild", ActionParams()) == 0 and site.migrate() == 0
    yield "a ledger made anew"


def test_no_probe_finds_anything_wrong_after_what_was_done_as_it_should_be(place: Path) -> None:  # noqa: F811
    site = published(place / "ws", {**GOOD, "alpha/_metadata.json": {"a": 1}}).later(hours=4)
    since = real_now()
    asking = [(probe, {}) for probe in WHOLE]
    asking += [("zone", {"zone": zone}) for zone in ("raw", "validated", "backups")]
    asking += [("published", {"source": source}) for source in ("alpha", "beta")]
    for what in done(site):
        begun = site.now.isoformat() if "anew" in what else since  # who wrote before nobody can tell
        for probe, given in [*asking, ("foreign-writer", {"since": begun})]:
            result = asked(site, probe, given)
            assert str(result.verdict) == "pass", f"{what}: {probe} {given}: {result.verdict}: {result.evidence}"
