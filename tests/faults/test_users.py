"""Two users of one group, umask 027 and 077, on files and folders that either may own: what one leaves the other
goes on with. Real processes under real ids; what they may not do the kernel refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.faults import checker
from tests.faults.conftest import People
from tests.faults.people import PIPELINE, Person, everything, inodes, narrower, share
from tests.faults.scenario import (
    RAW,
    VALIDATED,
    Done,
    Scenario,
    add_second,
    alive,
    end_state,
    make_fresh,
    migrate,
    run,
    start,
    wait_for,
)
from tests.faults.test_versions import downgrade
from tests.support import invalid_record, write_raw

pytestmark = pytest.mark.needs_root

KILLED_AT = [
    "run.locked:1",
    "run.registered:1",
    "run.planned:1",
    "stage.written:2",
    "batch.intended:1",
    "publish.renamed:3",
    "batch.recorded:1",
    "mirror.backed-up:1",
    "report.written:1",
]


def plain(done: Done) -> None:
    assert "Traceback" not in done.text and "Permission denied" not in done.text, done.text


def slowly(seconds: int) -> list[str]:
    """A wrapper under which each of the first flushes of a run takes this long."""
    if shutil.which("strace") is None:
        pytest.skip("not shown here: strace, which slows the run down, is not installed")
    slow = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=syncfs"]
    return [*slow, "-e", f"inject=syncfs:delay_enter={seconds}s:when=1..4"]


def killed(scenario: Scenario, who: Person, failpoint: str) -> None:
    started = start(scenario.root, "migrate", "--yes", "--json", "--foreground", failpoint=failpoint, who=who)
    done = started.finish()
    assert done.status in (-signal.SIGKILL, 1), done.text
    wait_for(lambda: not alive(started.mark), "the workers to die")


@pytest.fixture(params=["setgid", "plain"])
def setgid(request: pytest.FixtureRequest) -> bool:
    """Whether folders give their group on by themselves; else we have to."""
    return bool(request.param == "setgid")


@pytest.mark.parametrize("failpoint", KILLED_AT)
def test_one_dies_and_the_other_goes_on(
    waiting: Scenario, undisturbed: dict[str, object], people: People, setgid: bool, failpoint: str
) -> None:
    """A run is killed, the other's next one settles it: the same end as of one user whom nothing disturbs.
    Nothing that either made keeps the group out, at any moment."""
    turn = KILLED_AT.index(failpoint)
    share(waiting.root, setgid=setgid, seed=turn)
    waiting.remember()
    before = inodes(waiting.root)
    first, second = (people.ann, people.ben) if turn % 2 else (people.ben, people.ann)
    killed(waiting, first, failpoint)
    assert narrower(waiting.root, before) == [], f"right after {failpoint}"
    again = migrate(waiting.root, who=second)
    plain(again)
    assert again.status == 1, again.text
    assert waiting.examine() == []
    assert end_state(waiting.root) == undisturbed
    assert narrower(waiting.root, before) == []
    last = migrate(waiting.root, who=first)
    assert last.status == 1, last.text
    assert (last.summary["counts"]["processed"], last.summary["counts"]["revalidated"]) == (0, 0)


def scraped(root: Path, owner: int, setgid: bool) -> None:
    """The raw zone as a scraper of the group leaves it."""
    for path in everything(root / RAW):
        os.chown(path, owner, PIPELINE)
        path.chmod((0o2770 if setgid else 0o770) if path.is_dir() else 0o640)


def test_taking_turns_from_the_beginning(place: Path, people: People, setgid: bool) -> None:
    """Ann makes everything that a first run makes, ben publishes over it, and so on; either reads every report."""
    scenario = make_fresh(place / "ws")
    share(scenario.root, setgid=setgid)
    before = inodes(scenario.root)
    for number, who in enumerate((people.ann, people.ben, people.ann, people.ben)):
        if number == 1:
            scenario = add_second(scenario)
        write_raw(scenario.root, f"gamma/manual/turn{number}.json", [invalid_record(number)])
        scraped(scenario.root, (people.ben if number % 2 else people.ann).uid, setgid)
        scenario.remember()
        done = migrate(scenario.root, who=who)
        plain(done)
        assert done.status == 1, done.text
        assert scenario.examine() == []
        assert narrower(scenario.root, before) == []
    runs = run(scenario.root, "runs", "list", "--json", who=people.ann).events
    assert [event["who"]["login"] for event in runs] == ["ben", "ann", "ben", "ann"]
    for event in runs:
        for who in (people.ann, people.ben):
            shown = run(scenario.root, "runs", "report", event["id"], who=who)
            plain(shown)
            assert shown.status == 0 and event["id"] in shown.out, shown.text


def test_each_answers_for_what_failed_in_the_others_run(waiting: Scenario, people: People, setgid: bool) -> None:
    share(waiting.root, setgid=setgid, seed=3)
    before = inodes(waiting.root)
    assert migrate(waiting.root, who=people.ann).status == 1
    for who, file in ((people.ben, "gamma/manual/bad.json"), (people.ann, "gamma/manual/torn.jsonl")):
        done = run(waiting.root, "failures", "accept", f"{RAW}/{file}", "--reason", "known", who=who)
        plain(done)
        assert done.status == 0, done.text
        assert narrower(waiting.root, before) == []
    rows = run(waiting.root, "failures", "list", "--by", "file", "--json", who=people.ben).events
    assert {row["accepted_by"] for row in rows if row["accepted"]} == {"ann", "ben"}


def test_each_cancels_the_others_run(place: Path, people: People, setgid: bool) -> None:
    scenario = make_fresh(place / "ws", files=2500, config={"workers": 1})
    share(scenario.root, setgid=setgid)
    before = inodes(scenario.root)
    for who, other in ((people.ann, people.ben), (people.ben, people.ann)):
        started = start(scenario.root, "migrate", "--yes", "--json", "--foreground", prefix=slowly(4), who=who)

        def running(by: Person = other) -> str:
            rows = run(scenario.root, "runs", "list", "--json", who=by).events
            return next((row["id"] for row in rows if row["status"] == "running"), "")

        wait_for(running, "the run to be seen by the other user")
        assert narrower(scenario.root, before) == [], "during the run"
        done = run(scenario.root, "runs", "cancel", running(), who=other)
        plain(done)
        assert done.status == 0, done.text
        ended = started.finish()
        plain(ended)
        assert ended.status == 130, ended.text
        assert narrower(scenario.root, before) == []
        rows = run(scenario.root, "runs", "list", "--json", who=who).events
        assert rows[0]["cancel_by"] == other.name
    rest = migrate(scenario.root, who=people.ann)
    plain(rest)
    assert rest.status == 1 and narrower(scenario.root, before) == [], rest.text


CONFIRMED = """
import os, sys
from console.engine.actions.migrate.plan import plan_migrate
from console.engine.context import open_context
from console.engine.model import MigrateParams
from console.engine.runs.start import start_run
ctx = open_context(sys.argv[1])
plan = plan_migrate(ctx, MigrateParams(source=sys.argv[2]))
started = start_run(ctx, "migrate", plan.params, plan=plan)
while os.read(started.done_fd, 4096): pass
print(started.run_id)
"""


def test_a_confirmed_plan_of_either(waiting: Scenario, people: People, setgid: bool) -> None:
    """The console's way: the plan's files are written by the starter, with that one's umask, and read by the run."""
    share(waiting.root, setgid=setgid, seed=4)
    before = inodes(waiting.root)
    for who, source in ((people.ann, "alpha"), (people.ben, "delta")):
        done = who.runs(CONFIRMED, str(waiting.root), source)
        assert done.returncode == 0, done.stderr
        folder = waiting.root / ".opsconsole/runs" / done.stdout.strip()
        assert {path.name for path in folder.iterdir()} >= {"confirmed.jsonl", "stderr", "report.md", "plan.jsonl"}
        assert narrower(waiting.root, before) == []
    assert list((waiting.root / VALIDATED / "delta").rglob("data.json"))


