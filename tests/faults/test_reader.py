"""Who may only read sees everything, during a run and after one, and writes nothing at all below the root."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import checker
from tests.faults.conftest import People
from tests.faults.people import PIPELINE, Person, everything, share
from tests.faults.scenario import (
    RAW,
    Done,
    Scenario,
    Started,
    alive,
    end_all,
    first_name,
    make_fresh,
    migrate,
    run,
    start,
    wait_for,
)
from tests.faults.test_users import killed, slowly
from tests.terminal.screen import Terminal

pytestmark = pytest.mark.needs_root

FILE = f"{RAW}/{first_name(0)}"
# {run}: the id of a run that has ended
READING = [
    ("state", "list"),
    ("state", "show", FILE),
    ("state", "export"),
    ("runs", "list"),
    ("runs", "show", "{run}"),
    ("runs", "report", "{run}"),
    ("failures", "list"),
    ("failures", "list", "--by", "file"),
    ("failures", "export"),
    ("explain", FILE),
    ("doctor",),
    ("validate", "--directory", RAW),
    ("migrate", "--dry-run"),
]


def readable(root: Path, who: Person) -> None:
    """The workspace of `who` and the group; everybody else may read."""
    share(root)
    for path in everything(root):
        os.chown(path, who.uid, PIPELINE)
        path.chmod(0o2775 if path.is_dir() else 0o664)


def last_run(root: Path, who: Person, *before: str) -> str:
    rows = run(root, *before, "runs", "list", "--json", who=who).events
    return str(next(row["id"] for row in rows if row["status"] != "running"))


def fine(done: Done, words: tuple[str, ...]) -> None:
    assert done.status in (0, 1), f"{words}: {done.text}"
    assert "Traceback" not in done.text and "a fault of opsconsole" not in done.text, f"{words}: {done.text}"
    assert done.out.strip(), f"{words} said nothing: {done.text}"


def everything_is_told(root: Path, who: Person, *before: str) -> list[Done]:
    known = last_run(root, who, *before)
    done = []
    for words in READING:
        words = tuple(word.format(run=known) for word in words)
        done.append(run(root, *before, *words, who=who))
        fine(done[-1], words)
    return done


@pytest.fixture
def during(waiting: Scenario, people: People) -> Iterator[Started]:
    """Ann's run, held at its first flush."""
    readable(waiting.root, people.ann)
    waiting.remember()
    started = start(waiting.root, "migrate", "--yes", "--foreground", who=people.ann, prefix=slowly(40))

    def flushing() -> bool:
        return any((waiting.root / "data/transformed").rglob("*.part"))

    wait_for(flushing, "the run to stage")
    yield started
    end_all(started.mark)
    started.process.wait()


def test_every_reading_command_during_a_run_and_after_one(waiting: Scenario, during: Started, people: People) -> None:
    """Nothing of the reader's is in the way of the run; what is shown is the ledger itself, not a copy."""
    told = everything_is_told(waiting.root, people.eve)
    assert "is running" in run(waiting.root, "runs", "show", "--json", who=people.eve).text or any(
        row["status"] == "running" for row in run(waiting.root, "runs", "list", "--json", who=people.eve).events
    )
    assert not any("shown is its copy" in done.err for done in told)
    end_all(during.mark)
    wait_for(lambda: not alive(during.mark), "the run to be gone")
    told = everything_is_told(waiting.root, people.eve)  # -wal and -shm of a dead run lie there
    assert not any("shown is its copy" in done.err for done in told)
    assert migrate(waiting.root, who=people.ann).status == 1
    told = everything_is_told(waiting.root, people.eve)
    assert not any("shown is its copy" in done.err for done in told)
    assert waiting.examine() == []


# --- strace ----------------------------------------------------------------------------------------------------

_CALLS = (
    "open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,"
    "symlink,symlinkat,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,utime,utimes,utimensat,futimesat,truncate,"
    "ftruncate,fallocate,write,writev,pwrite64,pwritev,pwritev2,setxattr,fsetxattr,fsync,fdatasync,flock,mmap"
)
_OPENED = re.compile(r"^(?:open|openat|openat2|creat)\(")
_WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ANNOTATED = re.compile(r"<([^<>]*)>")


def strace(log: Path) -> list[str]:
    if shutil.which("strace") is None:
        pytest.skip("not shown here: strace is not installed")
    return ["strace", "-f", "-y", "-qq", "-s", "4096", "-o", str(log), "-e", f"trace={_CALLS}"]


