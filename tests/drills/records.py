"""Drills about what records the work: state file, ledger, schemas, rights, other programs."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from subprocess import PIPE, Popen

from tests.drills.model import Broken
from tests.drills.ruin import SCHEMA, done, waiting
from tests.faults.checker import LEDGER, RAW, STATE, VALIDATED, sha256_of
from tests.faults.damage import snapshot
from tests.faults.scenario import SPOILT, make_fresh, migrate, run, versions
from tests.support import incumbent, valid_record, write_raw
from tests.support.another import publish_as_another
from tests.support.cli import cli_environment


def _kept(broken: Broken) -> Broken:
    """No byte, time or mode of a data file may change."""
    before = snapshot(broken.root)

    def judge() -> None:
        assert snapshot(broken.root) == before

    broken.judge = judge
    return broken


# ── state file ───────────────────────────────────────────────────────────────────────────────────────────────────


def state_half_written(folder: Path) -> Broken:
    broken = _kept(Broken(done(folder)))
    state = broken.root / STATE
    state.write_bytes(state.read_bytes()[:-700])
    return broken


def state_gone(folder: Path) -> Broken:
    broken = _kept(Broken(done(folder)))
    (broken.root / STATE).unlink()
    return broken


def state_copied_back(folder: Path) -> Broken:
    """The runbook's line: the file before the last run is copied over it."""
    broken = _kept(Broken(done(folder)))
    shutil.copy(broken.root / f"{STATE}.bak", broken.root / STATE)
    return broken


# ── ledger ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _ledger(folder: Path) -> tuple[Broken, Path]:
    broken = _kept(Broken(done(folder), {"how": "No"}))
    for end in ("-wal", "-shm"):
        Path(f"{broken.root / LEDGER}{end}").unlink(missing_ok=True)
    return broken, broken.root / LEDGER


def ledger_garbage(folder: Path) -> Broken:
    broken, ledger = _ledger(folder)
    ledger.write_bytes(b"no ledger at all" * 500)
    return broken


def ledger_zeroed(folder: Path) -> Broken:
    broken, ledger = _ledger(folder)
    data = bytearray(ledger.read_bytes())
    data[4096:12288] = bytes(8192)
    ledger.write_bytes(data)
    return broken


def ledger_gone(folder: Path) -> Broken:
    broken, ledger = _ledger(folder)
    for path in ledger.parent.glob("ledger.*"):
        path.unlink()
    return broken


def ledger_rows_changed(folder: Path) -> Broken:
    broken = _kept(Broken(done(folder), {"how": "Yes"}))
    with closing(sqlite3.connect(broken.root / LEDGER)) as connection, connection:
        connection.execute("UPDATE outcomes SET backup = 'elsewhere' WHERE outcome = 'replaced'")
        connection.execute("UPDATE runs SET who = '{}' WHERE seq = 1")
    return broken


# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _fingerprint(root: Path) -> str:
    with closing(sqlite3.connect(root / LEDGER)) as connection:
        return str(connection.execute("SELECT fingerprint FROM rules").fetchone()[0])


def _schema_back(broken: Broken) -> Broken:
    right = (broken.root / SCHEMA).read_bytes()

    def judge() -> None:
        assert (broken.root / SCHEMA).read_bytes() == right
        broken.scenario.remember()

    broken.judge = judge
    broken.answers |= {"which": _fingerprint(broken.root), "did": "It refused"}
    return broken


def schema_too_strict(folder: Path) -> Broken:
    """Good files were refused by it, since nobody looked."""
    broken = _schema_back(Broken(waiting(folder)))
    strict = json.loads((broken.root / SCHEMA).read_bytes())
    strict["properties"]["amount"]["minimum"] = 2000
    (broken.root / SCHEMA).write_text(json.dumps(strict))
    bad = migrate(broken.root, "--override", "failures", "--reason", "nobody looked")
    assert bad.status == 1 and bad.summary["counts"]["failed"] > 1, bad.text
    return broken


def schema_torn(folder: Path) -> Broken:
    broken = _schema_back(Broken(done(folder)))
    (broken.root / SCHEMA).write_bytes(b"{")
    assert migrate(broken.root).status in (2, 4)
    return broken


def schema_gone(folder: Path) -> Broken:
    broken = _schema_back(Broken(done(folder)))
    (broken.root / SCHEMA).unlink()
    assert migrate(broken.root).status in (2, 4)
    return broken