def test_a_traceback_is_for_the_group(waiting: Scenario, people: People, setgid: bool) -> None:
    """The run fails half way, by an error of the system: its traceback, its report and its log are for everybody."""
    share(waiting.root, setgid=setgid)
    waiting.remember()
    before = inodes(waiting.root)
    done = migrate(waiting.root, failpoint="run.planned:1:5", who=people.ben)
    assert done.status == 1, done.text
    assert list((waiting.root / ".opsconsole/runs").glob("*/traceback"))
    assert narrower(waiting.root, before) == []
    again = migrate(waiting.root, who=people.ann)
    plain(again)
    assert again.status == 1 and waiting.examine() == [], again.text


def test_an_older_ledger_is_upgraded_by_one_for_both(waiting: Scenario, people: People, setgid: bool) -> None:
    downgrade(waiting.root, 1)
    share(waiting.root, setgid=setgid)
    before = inodes(waiting.root)
    done = migrate(waiting.root, who=people.ben)
    plain(done)
    assert (done.status, done.summary["status"]) == (1, "partial"), done.text  # two files fail
    assert (waiting.root / ".opsconsole/ledger.v1.sqlite").exists(), done.text
    assert narrower(waiting.root, before) == []
    assert migrate(waiting.root, who=people.ann).status == 1


def test_a_ledger_that_an_older_program_made_for_itself_is_opened_to_the_group(
    waiting: Scenario, people: People, setgid: bool
) -> None:
    """Mode 0644, the lock too: its owner's next run mends that, as the only one who may."""
    share(waiting.root, setgid=setgid)
    for name in ("ledger.sqlite", "lock"):
        path = waiting.root / ".opsconsole" / name
        os.chown(path, people.ann.uid, people.ann.gid)
        path.chmod(0o644)
    assert migrate(waiting.root, who=people.ann).status == 1
    assert narrower(waiting.root / ".opsconsole") == []
    done = migrate(waiting.root, who=people.ben)
    plain(done)
    assert done.status == 1, done.text


