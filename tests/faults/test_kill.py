"""kill -9 anywhere leaves a workspace that the next run makes consistent."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from console.engine.environment import FAILPOINTS
from tests.faults.scenario import Scenario, Started, alive, end_all, end_state, make_fresh, migrate, start, wait_for

# These need something else than a plain run; they have tests of their own, below and in test_adopt.
_OTHERWISE = {
    "archive.moved",
    "archive.summed",
    "archive.listed",
    "recover.item",
    "recover.recorded",
    "adopt.recorded",
    "leave.put-back",
}
_OTHERS = ("change.", "prune.", "rebuild.", "logs.")
PLAIN = [name for name in FAILPOINTS if name not in _OTHERWISE and not name.startswith(_OTHERS)]
EVERYTIME = [(name, 1) for name in PLAIN] + [
    (name, 2) for name in ("stage.written", "backup.linked", "publish.renamed", "log.written")
]
OFTEN = [(name, n) for name in PLAIN for n in (2, 3, 5, 8, 13, 21) if (name, n) not in EVERYTIME]


def converges(scenario: Scenario, undisturbed: dict[str, object], why: str, *, third: bool = False) -> None:
    """The state after the fault is safe, the next run mends it and comes to the end of an undisturbed run.

    third: and the run after that has nothing left to do.
    """
    assert scenario.examine(settled=False) == [], f"right after {why}"
    again = migrate(scenario.root)
    assert again.status == 1, f"the run after {why}: {again.text}"
    assert scenario.examine() == [], f"after the run after {why}"
    assert end_state(scenario.root) == undisturbed, f"after the run after {why}"
    if not third:
        return
    last = migrate(scenario.root)
    assert last.status == 1, last.text
    counts = last.summary["counts"]
    assert (counts["processed"], counts["revalidated"]) == (0, 0), f"a third run had work left after {why}"
    assert scenario.examine() == [], f"after the third run after {why}"


def wait_gone(started: Started) -> None:
    wait_for(lambda: not alive(started.mark), "the workers to die")


def kill_at(scenario: Scenario, undisturbed: dict[str, object], failpoint: str) -> bool:
    """One run killed at `failpoint`, then what must hold. False where the place was not reached."""
    started = start(scenario.root, "migrate", "--yes", "--json", "--foreground", failpoint=failpoint)
    done = started.finish()
    wait_gone(started)
    assert done.status in (-signal.SIGKILL, 1), done.text
    converges(scenario, undisturbed, f"kill -9 at {failpoint}", third=True)
    return done.status == -signal.SIGKILL


@pytest.mark.parametrize(("name", "n"), EVERYTIME)
def test_kill_at_a_failpoint(waiting: Scenario, undisturbed: dict[str, object], name: str, n: int) -> None:
    reached = kill_at(waiting, undisturbed, f"{name}:{n}")
    if name != "stage.written":  # that one kills a worker, which the coordinator may survive
        assert reached or n > 1, f"no run comes past {name}"


@pytest.mark.soak
@pytest.mark.parametrize(("name", "n"), OFTEN)
def test_kill_at_later_turns(waiting: Scenario, undisturbed: dict[str, object], name: str, n: int) -> None:
    kill_at(waiting, undisturbed, f"{name}:{n}")


@pytest.mark.parametrize("name", ["run.registered", "publish.renamed", "run.recorded"])
def test_a_run_that_dies_is_noticed_by_who_watches_it(
    waiting: Scenario, undisturbed: dict[str, object], name: str
) -> None:
    """The run is another process than the command that follows it; the command does not wait for ever."""
    started = start(waiting.root, "migrate", "--yes", "--json", failpoint=f"{name}:1")
    done = started.finish(30)
    assert done.status in range(1, 6), done.text
    if name != "run.recorded":  # by then everything is done but the good-bye
        assert any(word in done.text for word in ("died", "interrupted", "ended before")), done.text
    wait_gone(started)
    converges(waiting, undisturbed, f"kill -9 at {name} of a run that is watched")
    with closing(sqlite3.connect(waiting.root / ".opsconsole/ledger.sqlite")) as ledger:
        dead = ledger.execute("SELECT ended_at, heartbeat_at FROM runs WHERE status = 'interrupted'").fetchall()
    assert bool(dead) == (name != "run.recorded")
    assert all(ended == beaten for ended, beaten in dead)  # it ended when it was heard of last, not when it was settled


@pytest.mark.parametrize("name", ["recover.item", "recover.recorded"])
@pytest.mark.parametrize("first", ["publish.renamed:2", "batch.durable:1"])
def test_kill_while_recovering(waiting: Scenario, undisturbed: dict[str, object], first: str, name: str) -> None:
    """A crash of the recovery of a crash."""
    for failpoint in (first, f"{name}:1"):
        started = start(waiting.root, "migrate", "--yes", "--json", "--foreground", failpoint=failpoint)
        assert started.finish().status == -signal.SIGKILL, f"no run comes past {failpoint}"
        wait_gone(started)
    converges(waiting, undisturbed, f"kill -9 at {first}, then at {name}")


def tens(soak: int) -> list[object]:
    """Seeds: a dozen always, `soak` of them in the long battery."""
    return [pytest.param(n, marks=[] if n < 8 else [pytest.mark.soak]) for n in range(soak)]


@pytest.fixture(scope="module")
def usual_seconds(waiting_template: Scenario, ground: Path) -> float:
    """How long a run in the foreground takes here and now."""
    scenario = waiting_template.copy(ground / "usual" / "ws")
    done = migrate(scenario.root, "--foreground")
    shutil.rmtree(ground / "usual")
    return done.seconds


@pytest.mark.parametrize("seed", tens(300))
def test_kill_at_a_random_time(
    waiting: Scenario, undisturbed: dict[str, object], usual_seconds: float, seed: int
) -> None:
    """The coordinator, or every process at once, at any time of a run."""
    chance = random.Random(seed)
    delay = chance.uniform(0.1, 1.1) * usual_seconds
    started = start(waiting.root, "migrate", "--yes", "--json", "--foreground")
    time.sleep(delay)
    if chance.random() < 0.5:
        started.process.send_signal(signal.SIGKILL)
    else:
        end_all(started.mark)
    started.finish()
    wait_gone(started)
    converges(waiting, undisturbed, f"kill -9 after {delay:.3f} s (seed {seed})")


def test_a_killed_coordinator_frees_the_lock_and_leaves_no_worker(place: Path) -> None:
    """Workers that hang in the middle of their work die with the coordinator; the next run does not wait."""
    scenario = make_fresh(place / "ws", files=600)
    started = start(scenario.root, "migrate", "--yes", "--json", "--foreground")
    coordinator = started.process.pid

    def workers() -> list[int]:
        return [pid for pid in alive(started.mark) if pid != coordinator]

    def staging() -> bool:  # before that a worker may not have asked yet to die with its parent
        return any((scenario.root / "data/transformed").rglob("*.part"))

    wait_for(lambda: staging() or started.process.poll() is not None, "workers that stage")
    stopped = workers()
    assert stopped, "the run ended before any worker was seen"
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)  # a worker that hangs, as on a dead file server
    started.process.send_signal(signal.SIGKILL)
    started.finish()
    wait_for(lambda: not alive(started.mark), "the workers to die with their coordinator", 5)
    assert scenario.examine(settled=False) == []
    after = migrate(scenario.root)
    assert after.status == 1, after.text  # two files fail; nobody holds the lock
    assert scenario.examine() == []


def strace_or_skip() -> str:
    found = shutil.which("strace")
    if found is None:
        pytest.skip("not shown here: strace is not installed (the failpoint form below covers a part)")
    return found


FLUSH, RENAME, LINK, WRITE = (
    "fsync,fdatasync,syncfs",
    "rename,renameat,renameat2",
    "link,linkat",
    "write,pwrite64",
)
INJECTIONS = [
    *((FLUSH, "EIO", n) for n in (1, 2, 3, 4)),
    *((RENAME, "EIO", n) for n in (1, 3)),
    (RENAME, "ENOSPC", 2),
    (LINK, "EPERM", 1),
    (LINK, "EMLINK", 2),
]
MORE_INJECTIONS = [
    *((FLUSH, error, n) for error in ("EIO", "ENOSPC", "EDQUOT") for n in range(1, 16)),
    *((RENAME, error, n) for error in ("EIO", "ENOSPC", "EACCES", "EROFS") for n in range(1, 16)),
    *((LINK, error, n) for error in ("EPERM", "EXDEV", "ENOSPC") for n in range(1, 8)),
    *((WRITE, error, n) for error in ("EIO", "ENOSPC") for n in range(1, 60, 2)),
    *(("openat", error, n) for error in ("EMFILE", "EIO") for n in range(300, 420, 5)),
    *(("mkdir,mkdirat", error, n) for error in ("ENOSPC", "EACCES") for n in range(1, 8)),
    *(("unlink,unlinkat", error, n) for error in ("EIO", "EACCES") for n in range(1, 8)),
]


def inject(scenario: Scenario, undisturbed: dict[str, object], calls: str, error: str, when: str) -> None:
    prefix = [strace_or_skip(), "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null"]
    prefix += ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={when}"]
    started = start(scenario.root, "migrate", "--yes", "--json", "--foreground", prefix=prefix)
    done = started.finish(90)
    assert done.status >= 0, f"died of {done.status}: {done.text}"
    assert "Traceback" not in done.text, done.text
    wait_gone(started)
    converges(scenario, undisturbed, f"{error} at {calls} number {when}, exit {done.status}")


@pytest.mark.parametrize(("calls", "error", "n"), INJECTIONS)
def test_an_error_of_a_system_call(
    waiting: Scenario, undisturbed: dict[str, object], calls: str, error: str, n: int
) -> None:
    inject(waiting, undisturbed, calls, error, str(n))


@pytest.mark.soak
@pytest.mark.parametrize(("calls", "error", "n"), MORE_INJECTIONS)
@pytest.mark.parametrize("lasting", [False, True])
def test_an_error_of_any_system_call(
    waiting: Scenario, undisturbed: dict[str, object], calls: str, error: str, n: int, lasting: bool
) -> None:
    """Once, and from there on always."""
    inject(waiting, undisturbed, calls, error, f"{n}+" if lasting else str(n))


FAILPOINT_ERRORS = [
    ("stage.written:2:28", "ENOSPC"),
    ("batch.staged:1:28", "ENOSPC"),
    ("batch.flushed:1:5", "EIO"),
    ("batch.intended:1:5", "EIO"),
    ("publish.renamed:2:5", "EIO"),
    ("batch.renamed:1:5", "EIO"),
    ("mirror.staged:1:28", "ENOSPC"),
    ("log.written:1:28", "ENOSPC"),
    ("report.written:1:28", "ENOSPC"),
]


@pytest.mark.parametrize(("failpoint", "error"), FAILPOINT_ERRORS)
def test_an_error_at_a_failpoint(waiting: Scenario, undisturbed: dict[str, object], failpoint: str, error: str) -> None:
    done = migrate(waiting.root, failpoint=failpoint)
    assert done.status in range(1, 6), done.text
    assert not re.search(r"Traceback|Errno \d+\]$", done.text), done.text
    converges(waiting, undisturbed, f"{error} at {failpoint}, exit {done.status}")