def writes(log: Path, root: Path) -> list[str]:
    """The calls that changed something below the root, or could have by what they opened. One that the system
    refused changed nothing, but a program that only reads has no reason to try: it counts as well."""
    found = []
    for line in log.read_text(errors="surrogateescape").splitlines():
        call = line.split(None, 1)[-1]
        if call.startswith(("+++", "---", "<...")):
            continue
        where = [os.path.join(root, path) for path in _QUOTED.findall(call)] if "(" in call else []
        if call.startswith(("write", "pwrite", "ftruncate", "fallocate", "fchmod(", "fchown(", "fsync", "fdatasync",
                            "flock", "fsetxattr", "mmap")):  # fmt: skip
            where = _ANNOTATED.findall(call.split(",", 5)[4] if call.startswith("mmap") else call.split(",", 1)[0])
        if call.startswith("mmap") and not ("PROT_WRITE" in call and "MAP_SHARED" in call):
            continue
        if _OPENED.match(call) and not _WRITES.search(call):
            continue
        # SQLite opens a log that is there in this way alone; what it would write through it is seen above
        of_sqlite = call.startswith("openat") and 'ledger.sqlite-wal", O_RDWR|O_CREAT|O_NOFOLLOW' in call
        if not of_sqlite and any(path == str(root) or path.startswith(f"{root}/") for path in where):
            found.append(line)
    return found


def test_the_judge_of_traces_sees_what_writes(place: Path, people: People) -> None:
    """Each kind of change, made below a folder by a real process, is found; reading and writing elsewhere are not."""
    root, log = place / "ws", place / "log"
    root.mkdir()
    for number, text in enumerate(
        (
            "open(R + '/a', 'w').write('x')",
            "os.mkdir(R + '/b')",
            "os.rename(R + '/a', R + '/c')",
            "os.chmod(R + '/c', 0o600)",
            "os.utime(R + '/c')",
            "os.unlink(R + '/c')",
            "os.chdir(R); os.mkdir('d')",
            "open(R + '/e', 'a').close()",
            "open('/dev/null', 'w').write(R); os.listdir(R); open(R + '/e').read()",
        )
    ):
        code = f"import os, sys; R = sys.argv[1]; {text}"
        os.spawnvp(os.P_WAIT, "strace", [*strace(log), people.eve.python, "-c", code, str(root)])
        found = writes(log, root)
        assert bool(found) == (number < 8), f"{text}: {found}"


@pytest.mark.parametrize("moment", ["during", "dead", "after"])
@pytest.mark.parametrize("who", ["a reader", "an owner with --read-only"])
def test_no_command_writes_below_the_root(
    waiting: Scenario, during: Started, people: People, who: str, moment: str
) -> None:
    """By the process tree's own system calls, while a run goes on, with what a dead one left, and at rest."""
    person, before = (people.eve, ()) if who == "a reader" else (people.ann, ("--read-only",))
    if moment != "during":
        end_all(during.mark)
        wait_for(lambda: not alive(during.mark), "the run to be gone")
    if moment == "after":
        assert migrate(waiting.root, who=people.ann).status == 1
    traces = waiting.root.parent / "traces"
    traces.mkdir(mode=0o777)
    traces.chmod(0o777)
    names = {path.name for path in (waiting.root / ".opsconsole").iterdir()}
    assert ("ledger.sqlite-wal" in names) == (moment != "after")
    known = last_run(waiting.root, person)
    for number, words in enumerate(READING):
        words = tuple(word.format(run=known) for word in words)
        log = traces / str(number)
        done = run(waiting.root, *before, *words, who=person, prefix=strace(log))
        fine(done, words)
        assert writes(log, waiting.root) == [], words
    if moment != "during":
        assert {path.name for path in (waiting.root / ".opsconsole").iterdir()} == names


