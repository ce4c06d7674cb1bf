"""Taking a run back: the tree before, name by name, whatever stands in the way; what is touched is left, and said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from console.engine.actions.rollback.model import RollbackParams
from tests.faults import checker
from tests.faults.checker import BACKUPS, RAW, VALIDATED, differences, picture
from tests.faults.conftest import Mounts
from tests.faults.inside import Inside, Ran
from tests.faults.scenario import Scenario, first_name, make_fresh, run
from tests.support import make_workspace, valid_record, write_raw

ONE = {"workers": 1}


def versioned(root: Path, **config: object) -> Inside:
    """A workspace with four files of one source, none published."""
    make_workspace(root, {f"alpha/{n}.json": [valid_record(n)] for n in range(4)}, {**ONE, **config})
    return Inside(root.resolve())


def edit(root: Path, name: str, version: int) -> None:
    write_raw(root, name, [valid_record(1000 * version)])


def dest(inside: Inside, name: str = "alpha/0.json") -> Path:
    return inside.root / VALIDATED / name


@pytest.fixture
def inside(place: Path) -> Inside:
    return versioned(place / "ws")


# --- undo is the tree before ------------------------------------------------------------------------------


def undone(inside: Inside, act: Callable[[], Ran], *, expect: int = 0) -> tuple[Ran, Ran]:
    """Do it and take it back; then do it again by taking that back, and take that back too."""
    before = picture(inside.root)
    done = act()
    after = picture(inside.root)
    assert before != after, "nothing happened: the test would prove nothing"
    back = inside.rollback(done.id)
    assert back.status == expect, back.text
    assert differences(before, picture(inside.root)) == []
    again = inside.rollback(back.id)
    assert again.status == expect, again.text
    assert differences(after, picture(inside.root)) == []
    last = inside.rollback(done.id)
    assert last.status == expect, last.text
    assert differences(before, picture(inside.root)) == []
    return done, back


def test_the_first_run(place: Path) -> None:
    fresh = make_fresh(place / "ws", 12, ONE)
    inside = Inside(fresh.root)
    undone(inside, inside.migrate)
    assert fresh.examine() == []


@pytest.mark.parametrize("operation", ["copy", "move"])
def test_replaced_new_failed_and_sidecars(waiting: Scenario, operation: str) -> None:
    inside = Inside(waiting.root)
    done, back = undone(inside, lambda: inside.migrate(operation=operation))
    assert {"processed", "failed", "sidecars"} <= done.counts.keys()
    assert {"restored", "removed"} <= back.counts.keys()
    assert waiting.examine() == []
    if operation == "move":
        assert not any(path.is_dir() for path in (waiting.root / checker.ARCHIVE).iterdir())


def test_a_reprocess_that_only_judged(waiting: Scenario) -> None:
    inside = Inside(waiting.root)
    inside.migrate()
    schema = waiting.root / "config/schemas/small.json"
    document = json.loads(schema.read_text())
    document["title"] = "another rule, the same verdicts"
    schema.write_text(json.dumps(document))
    judged = "SELECT path, rule, judged_run FROM files ORDER BY path"
    before, files = inside.ledger(judged), picture(waiting.root)
    done = inside.reprocess(all=True)
    number = done.counts["revalidated"]
    assert number > 10
    after = inside.ledger(judged)
    assert after != before
    back = inside.rollback(done.id)
    assert (back.status, back.counts) == (0, {"restored": number})
    assert inside.ledger(judged) == before
    assert inside.rollback(back.id).status == 0
    assert inside.ledger(judged) == after
    assert differences(files, picture(waiting.root)) == []


def test_a_reprocess_that_replaced(inside: Inside) -> None:
    inside.migrate()
    edit(inside.root, "alpha/1.json", 2)
    undone(inside, lambda: inside.reprocess(source="alpha"))


def test_modes_times_and_folders(inside: Inside) -> None:
    """Unusual modes of files and folders come back; folders the run made go, those that were there stay."""
    inside.migrate()
    os.chmod(dest(inside), 0o640)
    os.utime(dest(inside), ns=(5, 1_000_000_007))
    (inside.root / VALIDATED / "alpha/empty").mkdir()
    (inside.root / VALIDATED / "alpha/empty").chmod(0o750)
    inside.migrate(checksum=True)
    edit(inside.root, "alpha/0.json", 2)
    edit(inside.root, "beta/deep/down/1.json", 2)
    write_raw(inside.root, "alpha/empty/2.json", [valid_record(7)])
    undone(inside, inside.migrate)
    assert not (inside.root / VALIDATED / "beta").exists()


def test_a_link_that_was_replaced_comes_back(inside: Inside) -> None:
    inside.migrate()
    other = inside.root / "elsewhere.json"
    other.write_text("untouched")
    dest(inside).unlink()
    dest(inside).symlink_to(other)
    edit(inside.root, "alpha/0.json", 2)
    undone(inside, inside.migrate)
    assert dest(inside).is_symlink()
    assert other.read_text() == "untouched"


def test_hostile_names(inside: Inside) -> None:
    evil = "beta/[@click=app.quit]x\n\x1b]52;c;aGVsbG8=\x07 'q' \\ %s.json"
    long = f"beta/{'n' * 250}.json"
    for name in (evil, long, "-rf/--yes.json"):
        write_raw(inside.root, name, [valid_record(1)])
    inside.migrate()
    for name in (evil, long, "-rf/--yes.json"):
        edit(inside.root, name, 2)
    undone(inside, inside.migrate)


# --- chains -----------------------------------------------------------------------------------------------


def chain(inside: Inside) -> tuple[list[Ran], list[dict[str, object]]]:
    """Three runs: A publishes four files, B replaces two of them, C one of these and one other."""
    pictures, runs = [], []
    for version, names in ((1, ()), (2, ("alpha/0.json", "alpha/1.json")), (3, ("alpha/1.json", "alpha/2.json"))):
        for name in names:
            edit(inside.root, name, version)
        pictures.append(picture(inside.root, without=(RAW,)))
        runs.append(inside.migrate())
    return runs, pictures


def test_a_chain_newest_first(inside: Inside) -> None:
    runs, pictures = chain(inside)
    for done, before in zip(reversed(runs), reversed(pictures), strict=True):
        assert inside.rollback(done.id).status == 0
        assert differences(before, picture(inside.root, without=(RAW,))) == []
    for number in (1, 2, 3):
        counts = inside.migrate().counts
        assert counts == {"held": 4}, f"migrate {number} after the rollbacks: {counts}"


def test_oldest_first_is_refused_file_by_file_and_names_the_run(inside: Inside) -> None:
    (first, second, third), _ = chain(inside)
    before = picture(inside.root)
    plan = inside.plan(first.id)
    assert {reason for _, reason in plan.left} == {f"run {ran.id} changed it since" for ran in (second, third)}
    assert any(third.id in note for note in plan.notes)
    refused = inside.rollback(first.id, all_or_nothing=True)
    assert refused.status == 4, refused.text
    assert differences(before, picture(inside.root)) == []
    partly = inside.rollback(first.id)
    assert partly.status == 1, partly.text
    assert partly.counts == {"removed": 1, "left_alone": 3}
    assert not dest(inside, "alpha/3.json").exists()
    for done in (third, second):
        assert inside.rollback(done.id).status == 0
    rest = inside.rollback(first.id)
    assert (rest.status, rest.counts) == (0, {"removed": 3})
    assert inside.migrate().counts == {"held": 4}


def test_what_was_done_again_stands_in_the_way_by_its_own_name(inside: Inside) -> None:
    """B taken back and done again: A cannot go before B; and B can be taken back once more."""
    (first, second, third), pictures = chain(inside)
    inside.rollback(third.id)
    back = inside.rollback(second.id)
    inside.rollback(back.id)
    plan = inside.plan(first.id)
    assert {reason for _, reason in plan.left} == {f"run {second.id} changed it since"}
    assert inside.rollback(second.id).status == 0
    assert differences(pictures[1], picture(inside.root, without=(RAW,))) == []
    assert inside.rollback(first.id).status == 0


def test_a_rollback_that_died_is_finished_and_both_parts_can_be_done_again(inside: Inside) -> None:
    done = inside.migrate()
    after = picture(inside.root)
    assert inside.killed("rollback", RollbackParams(done.id), "mirror.staged:1")
    second = inside.rollback(done.id)
    assert second.status == 0, second.text
    first = next(row for row in inside.runs() if row.action == "rollback")
    assert first.status == "interrupted"
    assert inside.plan(done.id).refused, "it is taken back"
    again = inside.rollback(first.id)
    assert (again.status, again.counts) == (0, {"restored": 4})
    assert differences(after, picture(inside.root)) == []
    assert inside.rollback(done.id).counts == {"removed": 4}, "what was done again can be taken back"


def test_what_is_rolled_back_is_not_rolled_back_twice(inside: Inside) -> None:
    done = inside.migrate()
    back = inside.rollback(done.id)
    refused = inside.rollback(done.id)
    assert refused.status == 4
    assert back.id in refused.text


# --- touched by hand --------------------------------------------------------------------------------------


def _same_look(path: Path) -> None:
    facts = path.stat()
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    with path.open("r+b") as stream:
        stream.write(data)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


TOUCHES: dict[str, Callable[[Path], object]] = {
    "edited": lambda path: path.write_bytes(b"[]"),
    "edited, same size and time": _same_look,
    "deleted": lambda path: path.unlink(),
    "a link": lambda path: (path.unlink(), path.symlink_to("/etc/hostname")),
    "a link to nowhere": lambda path: (path.unlink(), path.symlink_to("/no/such/place")),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("how", TOUCHES)
@pytest.mark.parametrize("replaced", [True, False])
def test_touched_by_hand_since(inside: Inside, how: str, replaced: bool) -> None:
    """Left as it is and said; the others are restored, exit 1."""
    first = inside.migrate()
    if replaced:
        for n in range(4):
            edit(inside.root, f"alpha/{n}.json", 2)
    before = picture(inside.root)
    done = inside.migrate() if replaced else first
    TOUCHES[how](dest(inside))
    touched = picture(inside.root)[f"{VALIDATED}/alpha/0.json"] if os.path.lexists(dest(inside)) else None
    assert inside.rollback(done.id, all_or_nothing=True).status == 4
    back = inside.rollback(done.id)
    assert back.status == 1, back.text
    assert back.counts == {"restored" if replaced else "removed": 3, "left_alone": 1}
    now = picture(inside.root)
    assert now.get(f"{VALIDATED}/alpha/0.json") == touched
    if replaced:
        for n in range(1, 4):
            name = f"{VALIDATED}/alpha/{n}.json"
            assert now[name] == before[name]
    said = inside.ledger(f"SELECT reason FROM outcomes WHERE run = {back.row.seq} AND outcome = 'left-alone'")
    assert said[0][0], "no reason"


def test_a_link_on_the_way_is_not_followed(inside: Inside, place: Path) -> None:
    """A folder was replaced by a link to a copy of it: what lies there is not ours."""
    done = inside.migrate()
    folder = inside.root / VALIDATED / "alpha"
    shutil.move(folder, place / "outside")
    folder.symlink_to(place / "outside")
    back = inside.rollback(done.id)
    assert back.status == 1, back.text
    assert back.counts == {"failed": 4}
    assert len(list((place / "outside").iterdir())) == 4


@pytest.mark.parametrize("how", ["deleted", "tampered", "tampered, same size and time", "a link", "a folder"])
def test_the_backup_is_not_what_it_was(inside: Inside, how: str) -> None:
    """What does not have the recorded bytes is not put back; it is said which, and the others are restored."""
    inside.migrate()
    for n in range(4):
        edit(inside.root, f"alpha/{n}.json", 2)
    done = inside.migrate()
    backup = inside.root / BACKUPS / done.id / "alpha/0.json"
    touch = {"tampered": "edited", "tampered, same size and time": "edited, same size and time"}.get(how, how)
    TOUCHES[touch](backup)
    standing = dest(inside).read_bytes()
    refused = inside.rollback(done.id, all_or_nothing=True)
    assert refused.status == 4, refused.text
    back = inside.rollback(done.id)
    assert (back.status, back.counts.get("restored")) == (1, 3), back.text
    assert dest(inside).read_bytes() == standing
    said = inside.ledger(f"SELECT path, reason FROM outcomes WHERE run = {back.row.seq} AND reason <> ''")
    assert said[0][0].endswith("alpha/0.json")
    assert done.id in said[0][1], said
    assert not list((inside.root / VALIDATED).rglob("*.part"))


def test_the_source_folder_is_gone(inside: Inside) -> None:
    """Rolling back a move makes the raw folders again that somebody removed."""
    before = picture(inside.root)
    done = inside.migrate(operation="move")
    shutil.rmtree(inside.root / RAW / "alpha")
    assert inside.rollback(done.id).status == 0
    assert differences(before, picture(inside.root)) == []


def test_a_source_that_came_again_is_not_overwritten(inside: Inside) -> None:
    done = inside.migrate(operation="move")
    edit(inside.root, "alpha/0.json", 9)
    newer = (inside.root / RAW / "alpha/0.json").read_bytes()
    back = inside.rollback(done.id)
    assert back.status == 1
    assert (inside.root / RAW / "alpha/0.json").read_bytes() == newer
    archived = list((inside.root / checker.ARCHIVE).rglob("0.json"))
    assert len(archived) == 1, "the archived version is nowhere else"


# --- places -----------------------------------------------------------------------------------------------


@pytest.mark.needs_root
@pytest.mark.parametrize("zone", [VALIDATED, BACKUPS, checker.ARCHIVE])
@pytest.mark.parametrize("operation", ["copy", "move"])
def test_zones_on_other_file_systems(place: Path, mounts: Mounts, zone: str, operation: str) -> None:
    """Links and renames are refused between them: copies, verified, with the modes they had."""
    inside = versioned(place / "ws")
    mounts.tmpfs(inside.root / zone, "size=16m")
    inside.migrate()
    for n in range(4):
        os.chmod(dest(inside, f"alpha/{n}.json"), 0o640)
    edit(inside.root, "alpha/0.json", 2)
    write_raw(inside.root, "beta/x/9.json", [valid_record(9)])
    undone(inside, lambda: inside.migrate(operation=operation))


@pytest.mark.needs_root
def test_read_only_zones(place: Path, mounts: Mounts) -> None:
    """Said, nothing half done; when it can be written again it goes through."""
    inside = versioned(place / "ws")
    before = picture(inside.root)
    done = inside.migrate()
    after = picture(inside.root)
    point = mounts.read_only(inside.root / VALIDATED)
    failed = inside.rollback(done.id)
    assert failed.status in (1, 4), failed.text
    assert differences(after, picture(inside.root)) == []
    mounts.off(point)
    back = inside.rollback(done.id)
    assert back.status == 0, back.text
    assert differences(before, picture(inside.root)) == []


def test_a_file_that_cannot_be_renamed_is_that_files_matter(place: Path, mounts: Mounts) -> None:
    image = place / "disk.img"
    with image.open("wb") as stream:
        stream.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    mounts.image(image, place / "disk")
    inside = versioned(place / "disk" / "ws")
    done = inside.migrate()
    if subprocess.run(["chattr", "+i", str(dest(inside))], check=False, capture_output=True).returncode:
        pytest.skip("not shown here: no immutable files")
    try:
        back = inside.rollback(done.id)
        assert (back.status, back.counts) == (1, {"removed": 3, "failed": 1}), back.text
        assert dest(inside).exists()
    finally:
        subprocess.run(["chattr", "-i", str(dest(inside))], check=True)
    rest = inside.rollback(done.id)
    assert (rest.status, rest.counts) == (0, {"removed": 1}), rest.text


# --- a run of the program before this one -----------------------------------------------------------------


def test_a_run_that_remembered_nothing(waiting: Scenario) -> None:
    """Version 2 of the ledger kept no rows from before a run: files come back all the same; of the rows as much as is
    known."""
    inside = Inside(waiting.root)
    before = picture(waiting.root)
    done = inside.migrate()
    inside.ledger("DELETE FROM former")
    back = inside.rollback(done.id)
    assert back.status == 0, back.text
    after = picture(waiting.root)
    assert after.keys() == before.keys()
    entries = {name for name in before if name.startswith("entry of ")}
    assert [name for name in before.keys() - entries if before[name] != after[name]] == []
    for name in entries:
        was, now = json.loads(str(before[name])), json.loads(str(after[name]))
        assert (was["checksum"], was["dest_path"]) == (now["checksum"], now["dest_path"])
        assert was["metadata"]["size_bytes"] == now["metadata"]["size_bytes"]
    assert waiting.examine() == []
    assert inside.migrate().counts["held"] == 8


# --- held -------------------------------------------------------------------------------------------------


def test_three_migrates_publish_nothing_of_it_again(waiting: Scenario) -> None:
    inside = Inside(waiting.root)
    done = inside.migrate()
    inside.rollback(done.id)
    before = picture(waiting.root)
    for act in (
        inside.migrate,
        lambda: inside.migrate(checksum=True),
        lambda: inside.reprocess(all=True),
        inside.migrate,
    ):
        ran = act()
        assert ran.counts["held"] == 8, ran.counts
        assert "processed" not in ran.counts
        assert "sidecars" not in ran.counts
        assert differences(before, picture(waiting.root)) == []
    assert waiting.examine() == []
    assert len(inside.ledger("SELECT path FROM holds")) == 16


def test_what_a_dry_run_and_the_summary_say_of_it(waiting: Scenario) -> None:
    inside = Inside(waiting.root)
    done = inside.migrate()
    inside.rollback(done.id)
    dry = run(waiting.root, "migrate", "--dry-run")
    assert "8 held" in dry.out, dry.text
    summary = run(waiting.root, "migrate", "--dry-run", "--json").summary
    assert summary["counts"]["held"] == 8


def test_a_changed_source_goes_and_the_hold_with_it(inside: Inside) -> None:
    inside.rollback(inside.migrate().id)
    edit(inside.root, "alpha/0.json", 2)
    assert inside.migrate().counts == {"processed": 1, "held": 3}
    assert len(inside.ledger("SELECT path FROM holds")) == 3
    assert inside.migrate().counts == {"skipped": 1, "held": 3}


def test_a_changed_rule_lets_all_of_it_go(inside: Inside) -> None:
    inside.rollback(inside.migrate().id)
    schema = inside.root / "config/schemas/small.json"
    schema.write_text(schema.read_text().replace("{", '{"title": "other", ', 1))
    assert inside.migrate().counts == {"processed": 4}
    assert inside.ledger("SELECT path FROM holds") == []


def test_sidecars_are_held_by_themselves(inside: Inside) -> None:
    sidecar = "alpha/_metadata.json"
    write_raw(inside.root, sidecar, {"source_name": "alpha"})
    inside.rollback(inside.migrate().id)
    edit(inside.root, "alpha/0.json", 2)
    assert inside.migrate().counts == {"processed": 1, "held": 3}
    assert not dest(inside, sidecar).exists()
    write_raw(inside.root, sidecar, {"source_name": "alpha", "version": 2})
    assert inside.migrate().counts["sidecars"] == 1
    assert dest(inside, sidecar).exists()
    assert not inside.ledger(f"SELECT path FROM holds WHERE path LIKE '%{sidecar}'")


# --- what the runbook does by hand ------------------------------------------------------------------------


def test_the_runbooks_copy_of_a_backup_changes_no_other_backup(waiting: Scenario) -> None:
    """`cp -r data/_backups/<run>/* data/transformed/validated/`, after a migrate and after a rollback."""
    inside = Inside(waiting.root)
    done = inside.migrate()
    back = inside.rollback(done.id)
    again = inside.rollback(back.id)
    for ran in (done, back, again):
        before = checker.snapshot_raw(waiting.root, BACKUPS)
        shell = f"cp -r {BACKUPS}/{ran.id}/* {VALIDATED}/"
        assert subprocess.run(shell, shell=True, cwd=waiting.root, check=False).returncode == 0
        assert checker.snapshot_raw(waiting.root, BACKUPS) == before
        for path in checker.walk_files(waiting.root / BACKUPS / ran.id):
            name = path.relative_to(waiting.root / BACKUPS / ran.id)
            assert (waiting.root / VALIDATED / name).read_bytes() == path.read_bytes()
            assert path.stat().st_nlink == 1


# --- the command itself -----------------------------------------------------------------------------------


def test_the_command(waiting: Scenario) -> None:
    """Plan, refusal without the word, the run, exit statuses: as a person or a script has it."""
    inside = Inside(waiting.root)
    before = picture(waiting.root)
    assert inside.migrate().status == 1
    after = picture(waiting.root)
    dry = run(waiting.root, "rollback", "--last", "--dry-run")
    assert (dry.status, "ana's" in dry.text) == (2, True), "another person's run, and nobody to ask"
    dry = run(waiting.root, "rollback", inside.runs()[-1].short, "--dry-run")
    assert dry.status == 0, dry.text
    assert differences(after, picture(waiting.root)) == []
    refused = run(waiting.root, "rollback", inside.runs()[-1].short, "--yes")
    assert refused.status == 2, refused.text
    done = run(waiting.root, "rollback", inside.runs()[-1].short, "--yes", "--confirm", "ws", "--json")
    assert done.status == 0, done.text
    assert done.summary["counts"]["restored"] > 0
    assert differences(before, picture(waiting.root)) == []
    assert (waiting.root / VALIDATED / first_name(0)).exists()


def test_a_verdict_that_went_back_does_not_stand_in_the_way(inside: Inside) -> None:
    """A published; B only judged, and was taken back: A can be taken back."""
    first = inside.migrate()
    schema = inside.root / "config/schemas/small.json"
    schema.write_text(schema.read_text().replace("{", '{"title": "other", ', 1))
    second = inside.reprocess(all=True)
    assert second.counts == {"revalidated": 4}
    assert inside.rollback(second.id).status == 0
    back = inside.rollback(first.id)
    assert (back.status, back.counts) == (0, {"removed": 4}), back.text
