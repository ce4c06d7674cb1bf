"""Others at work at the same time: a second run, a scraper that writes, a reader or terminal that goes."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.faults import checker
from tests.faults.scenario import (
    RAW,
    VALIDATED,
    Scenario,
    alive,
    end_all,
    end_state,
    make_fresh,
    migrate,
    run,
    start,
    wait_for,
)
from tests.support import make_workspace, valid_record


def plain(text: str) -> None:
    assert "Traceback" not in text, text


def test_two_migrates_at_once(place: Path) -> None:
    """One runs; the other says who holds the lock, since when, for which run, and exits 3."""
    if shutil.which("strace") is None:
        pytest.skip("not shown here: strace, which slows the first run down, is not installed")
    scenario = make_fresh(place / "ws", files=40)
    slow = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=syncfs,fsync"]
    slow += ["-e", "inject=syncfs,fsync:delay_enter=1s:when=1..3"]
    first = start(scenario.root, "migrate", "--yes", "--json", "--foreground", prefix=slow)
    holder = scenario.root / ".opsconsole/holder.json"

    def running() -> bool:
        listed = run(scenario.root, "runs", "list", "--json")
        return any(e.get("status") == "running" for e in listed.events)

    wait_for(lambda: holder.exists() and running(), "the first run to hold the lock")
    second = migrate(scenario.root)
    assert first.process.poll() is None, "the first run ended too soon to show anything"
    assert second.status == 3, second.text
    held = json.loads(holder.read_bytes())
    assert held["run"] in second.err, f"which run is said: {second.err}"
    assert held["user"] in second.err, f"who is said: {second.err}"
    assert any(word in second.err for word in ("since", "ago")), f"since when is said: {second.err}"
    done = first.finish()
    assert done.status == 1, done.text
    assert scenario.examine() == []


def test_many_migrates_at_once(waiting: Scenario, undisturbed: dict[str, object]) -> None:
    """Five started together: nobody fails but by the lock, and the end is that of one."""
    together = [start(waiting.root, "migrate", "--yes", "--json") for _ in range(5)]
    done = [started.finish() for started in together]
    assert {one.status for one in done} <= {1, 3}, [one.text for one in done]
    assert 1 in {one.status for one in done}
    assert waiting.examine() == []
    assert end_state(waiting.root) == undisturbed


def test_a_source_that_changes_all_the_time_is_never_half_published(place: Path) -> None:
    """Published bytes are judged bytes: whatever is published is a whole version that its writer wrote."""
    big = {f"alpha/dumps/{n}/data.json": [valid_record(n * 1000 + m) for m in range(2000)] for n in range(12)}
    root = make_workspace(place / "ws", big)
    names = list(big)
    stop = threading.Event()
    written: dict[str, set[str]] = {name: {checker.sha256_of(root / RAW / name)} for name in names}

    def scribble() -> None:
        """Overwrites in place, as an unkind scraper does. No two versions have records of one length, so that
        a mixture of two is no JSON; one that stands still while it is read could not be told from a file."""
        turn = 0
        while not stop.is_set():
            name = names[turn % len(names)]
            turn += 1
            pad = {"notes": "n" * (turn % 97)}
            data = json.dumps([valid_record(turn * 7 + m) | pad for m in range(2000)]).encode()
            written[name].add(hashlib.sha256(data).hexdigest())
            path = root / RAW / name
            with path.open("r+b") as stream:
                stream.write(data[: len(data) // 2])
                stream.flush()
                time.sleep(0.001)
                stream.write(data[len(data) // 2 :])
                stream.truncate()

    writer = threading.Thread(target=scribble)
    writer.start()
    try:
        done = migrate(root)
    finally:
        stop.set()
        writer.join()
    plain(done.text)
    assert done.status in (0, 1), done.text
    for path in checker.walk_files(root / VALIDATED):
        name = path.relative_to(root / VALIDATED).as_posix()
        assert checker.sha256_of(path) in written[name], f"{name} is published half old, half new"
    last = migrate(root)
    assert last.status == 0, last.text
    known = {f"{VALIDATED}/{name}": frozenset(written[name] | {checker.sha256_of(root / RAW / name)}) for name in names}
    after = Scenario(root, known).remember()
    assert after.examine() == []
    assert len(list((root / VALIDATED).rglob("data.json"))) == len(names)


def test_a_source_that_grows_during_its_reading_is_reported(waiting: Scenario) -> None:
    """Appended to without end: retried, then reported with its reason; the others are published."""
    target = sorted((waiting.root / RAW / "delta").rglob("data.json"))[0]
    stop = threading.Event()

    def append() -> None:
        with target.open("ab", buffering=0) as stream:
            while not stop.is_set():
                stream.write(b" ")

    writer = threading.Thread(target=append)
    writer.start()
    try:
        done = migrate(waiting.root)
    finally:
        stop.set()
        writer.join()
    plain(done.text)
    assert done.status == 1, done.text
    published = waiting.root / VALIDATED / target.relative_to(waiting.root / RAW)
    if published.exists():  # a whole version between two appends
        assert json.loads(published.read_bytes())
    assert len(list((waiting.root / VALIDATED / "delta").rglob("data.json"))) >= 3


def test_a_reader_that_goes_away_ends_nothing(waiting: Scenario, undisturbed: dict[str, object]) -> None:
    """`opsconsole migrate --yes --json | head -1`: the run goes on to its end."""
    started = start(waiting.root, "migrate", "--yes", "--json")
    assert started.process.stdout is not None
    started.process.stdout.close()
    started.process.wait(60)
    wait_for(lambda: not alive(started.mark), "the run to end")
    assert waiting.examine() == []
    assert end_state(waiting.root) == undisturbed


def test_a_hang_up_leaves_the_run_running(place: Path) -> None:
    """SIGHUP to the command that watches, as when SSH is lost; the run is another process."""
    scenario = make_fresh(place / "ws", files=300)
    started = start(scenario.root, "migrate", "--yes")
    wait_for((scenario.root / ".opsconsole/holder.json").exists, "the lock to be taken")
    started.process.send_signal(signal.SIGHUP)
    started.process.wait(20)
    try:
        wait_for(lambda: not alive(started.mark), "the run to end by itself", 60)
    finally:
        end_all(started.mark)
    assert scenario.examine() == []
    rows = run(scenario.root, "runs", "list", "--json").events
    assert rows[0]["status"] in ("done", "partial"), rows


def test_output_that_cannot_be_written(waiting: Scenario) -> None:
    """Standard output is a full device: said by the status, and the data is as it should be."""
    if not Path("/dev/full").exists():
        pytest.skip("not shown here: no /dev/full")
    started = start(waiting.root, "migrate", "--yes", "--json")
    started.finish()
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >/dev/full', "sh", *started.process.args],  # type: ignore[misc]
        capture_output=True,
        text=True,
        cwd=waiting.root,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert waiting.examine() == []
