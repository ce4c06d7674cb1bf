"""Each probe on workspaces where it passes, warns, fails and cannot tell: made for real, the clock handed in."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from console.engine.checks.alerts.answers import acknowledge
from console.engine.checks.alerts.settle import settled
from console.engine.checks.kept import ACKNOWLEDGE, ERRORS, sign
from console.engine.checks.probes.declared import PROBES
from console.engine.model import MigrateParams
from console.engine.observe.alerts import Cause
from console.engine.settings.checklists import COMMAND_VALID, DEFAULT, ItemSetting
from tests.engine.checks.site import LEDGER, Site, flip, snapshot
from tests.support import invalid_record, make_workspace, valid_record, write_raw
from tests.support.workspace import SMALL_SCHEMA

GOOD = {f"alpha/{n}.json": valid_record(n) for n in range(3)} | {"beta/a.csv": [valid_record(9)]}


def make(root: Path, files: dict[str, Any] | None = None, **config: Any) -> Site:
    return Site(make_workspace(root / "ws", GOOD if files is None else files, config))


@pytest.fixture
def done(tmp_path: Path) -> Site:
    """One migrate has published everything."""
    site = make(tmp_path / "done")
    assert site.migrate() == 0
    return site.later(minutes=5)


def break_ledger(site: Site) -> None:
    (site.root / LEDGER).write_bytes(b"no ledger at all" * 1000)


def test_nothing_passes_that_needs_a_ledger_which_cannot_be_read(done: Site) -> None:
    break_ledger(done)
    for item in (*DEFAULT.preflight, *DEFAULT.postflight):
        verdict, evidence = done.says(item.name)
        by_disk = item.name == "disk-after" or (item.name == "disk" and verdict == "fail")  # as the machine is
        assert verdict == "unknown" or by_disk, (item.name, evidence)
    assert len(DEFAULT.preflight) == 6 == len(DEFAULT.postflight)


def test_a_check_that_breaks_is_unknown(done: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*args: object, **more: object) -> None:
        raise ZeroDivisionError("a slip")

    monkeypatch.setattr("console.engine.checks.probes.counts.counts_agree", breaks)
    assert done.says("counts") == ("unknown", "the check itself broke: ZeroDivisionError: a slip")


def test_every_probe_is_there_with_its_parameters_and_the_runbooks_items_have_its_defaults() -> None:
    from importlib import import_module
    from inspect import signature

    for declared in PROBES.values():
        place, _, function = declared.place.partition(":")
        found = getattr(import_module(f"console.engine.checks.probes.{place}"), function)
        assert list(signature(found).parameters)[1:] == list(declared.parameters)
    for item in (*DEFAULT.preflight, *DEFAULT.postflight):
        if item.kind == "probe":
            declared = PROBES[item.probe]
            assert item.valid == declared.valid
            defaults = {name: parameter.default for name, parameter in declared.parameters.items()}
            assert {**item.parameters, "plan": None} == {**defaults, "plan": None}


# ── backups ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_backups(done: Site, tmp_path: Path) -> None:
    fresh = make(tmp_path / "fresh")
    assert fresh.says("backups") == ("pass", "nothing is kept yet that could be verified")
    write_validated = fresh.published("alpha/x.json")
    write_validated.parent.mkdir(parents=True)
    write_validated.write_text("{}")
    assert fresh.ask("backups").verdict == "unknown"  # files, and nobody knows what they have to be

    assert done.says("backups") == ("unknown", "no zone was ever verified")
    assert done.verify() == 0
    result = done.ask("backups")
    assert result.verdict == "pass" and "raw: 4 files read" in " ".join(result.details)
    assert done.later(days=7).ask("backups").verdict == "warn"
    assert done.later(days=-20).ask("backups").verdict == "unknown"  # verified in the future: a clock is wrong
    done.later(days=13)
    flip(done.published("alpha/1.json"))
    assert done.verify() == 1
    verdict, evidence = done.says("backups")
    assert verdict == "fail" and "validated 1" in evidence


def test_backups_verified_part_by_part_count_when_all_parts_are(done: Site) -> None:
    assert done.verify(subset="1/2") == 0
    done.later(days=3)
    assert done.verify(source="alpha") == 0
    assert done.ask("backups").verdict == "unknown"
    assert done.verify(subset="2/2") == 0
    assert done.says("backups")[1].startswith("every zone verified 3 days ago")  # the older part's age
    done.later(days=5)
    assert done.ask("backups").verdict == "warn"
    done.verify(subset="1/2")
    assert done.ask("backups").verdict == "pass"


# ── other runs ───────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def held(site: Site) -> Iterator[None]:
    with open(site.root / ".opsconsole/lock", "rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_other_runs(done: Site) -> None:
    assert done.says("other-run") == ("pass", "nobody holds the lock")
    with held(done):
        assert done.says("other-run") == ("fail", "somebody holds the lock")
    write_raw(done.root, "alpha/new.json", valid_record(50))
    done.killed("run.planned:1")
    verdict, evidence = done.says("other-run")
    assert verdict == "warn" and "died and is not settled" in evidence
    break_ledger(done)
    with held(done):
        assert done.ask("other-run").verdict == "fail"  # the lock alone tells that


# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_schemas(done: Site, tmp_path: Path) -> None:
    schema = done.root / "config/schemas/small.json"
    text = schema.read_text()
    assert done.says("schemas") == ("pass", "1 schema there and valid, unchanged since the last run")
    schema.write_text(json.dumps({**SMALL_SCHEMA, "minProperties": 1}))
    assert done.says("schemas") == ("warn", "changed since the last run: config/schemas/small.json")
    assert done.migrate() == 0
    assert done.ask("schemas").verdict == "pass"
    schema.write_text(text)  # an older one that is known from before is a change too
    assert done.ask("schemas").verdict == "warn"
    for wrong in ('{"type": "strin"}', "{", '{"a": 1, "a": 2}', "\xff"):
        schema.write_text(wrong, encoding="latin-1")
        assert done.ask("schemas").verdict == "fail", wrong
        for other in ("sample", "counts", "spot-check"):  # what judges by it cannot tell
            assert done.ask(other).verdict == "unknown", other
    schema.unlink()
    assert done.ask("schemas").verdict == "fail"
    none = Site(make_workspace(tmp_path / "none", GOOD, schema=None, config={"rules": [{"match": "**"}]}))
    assert none.ask("schemas").verdict == "warn"


# ── sample ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sample(tmp_path: Path) -> None:
    site = make(tmp_path, {**GOOD, "gamma/[/x].json": valid_record(7), "alpha/_metadata.json": {"a": 1}})
    before = snapshot(site.root)
    verdict, evidence = site.says("sample")
    assert verdict == "pass" and evidence.startswith("5 of 5 waiting files went through")
    assert snapshot(site.root) == before  # nothing is left, not even our own folder
    write_raw(site.root, "beta/bad.json", invalid_record(0))
    verdict, evidence = site.says("sample")
    assert verdict == "warn" and "5 of 6 waiting files went through" in evidence and "date is missing" in evidence
    (site.root / ".opsconsole").mkdir()
    leftover = site.root / ".opsconsole/scratch-999999-1-ab/x"
    leftover.parent.mkdir()
    leftover.write_bytes(b"of a look that was killed")
    assert site.ask("sample").verdict == "warn"
    assert list((site.root / ".opsconsole").iterdir()) == []


def test_sample_where_all_fail_where_there_is_none_and_where_nothing_may_be_written(tmp_path: Path) -> None:
    bad = make(tmp_path / "bad", {"alpha/a.json": invalid_record(0), "beta/b.json": b"{"})
    assert bad.ask("sample").verdict == "fail"
    assert make(tmp_path / "empty", {}).ask("sample").verdict == "unknown"
    site = make(tmp_path / "looking")
    before = snapshot(site.root)
    assert site.ask("sample", read_only=True).verdict == "unknown"
    assert snapshot(site.root) == before


def test_sample_takes_published_files_where_nothing_waits_and_no_more_than_it_is_told(tmp_path: Path) -> None:
    list_ = [{"name": "sample", "probe": "sample", "parameters": {"files": 2}}]
    site = make(tmp_path, checklists={"preflight": list_})
    site.migrate()
    assert site.says("sample")[1].startswith("2 of 2 published files went through")


def test_a_sample_that_reads_back_other_bytes_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make(tmp_path)
    monkeypatch.setattr("console.engine.checks.probes.sample.hash_file", lambda path: "0" * 64)  # as a bad disk
    verdict, evidence = site.says("sample")
    assert verdict == "fail" and "Checksum mismatch" in evidence


def test_who_only_looks_is_told_what_others_found_last(tmp_path: Path) -> None:
    """By a program that they may not start and a scratch folder that they may not write; a stale result is no pass."""
    script = "test -e broken && { echo NAS is down; exit 2; }; echo fine"
    site = make(
        tmp_path,
        checklists={
            "preflight": [
                {"name": "own", "command": ["/bin/sh", "-c", script], "valid": "1h"},
                {"name": "sample", "probe": "sample"},
            ]
        },
    )
    assert site.migrate() == 0
    (site.root / "broken").touch()
    assert site.ask("own", keep=True).verdict == "fail" and site.ask("sample", keep=True).verdict == "pass"
    (site.root / "broken").unlink()
    told = site.ask("own", read_only=True)
    assert (told.verdict, told.evidence) == ("fail", "NAS is down")
    assert site.ask("sample", read_only=True).verdict == "pass"
    assert not (site.later(days=9), site.ask("sample", read_only=True))[1].fresh


def test_a_sample_is_void_when_the_rule_is_another(done: Site) -> None:
    from console.engine.checks.checklists import remembered_items

    def fresh() -> bool:
        return next(result.fresh for result in remembered_items(done.ctx()) if result.item.name == "sample")

    assert not fresh()
    done.ask("sample", keep=True)
    assert fresh()
    schema = done.root / "config/schemas/small.json"
    schema.write_text(json.dumps({**SMALL_SCHEMA, "minProperties": 1}))
    assert not fresh()
    done.ask("sample", keep=True)
    assert fresh()
    assert not (done.later(days=8), fresh())[1]


# ── errors ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_errors(done: Site) -> None:
    assert done.ask("errors").verdict == "pass"
    write_raw(done.root, "alpha/bad.json", invalid_record(0))
    assert done.migrate() == 1
    verdict, evidence = done.says("errors")
    assert verdict == "warn" and evidence.startswith("1 error in") and "none acknowledged" in evidence
    sign(done.ctx(), ERRORS, "a delivery without dates", kind=ACKNOWLEDGE)
    assert done.later(minutes=1).says("errors") == ("pass", "no error since they were acknowledged")
    for n in range(12):
        write_raw(done.root, f"alpha/bad{n}.json", invalid_record(3 * n))
    assert done.run("migrate", MigrateParams(), {"failures": "a delivery without dates, again"}) == 1
    result = done.ask("errors")
    assert result.verdict == "fail" and "1" in result.evidence and "required:date" in " ".join(result.details)
    shutil.rmtree(done.root / "logs/migration")
    assert done.ask("errors").verdict == "unknown"


@pytest.mark.parametrize("answered", ["the item", "the alert"])
def test_errors_that_were_answered_for_in_one_place_are_in_the_other(tmp_path: Path, answered: str) -> None:
    site = make(tmp_path, {f"alpha/{n}.json": invalid_record(3 * n) for n in range(12)})
    assert site.migrate() == 1
    standing = [alert for alert in settled(site.ctx()).alerts if alert.cause == Cause.ERRORS]
    assert len(standing) == 1 and site.says("errors")[0] == "fail"
    if answered == "the item":
        sign(site.ctx(), ERRORS, "a delivery without dates", kind=ACKNOWLEDGE)
    else:
        acknowledge(site.ctx(), standing, "a delivery without dates")
    site.later(minutes=1)
    assert site.says("errors")[0] == "pass", site.says("errors")
    assert Cause.ERRORS not in [alert.cause for alert in settled(site.ctx()).alerts]


def test_errors_of_a_log_that_cannot_be_read(done: Site) -> None:
    log = done.root / "logs/migration/migration.json"
    log.unlink()
    log.symlink_to("/proc/self/mem")  # no log: a link is none
    (done.root / "logs/migration/migration.log").unlink()
    assert done.ask("errors").verdict == "unknown"


def test_the_log_of_the_last_run(done: Site, tmp_path: Path) -> None:
    assert make(tmp_path / "fresh").ask("run-log").verdict == "unknown"
    assert done.ask("run-log").verdict == "pass"
    write_raw(done.root, "alpha/bad.json", invalid_record(0))
    done.migrate()
    verdict, evidence = done.says("run-log")
    assert verdict == "fail" and "1 error logged" in evidence
    done.migrate()
    verdict, evidence = done.says("run-log")
    assert verdict == "warn" and "1 file still fails" in evidence
    for path in (done.root / "logs/migration").glob("migration.*"):
        path.unlink()
    assert done.ask("run-log").verdict == "unknown"


# ── counts ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_counts(done: Site, tmp_path: Path) -> None:
    assert make(tmp_path / "fresh").ask("counts").verdict == "unknown"
    assert done.ask("counts").verdict == "pass"
    write_raw(done.root, "alpha/new.json", valid_record(50))
    verdict, evidence = done.says("counts")
    assert verdict == "warn" and evidence.endswith("1 waiting")
    done.published("alpha/2.json").unlink()
    result = done.ask("counts")
    assert result.verdict == "fail" and "1 missing" in result.evidence and "alpha/2.json" in result.details[0]


def test_counts_that_are_expected(tmp_path: Path) -> None:
    list_ = [{"name": "counts", "probe": "counts", "parameters": {"expected": {"alpha": 3, "beta": 2}}}]
    site = make(tmp_path, checklists={"postflight": list_})
    site.migrate()
    verdict, evidence = site.says("counts")
    assert verdict == "fail" and "beta has 1 published, expected 2" in evidence and "alpha has" not in evidence
    write_raw(site.root, "beta/b.json", valid_record(4))
    site.migrate()
    assert site.ask("counts").verdict == "pass"


# ── published files ──────────────────────────────────────────────────────────────────────────────────────────────


def test_spot_check(done: Site, tmp_path: Path) -> None:
    assert make(tmp_path / "fresh").ask("spot-check").verdict == "unknown"
    result = done.ask("spot-check")
    assert (
        result.verdict == "pass" and "1 record, {" in " ".join(result.details) and "G-00000" in " ".join(result.details)
    )
    picked = {done.later(seconds=1).ask("spot-check").details for _ in range(5)}
    assert len(picked) == 1  # fewer files than are picked: all of them, always
    (done.root / "config/schemas/small.json").write_text(json.dumps({**SMALL_SCHEMA, "required": ["nowhere"]}))
    assert done.ask("spot-check").verdict == "warn"
    flip(done.published("alpha/1.json"))
    verdict, evidence = done.says("spot-check")
    assert verdict == "fail" and "Checksum mismatch" in evidence
    for path in done.published("").rglob("*.*"):
        path.unlink()
        path.mkdir()
    assert done.ask("spot-check").verdict in ("unknown", "fail")


def test_the_spot_check_picks_by_the_chance_it_is_given(tmp_path: Path) -> None:
    site = make(tmp_path, {f"alpha/{n:03}.json": valid_record(n) for n in range(60)})
    site.migrate()
    again = site.ask("spot-check").details
    assert site.ask("spot-check").details == again and len(again) == 5
    assert len({site.later(seconds=1).ask("spot-check").details for _ in range(5)}) > 1


def test_checksums(done: Site, tmp_path: Path) -> None:
    assert make(tmp_path / "fresh").ask("checksums").verdict == "unknown"
    verdict, evidence = done.says("checksums")
    assert verdict == "pass" and evidence.endswith("4 checksums recorded, 4 files read again and equal")
    done.published("beta/a.csv").unlink()
    assert done.ask("checksums").verdict == "fail"
    shutil.copyfile(done.raw("beta/a.csv"), done.published("beta/a.csv"))
    assert done.ask("checksums").verdict == "pass"
    flip(done.published("alpha/1.json"))
    verdict, evidence = done.says("checksums")
    assert verdict == "fail" and "Checksum mismatch" in evidence and "alpha/1.json" in evidence


def test_checksums_of_files_that_a_rollback_took_back_are_not_compared(done: Site) -> None:
    from console.engine.actions.rollback.model import RollbackParams
    from console.engine.runs.query import list_runs

    write_raw(done.root, "alpha/1.json", valid_record(100))
    assert done.migrate() == 0
    (last, *_) = list_runs(done.ctx())
    assert done.run("rollback", RollbackParams(last.id)) == 0
    assert done.ask("checksums").verdict == "unknown"  # the one file that it published is another one now


# ── disk ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_system_that_does_not_tell_is_unknown(tmp_path: Path) -> None:
    assert make(tmp_path / "a").ask("disk-after").verdict in ("pass", "warn", "fail")  # as the machine is
    lists = {
        "postflight": [{"name": "disk-after", "probe": "disk", "parameters": {"free": 0, "least": 0, "plan": False}}]
    }
    assert make(tmp_path / "b", checklists=lists).ask("disk-after").verdict == "pass"
    site = make(tmp_path / "c", checklists=lists, zones={"serveable": "/proc"})
    verdict, evidence = site.says("disk-after")
    assert verdict == "unknown" and "does not say how large it is" in evidence


# ── people and programs ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_sign_off_holds_for_a_while_and_until_something_else_is_published(done: Site) -> None:
    assert done.ask("documentation").verdict == "unknown"
    sign(done.ctx(), "documentation", "all written down")
    assert done.says("documentation") == ("pass", "ana: all written down")
    assert done.migrate() == 0  # nothing to publish
    assert done.ask("documentation").verdict == "pass"
    write_raw(done.root, "alpha/new.json", valid_record(50))
    done.migrate()
    verdict, evidence = done.says("documentation")
    assert verdict == "unknown" and "has published since ana signed" in evidence
    sign(done.ctx(), "documentation", "that too")
    assert done.ask("documentation").verdict == "pass"
    assert done.later(days=31).ask("documentation").verdict == "unknown"
    assert done.later(days=-60).ask("documentation").verdict == "unknown"


COMMANDS = [
    ("echo 'OK - all good | a=1'; echo more", "pass", "OK - all good"),
    ("echo WARNING; exit 1", "warn", "WARNING"),
    ("echo CRITICAL >&2; exit 2", "fail", "CRITICAL"),
    ("exit 2", "fail", "exit status 2"),
    ("echo what; exit 3", "unknown", "what"),
    ("echo what; exit 7", "unknown", "what"),
    ("true", "unknown", "exit status 0 and not a word: no plugin does that"),
    ("kill -9 $$", "unknown", "ended by signal 9"),
    ("printf 'a\\033[2Jb\\n'", "pass", "a␛[2Jb"),
    ("sleep 60 & echo left one running", "pass", "left one running"),
]


@pytest.mark.parametrize(("script", "verdict", "evidence"), COMMANDS)
def test_a_command_as_nagios_plugins_are(tmp_path: Path, script: str, verdict: str, evidence: str) -> None:
    lists = {"preflight": [{"name": "own", "command": ["/bin/sh", "-c", script]}]}
    site = make(tmp_path, {}, checklists=lists)
    assert site.says("own") == (verdict, evidence)


def test_a_command_that_is_not_there_or_hangs_or_would_run_where_nothing_may_change(tmp_path: Path) -> None:
    lists = {
        "preflight": [
            {"name": "gone", "command": ["/nowhere/check"]},
            {"name": "hangs", "command": ["/bin/sh", "-c", "echo begun; sleep 60"], "seconds": 1},
            {"name": "writes", "command": ["/bin/sh", "-c", "touch written; echo OK"]},
        ]
    }
    site = make(tmp_path, {}, checklists=lists)
    assert site.says("gone")[0] == "unknown"
    ctx = site.ctx()
    import time
    from dataclasses import replace

    from console.engine.checks.checklists import ask, looking

    with looking(replace(ctx, env=replace(ctx.env, monotonic=time.monotonic))) as look:
        item = ItemSetting(
            "hangs", "h", "command", valid=COMMAND_VALID, argv=("/bin/sh", "-c", "echo begun; sleep 60"), seconds=1
        )
        result = ask(look, "preflight", item)
    assert (result.verdict, result.evidence) == ("unknown", "it took longer than 1 second and was ended: begun")
    assert site.ask("writes", read_only=True).verdict == "unknown" and not (site.root / "written").exists()
    assert site.ask("writes").verdict == "pass" and (site.root / "written").exists()
