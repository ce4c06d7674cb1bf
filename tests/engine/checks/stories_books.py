"""Stories of what is kept about the files: maintenance, dead runs, ledger, state file, runs, alerts, lists."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from console.engine.actions.rollback.model import RollbackParams
from console.engine.checks.alerts.answers import acknowledge
from console.engine.checks.alerts.look import look
from console.engine.checks.alerts.model import alerts_of
from console.engine.checks.kept import sign
from console.engine.checks.maintenance import turn_off, turn_on
from console.engine.model import ActionParams
from console.engine.runs.query import list_runs
from console.engine.workspace.entry_points import entry_point
from tests.engine.checks.site import LEDGER
from tests.engine.checks.stories import (
    GOOD,
    Scene,
    broken_ledger,
    closed,
    cron,
    fresh,
    published,
    real_now,
    running,
    sql,
    story,
)
from tests.support import invalid_record, valid_record, write_raw
from tests.support.another import STATE, upgrade_beyond, write_as_another
from tests.support.their_workspace import incumbent_workspace

OURS = ".opsconsole"


@story("maintenance")
def maintenance(place: Path) -> Iterator[Scene]:
    site = fresh(place)
    yield Scene(site, "fail", "runs still start")
    yield Scene(site, "pass", "runs may start", {"on": False})
    turn_on(site.ctx(), "the disk is changed")
    yield Scene(site, "pass", "the disk is changed")
    yield Scene(site, "fail", "the disk is changed", {"on": False})
    with closed(site.root / OURS):
        yield Scene(site, "unknown", "maintenance.json cannot be looked at")
        yield Scene(site, "unknown", "maintenance.json cannot be looked at", {"on": False})
    (site.root / OURS / "maintenance.json").write_text("{")  # whoever made it, no run starts
    yield Scene(site, "pass", "cannot be read")
    yield Scene(site, "fail", "cannot be read", {"on": False})
    turn_off(site.ctx())
    yield Scene(site, "pass", "runs may start", {"on": False})


@story("settled")
def dead_runs(place: Path) -> Iterator[Scene]:
    site = fresh(place)
    yield Scene(site, "pass", "nothing was run here yet")
    site.killed("publish.renamed:2")
    yield Scene(site, "fail", "(migrate) died and is not settled; ")
    with closed(site.published("")):
        yield Scene(site, "unknown", "data/transformed/validated cannot be looked at")
    assert site.migrate() == 0
    yield Scene(site, "pass", "nothing was left behind")
    with running(site):
        yield Scene(site, "unknown", "is in progress")
    half = site.root / OURS / "report.part"
    half.write_text("half")
    yield Scene(site, "warn", ".opsconsole/report.part")
    half.unlink()
    stray = site.published("alpha/.0.json.20260101T000000Z-migrate-dead.part")
    stray.write_text("half")
    yield Scene(site, "fail", "1 staged file that no unfinished run names")
    (site.root / LEDGER).unlink()
    yield Scene(site, "unknown", "there is no ledger, and a copy of one lies in .opsconsole")


@story("ledger")
def the_ledger(place: Path) -> Iterator[Scene]:
    site = fresh(place / "a")
    yield Scene(site, "unknown", "nothing was run here yet")
    site.migrate()
    yield Scene(site, "pass", "the ledger is whole: 4 files, 1 run")
    sql(site, "UPDATE runs SET message = message || 'x'")
    yield Scene(site, "fail", "changed since it ended")
    sql(site, "UPDATE runs SET message = substr(message, 1, length(message) - 1)")
    sql(site, "UPDATE files SET sha256 = ? WHERE path LIKE '%alpha/1.json'", "0" * 64)
    yield Scene(site, "fail", "alpha/1.json: another checksum than any run published")
    sql(site, "DROP INDEX runs_action")
    sql(site, "INSERT INTO meta VALUES ('rebuilding', '2026-03-01T00:00:00Z')")
    yield Scene(site, "fail", "a rebuild began at 2026-03-01T00:00:00Z and died")
    ledger = site.root / LEDGER
    kept = ledger.read_bytes()
    ledger.write_bytes(kept[:8192] + b"\xff" * 8192 + kept[16384:])
    yield Scene(site, "fail", "")
    with broken_ledger(site):
        yield Scene(site, "fail", "file is not a database")
    with closed(site.root / OURS):
        yield Scene(site, "unknown", "Permission denied")
    ledger.unlink()
    yield Scene(site, "fail", "there is no ledger, and a copy of one lies in .opsconsole, 1 run left a folder there")
    shutil.rmtree(site.root / OURS)
    yield Scene(site, "fail", "there is no ledger, and the state file names about 4 files")
    newer = published(place / "b", {"alpha/1.json": valid_record(1)})
    upgrade_beyond(newer.root)
    yield Scene(newer, "unknown", "opsconsole 0.9.0 has upgraded this ledger")


@story("state-file")
def the_state_file(place: Path) -> Iterator[Scene]:
    site = fresh(place)
    yield Scene(site, "unknown", "there is no ledger, and no state file")
    site.migrate()
    yield Scene(site, "pass", "parses and says what the ledger says")
    state = site.root / STATE
    kept, facts = state.read_bytes(), state.stat()
    with running(site):
        yield Scene(site, "unknown", "is in progress")
    with open(state, "r+b") as file:  # as a disk does it: no stat tells
        file.seek(40)
        file.write(b"\0")
    os.utime(state, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    yield Scene(site, "fail", "other bytes than were written, under the same size and time")
    state.write_bytes(kept)
    yield Scene(site, "pass", "parses")
    document = json.loads(kept)
    path, _ = document["processed_files"].popitem()
    state.write_text(json.dumps(document))
    yield Scene(site, "warn", "1 entry taken out")
    with broken_ledger(site):
        yield Scene(site, "unknown", "parses, 3 entries, and cannot be compared")
    state.write_bytes(kept[:300])
    os.utime(state, (1_700_000_000, 1_700_000_000))  # nobody is in the middle of it
    yield Scene(site, "fail", "line ")
    with broken_ledger(site):
        yield Scene(site, "fail", "line ")
    with closed(state):
        yield Scene(site, "unknown", "cannot be read")
    state.unlink()
    yield Scene(site, "fail", "was deleted: 4 files count as not processed")
    state.write_bytes(kept)
    sql(site, "UPDATE files SET records = 7 WHERE path = ?", path)
    yield Scene(site, "warn", "")


@story("run")
def one_run(place: Path) -> Iterator[Scene]:
    site = published(place)
    first = list_runs(site.ctx())[0]
    yield Scene(site, "unknown", "the parameter `run` is empty")
    yield Scene(site, "unknown", "there is no run 'ffffff'", {"run": "ffffff"})
    yield Scene(site, "pass", f"run {first.short} (migrate) ended done", {"run": first.short})
    with running(site):
        yield Scene(site, "unknown", "goes on", {"run": first.id})
    write_raw(site.root, "beta/bad.json", invalid_record(0))
    site.migrate()
    yield Scene(site, "warn", "ended partial", {"run": list_runs(site.ctx())[0].id})
    write_raw(site.root, "beta/new.json", valid_record(4))
    site.killed("run.planned:1")
    yield Scene(site, "fail", "died in ", {"run": list_runs(site.ctx())[0].id})
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read", {"run": first.id})


@story("undone")
def taken_back(place: Path) -> Iterator[Scene]:
    site = published(place)
    first = list_runs(site.ctx())[0].id
    yield Scene(site, "unknown", "the parameter `run` is empty")
    yield Scene(site, "fail", "was not taken back", {"run": first})
    site.killed("run.planned:1")
    yield Scene(site, "unknown", "is not settled yet", {"run": list_runs(site.ctx())[0].id})
    site.migrate()
    yield Scene(site, "pass", "changed nothing", {"run": list_runs(site.ctx())[0].id})
    site.published("alpha/1.json").write_text("by hand")
    site.run("rollback", RollbackParams(first))
    yield Scene(site, "warn", "left 1 file alone", {"run": first})
    again = list_runs(site.ctx())[0].id
    site.run("rollback", RollbackParams(again))
    yield Scene(site, "fail", "was not taken back", {"run": first})  # the undo was undone
    yield Scene(site, "pass", "was taken back whole by run ", {"run": again})
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read", {"run": again})


@story("alert")
def one_rule(place: Path) -> Iterator[Scene]:
    site = published(place, {f"alpha/{n}.json": invalid_record(3 * n) for n in range(12)})
    yield Scene(site, "unknown", "the parameter `rule` is empty")
    yield Scene(site, "unknown", "switched off", {"rule": "disk"})
    yield Scene(site, "pass", "the last whole migrate was", {"rule": "no-migration"})
    yield Scene(site, "unknown", "nothing was verified yet", {"rule": "mismatch"})
    yield Scene(site, "warn", "12 errors", {"rule": "errors"})
    yield Scene(site, "fail", "12 of 12", {"rule": "failure-rate"})
    raised = alerts_of(look(site.ctx()).readings, {})
    acknowledge(site.ctx(), [one for one in raised if one.key], "the source knows")
    yield Scene(site, "pass", "0 errors", {"rule": "errors"})
    yield Scene(site, "fail", "the source knows", {"rule": "failure-rate"})  # answered for, and as bad as it was
    with broken_ledger(site):
        yield Scene(site, "unknown", "", {"rule": "failure-rate"})


@story("adopted")
def adopted(place: Path) -> Iterator[Scene]:
    yield Scene(fresh(place / "ours"), "pass", "no other program's files wait")
    site = published(place / "run")
    yield Scene(site, "pass", "no other program's files wait")
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read")
    theirs = fresh(place / "theirs", {})
    (theirs.root / "data/_backups").rmdir()
    incumbent_workspace(theirs.root)
    yield Scene(theirs, "fail", "names files that another program published")
    (theirs.root / STATE).unlink()
    yield Scene(theirs, "unknown", "5 files in validated")


@story("foreign-writer")
def foreign_writer(place: Path) -> Iterator[Scene]:
    site = published(place / "ws").later(hours=4)  # later than the inodes, which have the time of this moment
    since = {"since": real_now()}
    yield Scene(site, "unknown", "the parameter `since` is empty")
    yield Scene(site, "unknown", "which is no time", {"since": "yesterday"})
    yield Scene(site, "unknown", "is yet to come", {"since": real_now(days=1)})
    yield Scene(site, "pass", "nobody else has written", since)
    with running(site):
        yield Scene(site, "unknown", "is in progress", since)
    cron(place, f"7 * * * * bob cd {site.root} && python3 scripts/migration/migrate.py --config c.json\n# migrate.py\n")
    yield Scene(site, "warn", "nobody else has written", since)
    lines = ["7 * * * * bob python3 /srv/other/migrate.py", "9 * * * * cd /srv/other && ./migrate.py"]
    cron(place, "\n".join([*lines, f"# was: cd {site.root} && python3 migrate.py"]))
    yield Scene(site, "pass", "nobody else has written", since)
    unit = place / "systemd/old.service"
    unit.parent.mkdir()
    unit.write_text(f"[Service]\nWorkingDirectory={site.root}\nExecStart=/usr/bin/python3 scripts/migrate.py\n")
    yield Scene(site, "warn", "ExecStart=/usr/bin/python3 scripts/migrate.py", since)
    unit.write_text("[Service]\nWorkingDirectory=/srv/other\nExecStart=/usr/bin/python3 scripts/migrate.py\n")
    yield Scene(site, "pass", "nobody else has written", since)
    script = site.root / "scripts/migration/migrate.py"
    script.parent.mkdir(parents=True)
    script.write_bytes(entry_point("migrate"))  # ours, which they may start as they did theirs
    cron(place, f"7 * * * * bob cd {site.root} && python3 scripts/migration/migrate.py\n")
    yield Scene(site, "pass", "nobody else has written", since)
    for side in (site.raw, site.published):  # of a ledger that was made anew: its next run takes it up
        side("beta/_metadata.json").write_text("{}")
    yield Scene(site, "pass", "nobody else has written", since)
    stray = site.published("alpha/new.json")
    stray.write_text("{}")
    yield Scene(site, "fail", "alpha/new.json: no row of the ledger names it", since)
    stray.unlink()
    copy = site.published("alpha/1.json")
    copy.write_bytes(copy.read_bytes() + b" ")
    yield Scene(site, "fail", "data/transformed/validated/alpha/1.json: changed by somebody else", since)
    with closed(site.published("beta")):
        yield Scene(site, "unknown", "data/transformed/validated/beta cannot be looked at", since)
    later = {"since": real_now(minutes=1)}
    yield Scene(site, "pass", "nobody else has written", later)  # it was before
    copy.unlink()
    yield Scene(site, "unknown", "1 published copy gone", since)
    again = published(place / "again").later(hours=4)
    since = {"since": real_now()}
    write_as_another(again.root)
    yield Scene(again, "fail", "another program wrote the state file", since)
    for _ in range(3):  # judged, written back and forgotten by the ledger; the log keeps it
        again.migrate()
    yield Scene(again, "fail", "another program wrote the state file", since)
    yield Scene(again, "pass", "nobody else has written", {"since": real_now(minutes=1)})
    theirs = fresh(place / "theirs", {}).later(hours=4)
    (theirs.root / "data/_backups").rmdir()
    incumbent_workspace(theirs.root)
    assert theirs.run("adopt", ActionParams()) == 0
    yield Scene(theirs, "unknown", "begins with the adopt of", since)
    yield Scene(theirs, "pass", "nobody else has written", {"since": theirs.now.isoformat()})
    (again.root / STATE).unlink()
    yield Scene(again, "fail", "was deleted", {"since": real_now(minutes=1)})  # nobody can tell when


@story("preflight")
def before_a_migration(place: Path) -> Iterator[Scene]:
    lists = {
        "preflight": [
            {"name": "schemas", "probe": "schemas"},
            {"name": "told", "sign_off": True},
            {"name": "errors", "probe": "errors", "parameters": {"most": 0}},
        ]
    }
    site = fresh(place, {**GOOD, "beta/bad.json": invalid_record(0)}, checklists=lists, gate={"errors": "off"})
    yield Scene(site, "unknown", "1 of 2 items unknown: told: nobody has signed it off")
    site.migrate()
    sign(site.ctx(), "told", "the team knows")
    yield Scene(site, "pass", "2 items, all pass")
    schema = site.root / "config/schemas/small.json"
    kept = schema.read_text()
    schema.write_text(kept + " ")
    yield Scene(site, "warn", "1 of 2 items warn: schemas: changed")
    site.later(days=40)
    yield Scene(site, "unknown", "told: signed 40 days ago")  # a warning must not hide it
    schema.write_text("{")
    yield Scene(site, "fail", "1 of 2 items fail: schemas")


@story("postflight")
def after_a_migration(place: Path) -> Iterator[Scene]:
    lists = {"postflight": [{"name": "checksums", "probe": "checksums"}, {"name": "counts", "probe": "counts"}]}
    site = fresh(place, checklists=lists)
    yield Scene(site, "unknown", "2 of 2 items unknown")
    site.migrate()
    yield Scene(site, "pass", "2 items, all pass")
    write_raw(site.root, "beta/new.json", valid_record(4))
    yield Scene(site, "warn", "counts")
    site.published("alpha/1.json").unlink()
    yield Scene(site, "fail", "2 of 2 items fail")
