"""The old script in a forgotten cron job: it writes the state file from its own memory while and between our runs.

No ledger entry is lost, nothing is done twice, and the operator is told: one alert, one warning a run.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import open_context
from console.engine.observe.alerts import Cause
from console.engine.observe.overview import overview
from tests.faults import checker
from tests.faults.scenario import RAW, VALIDATED, Done, migrate, run, start, wait_for
from tests.support import invalid_record, make_workspace, valid_record, write_raw

SCRIPT = "scripts/migration/migrate.py"
IMITATION = Path(__file__).parents[1] / "support/incumbent.py"
LOG = "logs/migration/migration.json"
WARNING = "Another program writes the state file"


def name(source: str, number: int) -> str:
    return f"{source}/dumps/{number:03d}/data.json"


def workspace(root: Path) -> Path:
    """Run 1 has published 12 files; 24 new ones, 4 new versions and 2 that nobody may publish wait."""
    root = make_workspace(root, {name("alpha", n): [valid_record(n)] for n in range(12)})
    (root / SCRIPT).parent.mkdir(parents=True)
    shutil.copy(IMITATION, root / SCRIPT)
    assert migrate(root).status == 0
    for n in range(24):
        write_raw(root, name("beta" if n % 2 else "gamma", n), [valid_record(100 + n)])
    for n in range(4):
        write_raw(root, name("alpha", n * 3), [valid_record(200 + n), valid_record(300 + n)])
    for n in range(2):
        write_raw(root, name("delta", n), [invalid_record(n)])
    return root


class Incumbent:
    """The old script, started; its working folder and user are what a cron job has."""

    def __init__(self, root: Path, pause: float = 0.0, *more: str) -> None:
        command = [sys.executable, SCRIPT, str(root), "--pause", str(pause), *more]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=root, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )
        self.said: list[str] = []
        self.until("loaded")

    def until(self, word: str) -> None:
        """Wait until it says so."""
        assert self.process.stdout is not None
        while not (line := self.process.stdout.readline()).startswith(word):
            assert line, f"it ended without saying {word!r}"
            self.said.append(line.rstrip("\n"))

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> list[str]:
        """What it has published, once it is done."""
        assert self.process.stdout is not None and self.process.stdin is not None
        self.process.stdin.close()
        # not communicate(): what was read ahead by readline is here
        lines = self.process.stdout.read().splitlines()
        assert self.process.wait(60) == 0
        return [line for line in (*self.said, *lines) if line.startswith(RAW)]


def query(root: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(root / ".opsconsole/ledger.sqlite")) as connection:
        return connection.execute(sql).fetchall()


def warned(root: Path) -> Counter[str]:
    """Warnings by run and message."""
    lines = [json.loads(line) for line in (root / LOG).read_text().splitlines()]
    return Counter(
        f"{line['run']} {line['message']}"
        for line in lines
        if line["level"] == "WARNING" and " complete: " not in line["message"]
    )


def told(root: Path) -> list[str]:
    """The overview's alerts that are about the state file."""
    return [alert.text for alert in overview(open_context(root)).alerts if alert.cause == Cause.STATE_FILE]


def identities(root: Path) -> dict[str, tuple[int, int, int]]:
    found = {}
    for path in [*checker.walk_files(root / VALIDATED), root / checker.STATE]:
        facts = path.stat()
        found[str(path)] = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
    return found


def well(done: Done) -> None:
    assert "Traceback" not in done.text, done.text
    assert done.status in (0, 1), done.text


def settled(root: Path) -> None:
    """What must hold when the foreign writer is done and a run of ours has seen it."""
    well(migrate(root))
    before = identities(root)
    last = migrate(root)
    well(last)
    counts = last.summary["counts"]
    assert (counts["processed"], counts["revalidated"]) == (0, 0), counts
    assert identities(root) == before, "a run with nothing to do rewrote something"
    rows = query(root, "SELECT path, sha256, dest, mirrored FROM files")
    raw = {f"{RAW}/{path}" for path in _names(root / RAW)}
    failing = {row[0] for row in query(root, "SELECT path FROM failures")}
    assert {row[0] for row in rows} | failing == raw, "a file is known to nobody"
    assert all(row[3] for row in rows), "an entry counts as taken out, and nobody did that"
    entries = json.loads((root / checker.STATE).read_bytes())["processed_files"]
    assert {path: value["checksum"] for path, value in entries.items()} == {row[0]: row[1] for row in rows}
    for path, sha256, dest, _ in rows:
        assert checker.sha256_of(root / dest) == sha256 == checker.sha256_of(root / path), path
    done = Counter(
        query(
            root,
            "SELECT path, sha256 FROM outcomes WHERE outcome IN ('published', 'replaced', 'revalidated')",
        )
    )
    assert max(done.values()) == 1, f"done twice: {[key for key, times in done.items() if times > 1]}"
    warnings = warned(root)
    assert not [text for text, times in warnings.items() if WARNING in text and times > 1], warnings
    last_run = query(root, "SELECT id FROM runs ORDER BY seq DESC LIMIT 1")[0][0]
    assert not [text for text in warnings if text.startswith(last_run)], "the last run still warns"
    assert told(root) == []


def _names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in checker.walk_files(folder)]


