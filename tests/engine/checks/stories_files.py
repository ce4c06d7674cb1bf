"""Stories of the files: zones, sources, what waits and fails, copies, damage, archives, disks."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from console.engine.actions.archive.model import ArchiveParams
from console.engine.actions.rollback.model import RollbackParams
from console.engine.observe.failures import FailureSelection
from console.engine.observe.failures_accept import accept
from console.engine.runs.query import list_runs
from tests.engine.checks.site import flip
from tests.engine.checks.stories import (
    ALPHA,
    SCHEMA,
    Scene,
    broken_ledger,
    closed,
    fresh,
    published,
    running,
    sql,
    story,
)
from tests.support import invalid_record, valid_record, write_raw
from tests.support.workspace import RAW, VALIDATED


@story("permissions")
def permissions(place: Path) -> Iterator[Scene]:
    site = fresh(place)
    yield Scene(site, "pass", "nothing stands in anybody's way")
    site.raw("alpha/1.json").chmod(0o744)
    yield Scene(site, "warn", "alpha/1.json: a data file with x")
    site.raw("alpha/1.json").chmod(0o200)
    yield Scene(site, "fail", "alpha/1.json: not readable for its owner")
    with closed(site.root / "data"):
        yield Scene(site, "unknown", "data/raw/funding_sources is not there, or not to be looked at")


@story("zone")
def zones(place: Path) -> Iterator[Scene]:
    site = fresh(place)
    validated = site.published("")
    yield Scene(site, "unknown", "the parameter `zone` is empty")
    yield Scene(site, "pass", "nothing was run here yet", {"zone": "raw"})
    yield Scene(site, "pass", "nothing in it, and nothing was run", {"zone": "backups"})
    site.migrate()
    for zone in ("raw", "validated", "backups"):
        yield Scene(site, "pass", "on the file system of the last run", {"zone": zone})
    site.published("alpha/1.json").unlink()
    yield Scene(site, "warn", "3 of 4 files looked at are there", {"zone": "validated"})
    shutil.move(validated, place / "away")
    yield Scene(site, "fail", "there is no data/transformed/validated, and", {"zone": "validated"})
    validated.mkdir()
    yield Scene(site, "fail", "none of 4 files", {"zone": "validated"})
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read", {"zone": "validated"})
    with closed(validated):
        yield Scene(site, "unknown", "cannot be looked at", {"zone": "validated"})
    sql(site, "UPDATE zones_seen SET filesystem = 'uuid:another' WHERE zone = 'raw'")
    yield Scene(site, "fail", "on another file system than at the last run", {"zone": "raw"})
    sql(site, "DELETE FROM zones_seen")
    yield Scene(site, "pass", "4 of 4 files looked at are there", {"zone": "raw"})
    yield Scene(site, "unknown", "no run has said yet on which file system", {"zone": "backups"})
    shutil.rmtree(site.root / RAW)
    yield Scene(site, "fail", "there is no data/raw", {"zone": "raw"})
    shutil.rmtree(site.root / ".opsconsole")
    yield Scene(site, "unknown", "there is no ledger that says what it had", {"zone": "validated"})


@story("source")
def one_source(place: Path) -> Iterator[Scene]:
    site = fresh(place)
    yield Scene(site, "unknown", "the parameter `source` is empty")
    yield Scene(site, "pass", "alpha has 3 data files (3 .json)", {"source": "alpha"})
    write_raw(site.root, "alpha/note.xyz", "text")
    yield Scene(site, "warn", "ignored 1: unknown suffix .xyz", {"source": "alpha"})
    yield Scene(site, "fail", "there is no source 'gamma'", {"source": "gamma"})
    yield Scene(site, "fail", "there is no source", {"source": "../.."})
    site.raw("beta/a.csv").unlink()
    yield Scene(site, "fail", "beta has no data file", {"source": "beta"})
    write_raw(site.root, "alpha/deep/x.json", valid_record(5))
    with closed(site.raw("alpha/deep")):
        yield Scene(site, "unknown", f"{ALPHA}/deep cannot be looked at", {"source": "alpha"})
    (site.root / SCHEMA).write_text("{")
    yield Scene(site, "unknown", "", {"source": "alpha"})


@story("waiting")
def waiting(place: Path) -> Iterator[Scene]:
    site = fresh(place)
    yield Scene(site, "fail", "4 files wait")
    yield Scene(site, "unknown", "nothing was run here yet", {"most": 9})
    site.migrate()
    yield Scene(site, "pass", "0 files wait")
    young = write_raw(site.root, "beta/bad.json", invalid_record(0))
    yield Scene(site, "fail", "1 file of beta waits", {"source": "beta"})
    yield Scene(site, "pass", "1 file waits", {"most": 1})
    yield Scene(site, "pass", "0 files of alpha wait", {"source": "alpha"})
    yield Scene(site, "unknown", "there is no source 'gamma'", {"source": "gamma"})
    site.young(young)
    site.young(write_raw(site.root, "alpha/young.json", valid_record(20)))
    assert site.migrate() == 1
    yield Scene(site, "pass", "0 files wait")  # it fails; that it is read again because it was young is no waiting
    write_raw(site.root, "alpha/1.json", valid_record(50))
    yield Scene(site, "fail", "1 file waits")
    site.migrate()
    state = site.root / "logs/migration/.migration_state.json"
    document = json.loads(state.read_text())
    document["processed_files"].popitem()
    state.write_text(json.dumps(document))
    yield Scene(site, "fail", "1 file waits")  # taken out of the state file: it counts as not processed
    with closed(site.raw("beta")):
        yield Scene(site, "unknown", f"{RAW}/beta cannot be looked into")
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read")
    shutil.rmtree(site.root / RAW)
    yield Scene(site, "unknown", f"{RAW} is not there")


@story("failing")
def failing(place: Path) -> Iterator[Scene]:
    bad = {f"beta/{n}.json": invalid_record(n) for n in (0, 1, 3)}
    site = fresh(place, {"alpha/1.json": valid_record(1), **bad})
    yield Scene(site, "unknown", "nothing was run here yet")
    site.migrate()
    yield Scene(site, "fail", "3 files fail unanswered")
    yield Scene(site, "pass", "3 files fail", {"most": 3})
    yield Scene(site, "pass", "0 files fail unanswered, source alpha", {"source": "alpha"})
    yield Scene(site, "unknown", "there is no source 'gamma'", {"source": "gamma"})
    yield Scene(site, "fail", "2 files fail unanswered, cause required:date", {"cause": "required:date"})
    yield Scene(site, "fail", "1 file fails unanswered, file", {"file": f"{RAW}/beta/1.json"})
    yield Scene(site, "pass", "0 files fail", {"file": "alpha/1.json"})
    yield Scene(site, "unknown", "no run has judged", {"file": "alpha/2.json"})
    yield Scene(site, "unknown", "outside", {"file": "/etc/passwd"})
    accept(site.ctx(), FailureSelection(cause="required:date"), "the source knows")
    yield Scene(site, "pass", "0 files fail unanswered, cause required:date; 2 accepted", {"cause": "required:date"})
    yield Scene(site, "fail", "1 file fails unanswered; 2 accepted")
    write_raw(site.root, "beta/1.json", valid_record(7))
    yield Scene(site, "unknown", "has changed since it was judged", {"file": "beta/1.json"})
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read")


@story("published")
def is_published(place: Path) -> Iterator[Scene]:
    site = published(place, {**{f"alpha/{n}.json": valid_record(n) for n in range(3)}, "beta/bad.json": b"{"})
    one, all_ = {"file": f"{RAW}/alpha/1.json"}, {"source": "alpha"}
    yield Scene(site, "unknown", "the parameter `file` is empty")
    yield Scene(site, "pass", f"{VALIDATED}/alpha/1.json stands as it was published", one)
    yield Scene(site, "pass", "stands as it was published", {"file": f"{VALIDATED}/alpha/1.json"})
    yield Scene(site, "pass", "alpha: 3 published files there with their sizes, 3 read", all_)
    yield Scene(site, "fail", "it fails (records)", {"file": "beta/bad.json"})
    yield Scene(site, "fail", "nothing of beta is published", {"source": "beta"})
    write_raw(site.root, "alpha/1.json", valid_record(50))
    yield Scene(site, "warn", "has changed since", one)
    copy = site.published("alpha/1.json")
    flip(copy)
    yield Scene(site, "fail", "Checksum mismatch", one)
    yield Scene(site, "fail", "of 3 published files 1 with other bytes", all_)
    copy.write_text("longer than it was, by far and by hand, and of no record at all" * 9)
    yield Scene(site, "fail", "1 with other bytes", all_)
    with closed(site.published("alpha")):
        yield Scene(site, "unknown", "cannot be looked at", one)
        yield Scene(site, "unknown", "cannot be looked at", all_)
    copy.unlink()
    yield Scene(site, "fail", "is not there", one)
    yield Scene(site, "fail", "1 missing", all_)
    os.mkfifo(copy)  # nobody waits for what comes out of it
    yield Scene(site, "fail", "it is no plain file", one)
    yield Scene(site, "fail", "1 with other bytes", all_)
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read", one)
    site.run("rollback", RollbackParams(list_runs(site.ctx())[-1].id))
    yield Scene(site, "fail", "holds it", {"file": "alpha/2.json"})


@story("verified")
def verified(place: Path) -> Iterator[Scene]:
    site = published(place)
    start = {"since": site.now.isoformat()}
    yield Scene(site, "unknown", "the parameter `since` is empty")
    yield Scene(site, "unknown", "which is no time", {"since": "soon"})
    yield Scene(site, "unknown", "no verify of everything has begun", start)
    site.verify(source="alpha")
    yield Scene(site, "unknown", "no verify of everything has begun", start)
    yield Scene(site, "pass", "everything of alpha read", {**start, "source": "alpha"})
    yield Scene(site, "unknown", "no verify of beta", {**start, "source": "beta"})
    site.verify(subset="1/2")
    yield Scene(site, "unknown", "no verify of everything", start)
    site.verify(subset="2/2")
    yield Scene(site, "pass", "everything read since", start)
    yield Scene(site, "unknown", "no verify", {"since": site.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")})
    yield Scene(site, "unknown", "is yet to come", {"since": "2999-01-01"})
    flip(site.published("alpha/1.json"))
    site.verify()
    yield Scene(site, "fail", "1 file damaged or lost: data/transformed/validated/alpha/1.json", start)
    yield Scene(site, "pass", "everything of beta read", {**start, "source": "beta"})
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read", start)


@story("damage")
def damage(place: Path) -> Iterator[Scene]:
    site = fresh(place, {"alpha/1.json": valid_record(1), "alpha/2.json": valid_record(2)})
    yield Scene(site, "unknown", "there is no ledger")
    site.migrate()
    yield Scene(site, "unknown", "nothing was verified yet")
    site.verify()
    yield Scene(site, "pass", "4 files verified")
    flip(site.raw("alpha/1.json"))
    site.migrate(checksum=True)
    yield Scene(site, "fail", "1 file damaged or lost: data/raw/funding_sources/alpha/1.json: changed without a trace")
    site.published("alpha/2.json").unlink()
    site.verify()
    yield Scene(site, "fail", "2 files damaged or lost")
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read")


@story("archive")
def one_archive(place: Path) -> Iterator[Scene]:
    site = published(place)
    label = {"label": "2024"}
    yield Scene(site, "unknown", "the parameter `label` is empty")
    yield Scene(site, "fail", "there is no data/raw/_archive/2024/SHA256SUMS", label)
    yield Scene(site, "fail", "is no label", {"label": "../2024"})
    assert site.run("archive", ArchiveParams(source="alpha", label="2024", reason="old")) == 0
    yield Scene(site, "pass", "2024: 3 files read", label)
    sums = site.root / "data/raw/_archive/2024/SHA256SUMS"
    kept = sums.read_text()
    sums.write_text("".join(kept.splitlines(keepends=True)[1:]))
    yield Scene(site, "fail", "in the ledger, and not in data/raw/_archive/2024/SHA256SUMS", label)
    sums.write_text(kept + "not a line\n")
    yield Scene(site, "fail", "line 4 of", label)
    sums.write_text(kept)
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read", label)
    with closed(sums.parent):
        yield Scene(site, "unknown", "cannot be looked at", label)
    flip(next(sums.parent.rglob("1.json")))
    yield Scene(site, "fail", "1.json: Checksum mismatch", label)
    kept_one = next(sums.parent.rglob("1.json"))
    kept_one.unlink()
    yield Scene(site, "fail", "1.json: it is not there", label)
    kept_one.symlink_to(site.published("alpha/1.json"))
    yield Scene(site, "fail", "1.json: it is no plain file", label)


@story("by-hand")
def by_hand(place: Path) -> Iterator[Scene]:
    yield Scene(fresh(place / "fresh"), "unknown", "there is no ledger")
    site = published(place / "ws")
    yield Scene(site, "pass", "4 files in data/transformed/validated, by size and time as they were published")
    with running(site):
        yield Scene(site, "unknown", "is in progress")
    stray = site.published("alpha/other.json")
    stray.write_text("{}")
    yield Scene(site, "warn", "1 file that no run published: data/transformed/validated/alpha/other.json")
    stray.unlink()
    site.published("beta/_metadata.json").write_text("{}")
    yield Scene(site, "warn", "beta/_metadata.json")
    write_raw(site.root, "beta/_metadata.json", "{}")  # it came with its data: the next run takes it up
    yield Scene(site, "pass", "5 files in")
    with closed(site.published("beta")):
        yield Scene(site, "unknown", "data/transformed/validated/beta cannot be looked at")
    copy = site.published("alpha/1.json")
    kept, facts = copy.read_bytes(), copy.stat()
    copy.write_bytes(kept[:10])
    yield Scene(site, "fail", "1 published copy is shorter than it was published")
    copy.write_bytes(kept)
    yield Scene(site, "fail", "1 published copy was written by somebody else")
    os.utime(copy, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    yield Scene(site, "pass", "5 files")
    copy.unlink()
    yield Scene(site, "fail", "1 published copy was deleted")
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read")


@story("new-version")
def new_version(place: Path) -> Iterator[Scene]:
    site = published(place, {"alpha/1.json": invalid_record(0), "alpha/2.json": valid_record(2)})
    one = {"file": "alpha/1.json"}
    yield Scene(site, "unknown", "the parameter `file` is empty")
    yield Scene(site, "fail", "has the bytes that failed at", one)
    yield Scene(site, "unknown", "does not fail", {"file": "alpha/2.json"})
    write_raw(site.root, "alpha/1.json", json.dumps(invalid_record(0)))
    yield Scene(site, "fail", "has the bytes that failed at", one)  # another file, the same bytes
    write_raw(site.root, "alpha/1.json", valid_record(1))
    yield Scene(site, "pass", "has other bytes than those that failed", one)
    with closed(site.raw("alpha/1.json")):
        yield Scene(site, "unknown", "cannot be looked at", one)
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read", one)
    site.migrate()
    yield Scene(site, "pass", "a later version was published", one)
    flip(site.raw("alpha/2.json"))
    site.migrate(checksum=True)
    yield Scene(site, "fail", "has the bytes that failed", {"file": "alpha/2.json"})
    flip(site.raw("alpha/2.json"))
    yield Scene(site, "pass", "has other bytes", {"file": "alpha/2.json"})


@story("raw-whole")
def raw_whole(place: Path) -> Iterator[Scene]:
    site = published(place, {"alpha/1.json": valid_record(1), "alpha/2.json": valid_record(2), "beta/b.json": b"{"})
    one = {"file": "alpha/1.json"}
    yield Scene(site, "unknown", "the parameter `file` is empty")
    yield Scene(site, "unknown", "no run has read", {"file": "alpha/3.json"})
    yield Scene(site, "pass", "has its first-seen checksum", one)
    yield Scene(site, "pass", "has its first-seen checksum", {"file": "beta/b.json"})
    flip(site.raw("alpha/1.json"))
    yield Scene(site, "fail", "has other bytes than when it was seen first", one)
    write_raw(site.root, "alpha/1.json", valid_record(50))
    yield Scene(site, "fail", "has other bytes than when it was seen first", one)
    site.migrate()
    yield Scene(site, "pass", "has its first-seen checksum", one)
    with closed(site.raw("alpha/1.json")):
        yield Scene(site, "unknown", "cannot be looked at", one)
    assert site.run("archive", ArchiveParams(source="alpha", label="old", reason="old")) == 0
    yield Scene(site, "pass", "data/raw/_archive/old/funding_sources/alpha/1.json has its first-seen checksum", one)
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read", one)
    shutil.rmtree(site.root / "data/raw/_archive/old")
    yield Scene(site, "fail", "is not there", one)
    site.raw("beta/b.json").unlink()
    yield Scene(site, "fail", "is not there", {"file": "beta/b.json"})
    os.mkfifo(site.raw("beta/b.json"))
    yield Scene(site, "fail", "is no plain file", {"file": "beta/b.json"})


@story("device")
def device(place: Path) -> Iterator[Scene]:
    from tests.engine.checks.stories import smartctl

    site = fresh(place / "ws")
    there = {"zone": "validated"}
    yield Scene(site, "unknown", "the parameter `zone` is empty")
    yield Scene(site, "unknown", "disk /dev/sdx; there is no smartctl here", there)
    smartctl(place, {"model_name": "Iron Disk", "smart_status": {"passed": True}})
    yield Scene(site, "pass", "disk /dev/sdx (Iron Disk): SMART passes it", there)
    yield Scene(site, "unknown", "a read-only session starts no program", there, read_only=True)
    smartctl(place, {"smart_status": {"passed": True}}, status=64)
    yield Scene(site, "warn", "logged errors", {"zone": "ledger"})
    pending = {"ata_smart_attributes": {"table": [{"id": 197, "raw": {"value": 8}}]}}
    smartctl(place, {"smart_status": {"passed": True}, **pending})
    yield Scene(site, "warn", "8 sectors that cannot be read", there)
    smartctl(place, {"smart_status": {"passed": False}}, status=8)
    yield Scene(site, "fail", "SMART says that it fails", {"zone": "logs"})
    denied = {"smartctl": {"messages": [{"string": "Smartctl open device: /dev/sdx failed: Permission denied"}]}}
    smartctl(place, denied, status=2)
    yield Scene(site, "unknown", "Permission denied", there)
    smartctl(place, "not JSON at all\x1b[2J")
    yield Scene(site, "unknown", "not JSON at all", there)
    (place / "sys/dev").rename(place / "sys/no")
    yield Scene(site, "unknown", "no disk of this machine is known behind it", there)