@pytest.mark.parametrize("moment", ["during", "after"])
@pytest.mark.parametrize("who", ["a reader", "an owner with --read-only"])
def test_the_console_writes_nothing_below_the_root(
    waiting: Scenario, during: Started, people: People, who: str, moment: str
) -> None:
    """Every pane, a run gone into, and for the reader the plan, which says why it cannot be run."""
    if moment == "after":
        end_all(during.mark)
        wait_for(lambda: not alive(during.mark), "the run to be gone")
        assert migrate(waiting.root, who=people.ann).status == 1
    person, more = (people.eve, []) if who == "a reader" else (people.ann, ["--read-only"])
    log = waiting.root.parent / "log"
    command = [*strace(log), *person.prefix(), person.python, "-P", "-m", "console", "--root", str(waiting.root)]
    with Terminal(waiting.root, argv=[*command, *more], env=person.environ()) as t:
        t.wait("Waiting", 60)
        t.wait("migrate", 60)
        t.press("2")
        t.wait("Processing file", 60)
        t.press("6")
        t.pump(1.0)
        t.press("enter")
        t.pump(2.0)
        t.press("esc", "1")
        t.pump(1.0)
        if not more and moment == "after":
            t.press("a", "m")
            t.wait("writable", 60)
            t.press("esc")
        t.pump(1.0)
        t.press("ctrl+q")
        assert t.ended(30) == 0, t.page
    assert writes(log, waiting.root) == []


# --- where the ledger is closed ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "closed",
    ["ledger.sqlite-shm", *(pytest.param(n, marks=pytest.mark.soak) for n in ("ledger.sqlite-wal", "ledger.sqlite"))],
)
def test_the_copy_is_read_and_its_age_said(waiting: Scenario, during: Started, people: People, closed: str) -> None:
    """A live ledger whose shared index, log or itself the reader may not open."""
    (waiting.root / ".opsconsole" / closed).chmod(0o660)
    copy = waiting.root / ".opsconsole/ledger.backup.sqlite"
    os.utime(copy, (time.time(), time.time() - 3600))
    told = everything_is_told(waiting.root, people.eve)
    for words, done in zip(READING, told, strict=True):
        if words[0] != "validate":
            assert "shown is its copy" in done.err and "1 h 0" in done.err, f"{words}: {done.err}"
            assert "shown is its copy" not in done.out.replace("this user cannot read", ""), words
    gone = run(waiting.root, "runs", "show", "ffff", who=people.eve)
    assert gone.status == 2 and "shown is its copy" in gone.err, gone.text
    log = waiting.root.parent / "log"
    command = [
        *strace(log),
        *people.eve.prefix(),
        people.eve.python,
        "-P",
        "-m",
        "console",
        "--root",
        str(waiting.root),
    ]
    with Terminal(waiting.root, argv=command, env=people.eve.environ(), size=(120, 40)) as t:
        t.wait(lambda: "1 h 0" in t.page and "the ledger is closed to this user" in t.page, 60)
        t.press("ctrl+q")
        t.ended(30)
    assert writes(log, waiting.root) == []


def test_neither_ledger_nor_copy_can_be_opened(waiting: Scenario, people: People) -> None:
    """It is said with who could; nothing falls over, and what needs no ledger goes on."""
    readable(waiting.root, people.ann)
    (waiting.root / ".opsconsole").chmod(0o2770)
    for words in READING:
        done = run(waiting.root, *(word.format(run="ffff") for word in words), who=people.eve)
        assert "Traceback" not in done.text and "a fault of opsconsole" not in done.text, f"{words}: {done.text}"
        assert done.status in (0, 1, 2, 5), f"{words}: {done.text}"
        if words[0] not in ("validate",):
            assert f"user {people.ann.uid}, or group {PIPELINE}, can" in done.text, f"{words}: {done.text}"


def test_a_reader_of_a_workspace_where_nothing_ran(place: Path, people: People) -> None:
    scenario = make_fresh(place / "ws")
    readable(scenario.root, people.ann)
    before = checker.tree(scenario.root, "")
    for words in READING:
        done = run(scenario.root, *(word.format(run="ffff") for word in words), who=people.eve)
        assert done.status in (0, 1, 2), f"{words}: {done.text}"
        assert "Traceback" not in done.text and "a fault of opsconsole" not in done.text, f"{words}: {done.text}"
    assert checker.tree(scenario.root, "") == before


def test_a_reader_leaves_what_a_killed_run_left(waiting: Scenario, people: People) -> None:
    readable(waiting.root, people.ann)
    waiting.remember()
    killed(waiting, people.ann, "publish.renamed:3")
    before = checker.tree(waiting.root, "")
    everything_is_told(waiting.root, people.eve)
    everything_is_told(waiting.root, people.ann, "--read-only")
    assert checker.tree(waiting.root, "") == before
