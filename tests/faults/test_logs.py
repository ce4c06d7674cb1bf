"""Logs read, archived and trimmed while others write them: no line is lost that was to be kept."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Mounts, People
from tests.faults.people import Person, share
from tests.faults.scenario import Done, Scenario, make_waiting, migrate, run, start
from tests.faults.test_full_disk import fill_bytes, fill_inodes

LOGS = "logs/migration"
HOSTILE = "\x1b]0;owned\x07 \u202e\u2028 [red]x[/red]"

# As the incumbent's logger does it: the standard library's rotating handler, open for as long as the process lives.
_WRITER = """
import logging, logging.handlers, sys
handler = logging.handlers.RotatingFileHandler(sys.argv[1], maxBytes=10_000_000, backupCount=5)
handler.setFormatter(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s", "%Y-%m-%d %H:%M:%S"))
logger = logging.getLogger("migration")
logger.setLevel(logging.INFO)
logger.addHandler(handler)
number = 0
for line in sys.stdin:
    for _ in range(int(line)):
        logger.info("Processing file: foreign %d", number)
        number += 1
    print(number, flush=True)
"""


class Foreign:
    """Another program that writes a log and writes on when it is told how many lines."""

    def __init__(self, path: Path, who: Person | None = None) -> None:
        command = [who.python if who else sys.executable, "-c", _WRITER, str(path)]
        rights: dict[str, Any] = who.rights() if who else {}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, **rights
        )
        self.written = 0

    def write(self, lines: int) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{lines}\n")
        self._process.stdin.flush()
        self.written = int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@contextmanager
def foreign_writer(path: Path, who: Person | None = None) -> Iterator[Foreign]:
    writer = Foreign(path, who)
    try:
        yield writer
    finally:
        writer.close()


def all_lines(root: Path, log: str = "migration.log") -> list[str]:
    """Of all segments, whatever their order."""
    found = []
    for path in sorted((root / LOGS).glob(f"{log}*")):
        found += path.read_text(errors="surrogateescape").splitlines()
    return found


def foreign_lines(root: Path) -> set[int]:
    return {int(line.rpartition(" ")[2]) for line in all_lines(root) if "foreign" in line}


def trim(root: Path, *words: str, **more: Any) -> Done:
    return run(root, "logs", "trim", *words, "--yes", "--json", "--confirm", root.name, **more)


def archive(root: Path, to: Path, *words: str, **more: Any) -> Done:
    return run(root, "logs", "archive", "--to", str(to), *words, "--yes", "--json", **more)


def old_segments(root: Path, number: int = 3) -> dict[str, bytes]:
    """Closed segments with dated lines, `.1` the newest; what they hold."""
    made = {}
    for n in range(1, number + 1):
        text = "".join(f"2020-01-{30 - n:02d} 10:00:{k:02d} - migration - INFO - line {n}.{k}\n" for k in range(50))
        structured = "".join(
            json.dumps({"timestamp": f"2020-01-{30 - n:02d}T10:00:{k:02d}.0", "level": "INFO", "message": f"{n}.{k}"})
            + "\n"
            for k in range(50)
        )
        for name, data in (("migration.log", text), ("migration.json", structured)):
            path = root / LOGS / f"{name}.{n}"
            path.write_text(data)
            os.utime(path, (1_580_000_000 - n * 86400,) * 2)
            made[path.name] = data.encode()
    return made


@pytest.fixture
def ws(place: Path) -> Scenario:
    return make_waiting(place / "ws")


def kept_elsewhere(to: Path) -> dict[str, list[bytes]]:
    """Original name -> contents, by the manifests, each compared with what the manifest says."""
    found: dict[str, list[bytes]] = {}
    for manifest in to.glob("*.manifest.jsonl"):
        for line in manifest.read_text().splitlines():
            entry = json.loads(line)
            packed = (to / entry["file"]).read_bytes()
            data = gzip.decompress(packed)
            assert hashlib.sha256(packed).hexdigest() == entry["sha256"]
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (entry["original_sha256"], entry["original_size"])
            found.setdefault(Path(entry["original"]).name, []).append(data)
    return found


# --- trimming ----------------------------------------------------------------------------------------------


def test_a_running_writer_of_another_program_loses_nothing(ws: Scenario) -> None:
    root = ws.root
    with foreign_writer(root / LOGS / "migration.log") as writer:
        writer.write(500)
        first = trim(root, "--keep-lines", "3")
        assert first.status == 1, "it says that something was left"
        assert "still written by process" in first.out
        writer.write(500)
        assert migrate(root).status == 1  # ours, beside it
        trim(root, "--keep-lines", "3")
        writer.write(500)
        assert foreign_lines(root) == set(range(1500))
        usage = run(root, "logs", "usage")
        assert "still written by process" in usage.out
    done = trim(root, "--keep-lines", "20")
    assert done.status == 0, done.text
    assert len(foreign_lines(root)) <= 20, "its writer is gone: now it is trimmed"
    assert ws.examine() == []


def test_readers_that_tail_follow_the_trim(ws: Scenario) -> None:
    root = ws.root
    following = start(root, "logs", "tail", "-n", "1", "-f")
    assert following.process.stdout is not None
    assert "Migrate complete" in following.process.stdout.readline()
    assert trim(root, "--keep-lines", "5").status == 0
    assert migrate(root).status == 1
    seen = []
    while not seen or "Migrate complete" not in seen[-1]:
        seen.append(following.process.stdout.readline())
        assert seen[-1], "it ended"
    following.process.send_signal(signal.SIGINT)
    following.finish()
    for phrase in ("Starting logs trim", "Log trimmed", "Logs trim complete", "Starting migrate"):
        assert any(phrase in line for line in seen), phrase
    assert sum("Starting migrate" in line for line in seen) == 1, "no line twice"


def test_what_is_asked_for_stays_and_the_plan_says_that_there_is_no_undo(ws: Scenario) -> None:
    root = ws.root
    old_segments(root)
    before = all_lines(root)
    plan = run(root, "logs", "trim", "--keep-days", "30", "--dry-run")
    assert plan.status == 0 and "undo: none" in plan.out
    assert all_lines(root) == before
    refused = run(root, "logs", "trim", "--keep-days", "30", "--yes")
    assert refused.status == 2 and "--confirm" in refused.err
    done = trim(root, "--keep-days", "30")
    assert done.status == 0, done.text
    assert done.summary["counts"]["trimmed"] == 6
    left = all_lines(root)
    assert not any("2020-01-" in line for line in left)
    assert [line for line in before if "2020-01-" not in line] == left[: len(before) - 150]
    undo = run(root, "rollback", done.summary["run"], "--yes", "--confirm", root.name)
    assert undo.status == 4 and "no undo" in undo.text


def test_the_last_lines_stay_line_for_line_in_both_logs(ws: Scenario) -> None:
    root = ws.root
    old_segments(root, 5)
    ours = {log: len((root / LOGS / log).read_bytes().splitlines()) for log in ("migration.log", "migration.json")}
    done = trim(root, "--keep-lines", str(ours["migration.log"] + 1 + 75))  # and the line that this run begins with
    assert done.status == 0, done.text
    text = [line for line in all_lines(root) if " line " in line]
    assert {line.rpartition(" ")[2] for line in text} == {f"1.{k}" for k in range(50)} | {
        f"2.{k}" for k in range(25, 50)
    }
    assert len(text) == 75


@pytest.mark.parametrize("n", [1, *(pytest.param(n, marks=pytest.mark.soak) for n in (2, 3, 4, 5))])
@pytest.mark.parametrize("point", ["logs.rotated", "logs.removed"])
def test_kill_while_trimming(ws: Scenario, point: str, n: int) -> None:
    root = ws.root
    old_segments(root)
    newest = (root / LOGS / "migration.log").read_text().splitlines()[-2:]
    died = trim(root, "--keep-lines", "5", "--foreground", failpoint=f"{point}:{n}")
    assert died.status == -signal.SIGKILL or (point == "logs.rotated" and n > 2)
    assert set(newest) <= set(all_lines(root))
    done = trim(root, "--keep-lines", "5")
    assert done.status == 0, done.text
    assert not list((root / LOGS).glob(".*.part"))
    assert migrate(root).status == 1
    assert ws.examine() == []


# --- archiving ---------------------------------------------------------------------------------------------


def test_closed_segments_are_archived_verified_and_never_overwritten(ws: Scenario, place: Path) -> None:
    root, to = ws.root, place / "else where"
    missing = archive(root, to)
    assert missing.status == 2 and "no folder" in missing.err and not to.exists()
    to.mkdir()
    made = old_segments(root)
    live = {log: (root / LOGS / log).read_bytes() for log in ("migration.log", "migration.json")}
    done = archive(root, to, "--keep", "1")
    assert done.status == 0, done.text
    assert done.summary["counts"]["log_archived"] == 4
    assert sorted(p.name for p in (root / LOGS).glob("migration.*.*")) == ["migration.json.1", "migration.log.1"]
    for log, data in live.items():
        assert (root / LOGS / log).read_bytes().startswith(data), "the open log is never touched"
    kept = {name: set(contents) for name, contents in kept_elsewhere(to).items()}
    assert kept == {name: {data} for name, data in made.items() if not name.endswith(".1")}
    first = {path.name: path.read_bytes() for path in to.iterdir()}
    old_segments(root)  # the same names and times once more
    assert archive(root, to).status == 0
    for name, data in first.items():
        assert (to / name).read_bytes() == data, "nothing there is overwritten"
    assert len(list(to.glob("*.gz"))) == 10
    kept_elsewhere(to)


def test_a_segment_that_somebody_writes_is_not_archived(ws: Scenario, place: Path) -> None:
    root, to = ws.root, place / "to"
    to.mkdir()
    old_segments(root, 1)
    with foreign_writer(root / LOGS / "migration.log.1") as writer:
        writer.write(10)
        done = archive(root, to)
        assert done.status == 1, done.text
        assert "still written by process" in done.out
        writer.write(10)
    assert foreign_lines(root) == set(range(20))
    assert archive(root, to).status == 0
    assert foreign_lines(root) == set()
    assert kept_elsewhere(to)["migration.log.1"][0].count(b"foreign") == 20


@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.soak), 3])
@pytest.mark.parametrize("point", ["logs.packed", "logs.removed"])
def test_kill_while_archiving(ws: Scenario, place: Path, point: str, n: int) -> None:
    root, to = ws.root, place / "to"
    to.mkdir()
    made = old_segments(root)
    died = archive(root, to, "--foreground", failpoint=f"{point}:{n}")
    assert died.status == -signal.SIGKILL
    here = {path.name: path.read_bytes() for path in (root / LOGS).glob("migration.*.*")}
    there = kept_elsewhere(to)
    for name, data in made.items():
        assert here.get(name) == data or data in there.get(name, []), f"{name} is neither here nor there"
    assert archive(root, to).status == 0
    there = kept_elsewhere(to)
    assert all(data in there[name] for name, data in made.items())


# --- full disks --------------------------------------------------------------------------------------------


@pytest.mark.needs_root
def test_a_full_target_takes_nothing_away(ws: Scenario, place: Path, mounts: Mounts) -> None:
    root = ws.root
    made = old_segments(root)
    noise = root / LOGS / "migration.log.2"
    noise.write_bytes(os.urandom(300_000))
    os.utime(noise, (1_579_000_000, 1_579_000_000))
    to = mounts.tmpfs(place / "small", "size=64k,nr_inodes=20")
    done = archive(root, to)
    assert done.status == 1, done.text
    assert "Insufficient disk space" in done.text
    assert noise.stat().st_size == 300_000
    assert not list(to.glob(".*.part")) and not list(to.glob("*.part"))
    there = kept_elsewhere(to)
    for name, data in made.items():
        if name != noise.name:
            assert (root / LOGS / name).exists() or data in there[name]


@pytest.mark.needs_root
@pytest.mark.parametrize("what", ["bytes", "inodes"])
@pytest.mark.parametrize("action", ["trim", "archive"])
def test_logs_without_a_byte_or_an_inode_free_are_trimmed_and_archived(
    place: Path, mounts: Mounts, what: str, action: str
) -> None:
    scenario = make_waiting(place / "ws")
    root = scenario.root
    state = (root / LOGS / ".migration_state.json").read_bytes()
    mounts.tmpfs(root / LOGS, "size=2m,nr_inodes=40")
    (root / LOGS / ".migration_state.json").write_bytes(state)
    made = old_segments(root)
    to = place / "to"
    to.mkdir()
    (fill_bytes if what == "bytes" else fill_inodes)(root / LOGS)
    done = trim(root, "--keep-days", "30") if action == "trim" else archive(root, to)
    assert done.status == 0, done.text
    assert not list((root / LOGS).glob("migration.*.[1-9]"))
    if action == "archive":
        there = kept_elsewhere(to)
        assert {name: contents[0] for name, contents in there.items()} == made


# --- reading -----------------------------------------------------------------------------------------------


def test_tail_reads_back_through_segments_by_level_and_by_run(ws: Scenario) -> None:
    root = ws.root
    old_segments(root)
    assert trim(root, "--keep-lines", "2000").status == 0
    lines = run(root, "logs", "tail", "-n", "100000").out.splitlines()
    assert sum(" line " in line for line in lines) == 150
    assert lines == sorted(lines, key=lambda line: line[:19]), "oldest first, across segments"
    [error, *_] = run(root, "logs", "tail", "-n", "1", "--level", "error").out.splitlines()
    assert " - ERROR - " in error
    of_run = run(root, "logs", "tail", "-n", "1000", "--run", _first_run(root)).out.splitlines()
    assert "Starting migrate" in of_run[0] and "Migrate complete" in of_run[-1]
    assert sum("Starting" in line for line in of_run) == 1
    assert run(root, "logs", "tail", "--run", "ffff").status == 2
    assert run(root, "logs", "tail", "-n", "0").out == ""


def _first_run(root: Path) -> str:
    return json.loads(run(root, "runs", "list", "--json").out.splitlines()[-1])["id"]


def test_errors_of_all_segments_are_grouped_by_cause(ws: Scenario) -> None:
    root = ws.root
    with (root / LOGS / "migration.json.1").open("w") as file:
        for n in range(30):
            record = {"timestamp": f"2020-01-01T00:00:{n:02d}.0", "level": "ERROR", "message": "Copy operation failed"}
            file.write(json.dumps({**record, "error": f"[Errno {n}] no such thing: '/data/{n}/{HOSTILE}'"}) + "\n")
        file.write('{"timestamp": "2020-01-02T00:00:00", "level": "ERROR", "mess')  # cut off
        file.write("\n" + json.dumps({"level": "ERROR", "message": HOSTILE, "file": HOSTILE}) + "\n")
        file.write(json.dumps({"timestamp": "2020-01-03T00:00:00", "level": "INFO", "message": "ERROR in name"}) + "\n")
    done = run(root, "logs", "errors", "--json")
    assert done.status == 1, done.text
    groups = {(event["message"], event["cause"]): event for event in done.events if event["event"] == "group"}
    copies = next(group for (message, _), group in groups.items() if message == "Copy operation failed")
    assert (copies["count"], copies["first"], copies["last"]) == (30, "2020-01-01T00:00:00Z", "2020-01-01T00:00:29Z")
    minimum = groups["Validation failed", "minimum:amount"]
    assert minimum["files"] == ["data/raw/funding_sources/gamma/manual/bad.json"]
    text = run(root, "logs", "errors").text
    assert "\x1b" not in text and "\u202e" not in text and "\u2028" not in text
    recent = run(root, "logs", "errors", "--since", "2021-01-01", "--json")
    assert not any(event.get("message") == "Copy operation failed" for event in recent.events)
    assert run(root, "logs", "errors", "--since", "yesterday").status == 2


def test_hostile_lines_stay_lines(ws: Scenario) -> None:
    root = ws.root
    with (root / LOGS / "migration.log").open("ab") as file:
        file.write(
            f"2026-01-01 00:00:00 - migration - ERROR - {HOSTILE}\n".encode() + b"\xff\xfe\x9b31m\n" + b"x" * 100_000
        )
    done = run(root, "logs", "tail", "-n", "3")
    assert done.status == 0
    assert not any(control in done.out for control in ("\x1b", "\x07", "\u202e", "\x9b"))
    assert len(done.out.splitlines()) == 3
    usage = json.loads(run(root, "logs", "usage", "--json").out)
    assert usage["logs"][0]["size"] == sum(path.stat().st_size for path in (root / LOGS).glob("migration.log*"))


def test_nothing_of_it_needs_a_log(place: Path) -> None:
    from tests.faults.scenario import make_fresh

    root = make_fresh(place / "ws", 2).root
    for words in (("tail",), ("errors",), ("usage",)):
        done = run(root, "logs", *words)
        assert done.status == 0, done.text
    assert not (root / ".opsconsole").exists()


# --- several users -----------------------------------------------------------------------------------------


def test_a_writer_of_another_user_is_not_cut_off(people: People, place: Path) -> None:
    scenario = make_waiting(place / "ws")
    root = scenario.root
    share(root, file_mode=0o660)
    for path in (root / LOGS).glob("migration.*"):
        os.chown(path, people.ann.uid, -1)
    with foreign_writer(root / LOGS / "migration.log", people.ann) as writer:
        writer.write(200)
        done = trim(root, "--keep-lines", "1", who=people.ben)
        assert done.status == 1, done.text
        assert "ann" in done.out or "61001" in done.out
        writer.write(200)
        assert foreign_lines(root) == set(range(400))
    assert trim(root, "--keep-lines", "1", who=people.ann).status in (0, 1)
    assert len(foreign_lines(root)) < 400
