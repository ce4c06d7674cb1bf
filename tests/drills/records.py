"""Drills about what records the work: state file, ledger, schemas, rights, other programs."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from subprocess import PIPE, Popen

from tests.drills.model import Broken
from tests.drills.ruin import SCHEMA, done, waiting
from tests.faults.checker import LEDGER, RAW, STATE, VALIDATED
from tests.faults.damage import snapshot
from tests.faults.scenario import SPOILT, make_fresh, migrate, run
from tests.support import incumbent, valid_record, write_raw
from tests.support.another import publish_as_another


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
    from tests.faults.scenario import versions

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