def schema_too_lax(folder: Path) -> Broken:
    """Bad files were published by it, in one run."""
    broken = _schema_back(Broken(waiting(folder), more={"spent": True}))
    root, right = broken.root, broken.judge
    before = (root / VALIDATED / SPOILT).read_bytes()
    (root / SCHEMA).write_text(json.dumps({"type": "object"}))
    bad = migrate(root).summary["run"]
    assert (root / VALIDATED / "gamma/manual/bad.json").exists()
    assert (root / VALIDATED / SPOILT).read_bytes() != before
    broken.answers |= {"did": "It let bad files through in one", "run": bad}

    def judge() -> None:
        assert not (root / VALIDATED / "gamma/manual/bad.json").exists()
        assert (root / VALIDATED / SPOILT).read_bytes() == before
        broken.believe_backups()
        right()

    broken.judge = judge
    return broken


# ── rights, other programs ───────────────────────────────────────────────────────────────────────────────────────


def permissions_lost(folder: Path) -> Broken:
    broken = Broken(done(folder))
    root = broken.root
    modes = {path: path.stat().st_mode for path in (root / "data").rglob("*")}
    for path in (root / VALIDATED, root / RAW / "alpha"):
        for each in (path, *path.rglob("*")):
            os.chmod(each, 0o000 if each.is_file() else 0o600)

    def judge() -> None:
        bad = [path for path, mode in modes.items() if path.stat().st_mode & 0o400 != mode & 0o400]
        assert bad == []
        broken.scenario.remember()

    broken.judge = judge
    return broken


def foreign_writer(folder: Path) -> Broken:
    """The old script has run again: it published a new file, and wrote the state file from its own memory."""
    broken = Broken(done(folder))
    root = broken.root
    write_raw(root, "alpha/new.json", [valid_record(20)])
    script = root / "scripts/migration/migrate.py"
    script.parent.mkdir(parents=True)
    shutil.copy(incumbent.__file__, script)
    with Popen([sys.executable, str(script), str(root), "--only", "alpha"], cwd=root, stdout=PIPE, text=True) as ran:
        ran.communicate(timeout=60)
    assert (root / VALIDATED / "alpha/new.json").exists()
    broken.scenario.known |= versions({"alpha/new.json": [valid_record(20)]})
    broken.scenario.remember()
    return broken


def old_workspace(folder: Path) -> Broken:
    """Other scripts have published here for years; we have never run."""
    scenario = make_fresh(folder / "ws")
    publish_as_another(scenario.root)
    broken = Broken(scenario.remember(), {"judge": "Later"})
    before = snapshot(broken.root)

    def judge() -> None:
        now = snapshot(broken.root)
        assert {name: now[name] for name in before} == before
        assert run(broken.root, "migrate", "--yes").status == 1  # adopted files keep their copies

    broken.judge = judge
    return broken


# ── the machine ──────────────────────────────────────────────────────────────────────────────────────────────────

_THE_DAY_AFTER_TOMORROW = """
import datetime, sys
import console.engine.environment as environment
class Late(datetime.datetime):
    @classmethod
    def now(cls, zone=None):
        return datetime.datetime.now(zone) + datetime.timedelta(days=2)
environment.datetime = Late
from console.cli.main import main
main()
"""


def clock_was_wrong(folder: Path) -> Broken:
    """The last run was made while the machine's clock was two days ahead; by now somebody has set it."""
    broken = Broken(waiting(folder))
    words = ["--root", str(broken.root), "migrate", "--yes", "--foreground"]
    environ = cli_environment()
    late = [sys.executable, "-P", "-c", _THE_DAY_AFTER_TOMORROW, *words]
    ran = subprocess.run(late, cwd=broken.root, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    alerts = run(broken.root, "check")
    assert "clock" in alerts.text, alerts.text
    return broken


def ledger_of_a_newer_program(folder: Path) -> Broken:
    """Read, not written, until the newer program is installed here too: its number is taken back then."""
    broken = _kept(Broken(done(folder)))

    def version(more: int) -> None:
        with closing(sqlite3.connect(broken.root / LEDGER)) as connection, connection:
            (number,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute(f"PRAGMA user_version={number + more}")

    version(1)
    refused = migrate(broken.root)
    assert refused.status not in (0, 1) and "version" in refused.text, refused.text
    broken.answers["install"] = lambda root: version(-1)
    return broken


def logs_too_large(folder: Path) -> Broken:
    """Segments of years; they move to another folder, compressed and read back."""
    broken = _kept(Broken(done(folder)))
    logs = broken.root / "logs/migration"
    for number in range(2, 6):
        (logs / f"migration.log.{number}").write_bytes((logs / "migration.log").read_bytes() * 40 * number)
    (folder / "elsewhere").mkdir()
    before = {sha256_of(path) for path in logs.glob("migration.log.*")}
    broken.answers |= {"how": "Closed", "folder": str(folder / "elsewhere")}
    same = broken.judge

    def judge() -> None:
        same()
        moved: set[str] = set()
        for path in (folder / "elsewhere").rglob("*.gz"):
            moved.add(hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest())
        assert before <= moved
        assert not list(logs.glob("migration.log.*"))

    broken.judge = judge
    return broken