def race(root: Path, phase: float, pause: float) -> None:
    """Both at once: the incumbent starts `phase` seconds after our migrate, or before it."""
    workspace(root)
    theirs: Incumbent | None = None
    if phase < 0:
        theirs = Incumbent(root, pause)
        time.sleep(-phase)
        well(migrate(root))
    else:
        ours = start(root, "migrate", "--yes", "--json")
        time.sleep(phase)
        theirs = Incumbent(root, pause)
        well(ours.finish())
    while theirs.process.poll() is None:  # we come again while it goes on
        well(migrate(root))
    wrote = theirs.end()
    well(migrate(root))
    if wrote:
        warnings = [text for text in warned(root) if WARNING in text]
        assert warnings, f"nobody was told, and it wrote {len(wrote)} files"
    settled(root)


PHASES = [(-1.0, 0.03), (-0.2, 0.005), (0.35, 0.0), (0.5, 0.02)]


@pytest.mark.parametrize(("phase", "pause"), PHASES)
def test_both_at_once(place: Path, phase: float, pause: float) -> None:
    race(place / "ws", phase, pause)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(50))
def test_both_at_once_in_any_phase(place: Path, number: int) -> None:
    chance = random.Random(number)
    race(place / "ws", chance.uniform(-1.5, 1.2), chance.choice([0.0, 0.0, 0.01, 0.05]))


def test_between_runs(place: Path) -> None:
    """Nothing of ours runs while it works: what it published is adopted, one alert before and after says so."""
    root = workspace(place / "ws")
    theirs = Incumbent(root, 0.05)
    wait_for(lambda: told(root), "an alert")
    (alert,) = told(root)
    assert f"process {theirs.process.pid} of " in alert
    assert " since " in alert and SCRIPT in alert
    wrote = theirs.end()
    assert len(wrote) == 30
    well(migrate(root))
    (alert,) = told(root)
    assert "no process of it is seen now" in alert
    assert len([text for text in warned(root) if WARNING in text]) == 1
    statuses = Counter(row[0] for row in query(root, "SELECT status FROM files"))
    assert statuses["adopted"] == 26
    settled(root)


def test_copies_replaced_by_the_same_bytes_are_taken_over(place: Path) -> None:
    """As a restore does it, and the old script beside us: no warning a file, run after run."""
    root = workspace(place / "ws")
    well(migrate(root))
    for path in checker.walk_files(root / VALIDATED / "beta"):
        shutil.copy(path, path.with_name("new"))
        path.with_name("new").replace(path)
    spoilt = root / VALIDATED / name("gamma", 0)
    spoilt.write_bytes(spoilt.read_bytes().replace(b"G-", b"g-"))
    for _ in range(2):
        well(migrate(root))
        last = query(root, "SELECT id FROM runs ORDER BY seq DESC LIMIT 1")[0][0]
        lines = [json.loads(line) for line in (root / LOG).read_text().splitlines()]
        changed = [line["file"] for line in lines if line["run"] == last and "changed by somebody" in line["message"]]
        assert changed == [f"{RAW}/{name('gamma', 0)}"]
    rows = query(root, "SELECT dest, dest_inode FROM files WHERE source = 'beta'")
    assert len(rows) == 12
    assert all((root / dest).stat().st_ino == inode for dest, inode in rows)


def entries(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / checker.STATE).read_bytes())["processed_files"]
    return found


@pytest.mark.parametrize("alive", [False, True])
def test_what_it_never_knew_is_not_taken_for_deleted(place: Path, alive: bool) -> None:
    """It loads before our run and writes after it: none of ours is in its version, and none is done again.

    That it loaded before is told by its first own entry, or by the start of its process where that is seen.
    """
    root = workspace(place / "ws")
    holds = ("--hold", "0", "--hold", "5") if alive else ("--hold", "1")
    theirs = Incumbent(root, 0.0, "--only", "beta/dumps/00", *holds)
    theirs.until("holding")
    well(migrate(root))
    ours = entries(root)
    assert len(ours) == 36
    if alive:
        time.sleep(5.5)  # its first own entry is much later than our version
    theirs.go_on()
    if alive:
        theirs.until("holding 5")
    else:
        theirs.end()
    assert len(entries(root)) == 12 + 5, "it never knew what we published"
    plan = run(root, "migrate", "--dry-run", "--json")
    assert plan.summary["counts"].get("new", 0) == 0, plan.text
    well(migrate(root))
    assert entries(root) == ours, "written back"
    assert not [line for line in (root / LOG).read_text().splitlines() if "Taken out" in line]
    theirs.end()
    settled(root)


def test_what_a_person_took_out_before_it_started_stays_out(place: Path) -> None:
    """Cleared by hand as the runbook has it, then the old script ran on one source: the rest is judged again."""
    root = workspace(place / "ws")
    well(migrate(root))
    time.sleep(5.5)  # a person is slower than the time that a program may take to start
    (root / checker.STATE).write_text(json.dumps({"processed_files": {}, "last_updated": "2026-01-01T00:00:00"}))
    assert len(Incumbent(root, 0.0, "--only", "beta").end()) == 12
    before = identities(root)
    done = migrate(root)
    well(done)
    assert done.summary["counts"]["revalidated"] == 24
    assert done.summary["counts"]["processed"] == 0
    after = identities(root)
    before.pop(str(root / checker.STATE)), after.pop(str(root / checker.STATE))
    assert after == before, "nothing is rewritten"
    assert len(entries(root)) == 36
