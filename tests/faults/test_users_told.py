"""What a user may not do is said before anything happens, with who could; what keeps the group out is found and
repaired by who may."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import checker
from tests.faults.conftest import People
from tests.faults.people import PIPELINE, everything, narrower, share
from tests.faults.scenario import RAW, VALIDATED, Done, Scenario, first_name, migrate, run
from tests.faults.test_users import killed, plain

pytestmark = pytest.mark.needs_root

CLOSED = {
    "validated zone": (VALIDATED, 0o2750),
    "a folder in it": (f"{VALIDATED}/{first_name(0)}".rpartition("/")[0], 0o2750),
    "backups": ("data/_backups", 0o2750),
    "logs": ("logs/migration", 0o2750),
    "ours": (".opsconsole", 0o2750),
    "the runs": (".opsconsole/runs", 0o2750),
    "ledger": (".opsconsole/ledger.sqlite", 0o640),
    "lock": (".opsconsole/lock", 0o640),
    "state file": (checker.STATE, 0o600),
}


def no_traceback(done: Done) -> None:
    assert "Traceback" not in done.text and "a fault of opsconsole" not in done.text, done.text


@pytest.mark.parametrize("which", CLOSED)
def test_the_plan_names_who_could(waiting: Scenario, people: People, which: str) -> None:
    """Ben is told before anything happens what he may not do, and that ann can; unknown ids are numbers."""
    share(waiting.root, file_mode=0o660)
    name, mode = CLOSED[which]
    path = waiting.root / name
    os.chown(path, people.ann.uid, PIPELINE)
    path.chmod(mode)
    waiting.remember()
    before = checker.tree(waiting.root, "data")
    planned = run(waiting.root, "migrate", "--dry-run", who=people.ben)
    no_traceback(planned)
    assert planned.status == 1, planned.text
    said = planned.text.replace("\n", " ")
    assert name in said and f"user {people.ann.uid} can" in said, planned.text
    assert f"group {PIPELINE}" not in said, "the group cannot"
    refused = migrate(waiting.root, who=people.ben)
    no_traceback(refused)
    assert refused.status in (1, 4, 5), refused.text
    assert refused.summary.get("counts", {}).get("processed", 0) == 0, refused.text
    assert f"user {people.ann.uid} can" in refused.text and name in refused.text, refused.text
    assert checker.tree(waiting.root, "data") == before
    done = migrate(waiting.root, who=people.ann)  # the one who was named can
    assert done.status == 1 and done.summary["counts"]["processed"] > 0, done.text
    assert waiting.examine() == []


def test_a_user_outside_of_the_group_is_told_of_the_group(waiting: Scenario, people: People) -> None:
    share(waiting.root)
    for path in everything(waiting.root):
        os.chown(path, people.ann.uid, PIPELINE)
        path.chmod(0o2775 if path.is_dir() else 0o664)
    for words in (("migrate", "--dry-run"), ("migrate", "--yes")):
        told = run(waiting.root, *words, who=people.eve)
        no_traceback(told)
        assert f"user {people.ann.uid}, or group {PIPELINE}, can" in told.text.replace("\n", " "), told.text
        assert told.status in (1, 4), told.text


def test_a_move_needs_to_take_files_out_of_raw(waiting: Scenario, people: People) -> None:
    """Copying needs no right to write in the raw zone; archiving does, and the plan says so."""
    share(waiting.root, file_mode=0o660)
    for path in everything(waiting.root / RAW):
        os.chown(path, people.ann.uid, PIPELINE)
        path.chmod(0o2750 if path.is_dir() else 0o640)
    waiting.remember()
    moved = migrate(waiting.root, "--operation", "move", who=people.ben)
    assert moved.status == 4, moved.text
    assert f"user {people.ann.uid} can" in moved.text and RAW in moved.text
    copied = migrate(waiting.root, who=people.ben)
    assert copied.status == 1 and waiting.examine() == [], copied.text


NARROW = [
    (".opsconsole", 0o700),
    (".opsconsole/runs", 0o700),
    (".opsconsole/runs/*", 0o700),
    (".opsconsole/runs/*/report.md", 0o600),
    (".opsconsole/ledger.sqlite", 0o600),
    (".opsconsole/ledger.backup.sqlite", 0o600),
    (".opsconsole/ledger.sqlite-wal", 0o600),
    (".opsconsole/ledger.sqlite-shm", 0o600),
    (".opsconsole/ledger.v1.sqlite", 0o600),
    (".opsconsole/lock", 0o600),
    (".opsconsole/reserve", 0o600),
    ("logs/migration", 0o700),
    ("logs/migration/migration.log", 0o600),
    ("logs/migration/migration.json.2", 0o600),
    (checker.STATE, 0o600),
    (checker.STATE + ".bak", 0o600),
    (f"{VALIDATED}/alpha", 0o700),
    (f"{VALIDATED}/alpha/dumps/*/data.json", 0o600),
    ("data/_backups/*", 0o700),
    ("data/_backups/*/*/dumps/*/data.*", 0o600),
]


def complaints(done: Done) -> Iterator[dict[str, Any]]:
    """Findings about owners and modes."""
    for event in done.events:
        if event["check"] != "pass" and any(word in event["text"] for word in ("mode", "group", "may not write")):
            yield event


@pytest.mark.parametrize(("pattern", "mode"), NARROW)
def test_doctor_finds_and_repairs_what_keeps_the_group_out(
    waiting: Scenario, people: People, pattern: str, mode: int
) -> None:
    """Something of ann's is narrow, and of her own group: doctor says so, offers her the repair, and names her to
    ben."""
    root = waiting.root
    assert migrate(root).status == 1
    for name in ("ledger.sqlite-wal", "ledger.v1.sqlite"):
        (root / ".opsconsole" / name).touch()
    (root / "logs/migration/migration.json.2").touch()
    if pattern.endswith("-shm"):
        (root / pattern).write_bytes(bytes(32768))
    share(root, file_mode=0o660)
    for path in everything(root):
        os.chown(path, people.ann.uid, PIPELINE)
    healthy = run(root, "doctor", "--json", who=people.ben)
    assert list(complaints(healthy)) == [], healthy.text
    found = sorted(root.glob(pattern))
    assert found, f"nothing is at {pattern}"
    was = {path: stat.S_IMODE(path.stat().st_mode) for path in found}
    for path in found:
        os.chown(path, -1, people.ann.gid)
        path.chmod(mode)
    seen = run(root, "doctor", "--json", who=people.ben)
    no_traceback(seen)
    assert f"user {people.ann.uid}" in " ".join(str(event) for event in complaints(seen)), seen.text
    offered = run(root, "doctor", "--json", who=people.ann)
    assert [event for event in complaints(offered) if event["repair"]], offered.text
    done = run(root, "doctor", "--repair", "--yes", who=people.ann)
    no_traceback(done)
    assert {path: stat.S_IMODE(path.stat().st_mode) for path in was} == was
    assert {path.stat().st_gid for path in was} == {PIPELINE}
    after = run(root, "doctor", "--json", who=people.ben)
    assert list(complaints(after)) == [], after.text


def test_doctor_touches_neither_raw_nor_what_others_own(waiting: Scenario, people: People) -> None:
    share(waiting.root, file_mode=0o660)
    names = (f"{VALIDATED}/alpha", "data/raw/funding_sources/alpha", "config/console.toml")
    for name in names:
        os.chown(waiting.root / name, people.ann.uid, people.ann.gid)
        (waiting.root / name).chmod(0o700)
    before = {name: (waiting.root / name).stat().st_mode for name in names[1:]}
    run(waiting.root, "doctor", "--repair", "--yes", who=people.ann)
    assert {name: (waiting.root / name).stat().st_mode for name in names[1:]} == before
    assert stat.S_IMODE((waiting.root / names[0]).stat().st_mode) == 0o2770


def test_doctor_of_either_after_the_others_death(waiting: Scenario, people: People) -> None:
    share(waiting.root, file_mode=0o660)
    waiting.remember()
    killed(waiting, people.ann, "publish.renamed:3")
    looked = run(waiting.root, "doctor", "--json", who=people.ben)
    plain(looked)
    assert "died in phase" in looked.text
    assert list(complaints(looked)) == []
    repaired = run(waiting.root, "doctor", "--repair", "--yes", who=people.ben)
    plain(repaired)
    assert narrower(waiting.root) == []
    assert migrate(waiting.root, who=people.ann).status == 1
    assert waiting.examine() == []


def test_a_crash_note_in_the_workspace_is_for_the_group(waiting: Scenario, people: People) -> None:
    """What the command line writes about a fault of its own, the next user reads too."""
    share(waiting.root, file_mode=0o660)
    code = """
import sys
from console.cli.session import last_typed
from console.cli.trouble import tell
last_typed["root"] = sys.argv[1]
try: raise ValueError("a fault")
except ValueError as error: tell(error)
"""
    done = people.ben.runs(code, str(waiting.root))
    assert str(Path(waiting.root, ".opsconsole/errors")) in done.stderr, done.stderr
    assert narrower(waiting.root) == []