def test_archives_of_both(place: Path, people: People, setgid: bool) -> None:
    """`--operation move`: archive folders, SHA256SUMS and the archive's log, which each appends to."""
    scenario = make_fresh(place / "ws")
    share(scenario.root, setgid=setgid)
    before = inodes(scenario.root)
    for who, source in ((people.ann, "alpha"), (people.ben, "beta")):
        done = migrate(scenario.root, "--operation", "move", "--source", source, who=who)
        plain(done)
        assert done.status == 0, done.text
        assert done.summary["counts"]["moved"] == 6, done.text
        assert narrower(scenario.root, before) == []
    assert len((scenario.root / "data/raw/_archive/ARCHIVE_LOG.txt").read_text().splitlines()) == 2


def test_logs_are_rotated_by_either(place: Path, people: People, setgid: bool) -> None:
    scenario = make_fresh(place / "ws", config={"logs": {"rotate_bytes": 10000}})
    share(scenario.root, setgid=setgid)
    before = inodes(scenario.root)
    for number in range(4):
        for turn in range(12):
            write_raw(scenario.root, f"alpha/dumps/n{number}/{turn}.json", [invalid_record(number)])
        scraped(scenario.root, people.ann.uid, setgid)
        done = migrate(scenario.root, "--override", "failures", "--reason", "test",
                       who=(people.ann, people.ben)[number % 2])  # fmt: skip
        assert done.status == 1, done.text
        assert narrower(scenario.root, before) == []
    assert len(list((scenario.root / "logs/migration").glob("migration.json.*"))) > 2


def test_a_log_that_only_its_owner_may_append_to_is_rotated_away(
    waiting: Scenario, people: People, setgid: bool
) -> None:
    """The incumbent ran with umask 027: its lines stay where they are, in the file that is now `.1`."""
    share(waiting.root, setgid=setgid)
    log = waiting.root / "logs/migration/migration.log"
    os.chown(log, people.ann.uid, PIPELINE)
    log.chmod(0o640)
    old = log.read_bytes()
    before = inodes(waiting.root)
    done = migrate(waiting.root, who=people.ben)
    plain(done)
    assert done.status == 1, done.text
    assert Path(f"{log}.1").read_bytes() == old
    assert b"Processing file" in log.read_bytes()
    assert narrower(waiting.root, before) == []


def test_backups_where_links_are_refused(
    waiting: Scenario, undisturbed: dict[str, object], people: People, setgid: bool
) -> None:
    """Another owner's file that we may read and not write cannot be linked (proc(5), protected_hardlinks): the
    backup is a copy, with the bytes and the time of what was replaced; the state file's .bak likewise."""
    if Path("/proc/sys/fs/protected_hardlinks").read_text().strip() != "1":
        pytest.skip("not shown here: fs.protected_hardlinks is off")
    share(waiting.root, setgid=setgid)
    standing = {}
    for path in checker.walk_files(waiting.root / VALIDATED):
        os.chown(path, people.ann.uid, PIPELINE)
        path.chmod(0o640)
        standing[path.relative_to(waiting.root / VALIDATED).as_posix()] = path.stat()
    state = waiting.root / checker.STATE
    os.chown(state, people.ann.uid, PIPELINE)
    old_state = state.read_bytes()
    assert people.ben.does("ln", str(state), f"{state}.link").returncode != 0, "a link was not refused"
    before = inodes(waiting.root)
    waiting.remember()
    done = migrate(waiting.root, who=people.ben)
    plain(done)
    assert done.status == 1, done.text
    assert waiting.examine() == []
    assert end_state(waiting.root) == undisturbed
    copies = list(checker.walk_files(waiting.root / "data/_backups" / done.summary["run"]))
    assert len(copies) >= 4
    for copy in copies:
        name = copy.relative_to(waiting.root / "data/_backups").as_posix().split("/", 1)[1]
        assert copy.stat().st_uid == people.ben.uid, "a link after all"
        assert copy.stat().st_mtime_ns == standing[name].st_mtime_ns, f"{name}: not the time of what was replaced"
    assert Path(f"{state}.bak").read_bytes() == old_state
    assert narrower(waiting.root, before) == []


def test_who_holds_the_lock_is_told_to_the_other(waiting: Scenario, people: People) -> None:
    """The note beside the lock is for the group, whatever its holder's umask."""
    share(waiting.root)
    started = start(waiting.root, "migrate", "--yes", "--foreground", who=people.ben, prefix=slowly(2))
    holder = waiting.root / ".opsconsole/holder.json"
    wait_for(lambda: holder.exists() and json.loads(holder.read_bytes()), "the note")
    other = migrate(waiting.root, who=people.ann)
    assert other.status == 3, other.text
    assert "ben@" in other.err, other.err
    started.finish()
