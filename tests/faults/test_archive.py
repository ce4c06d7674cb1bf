"""Archive and restore from outside: what moves, what stays, and that an undo is the tree before."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.archives import (
    HOSTILE,
    LABEL,
    SPAN,
    archived_files,
    check_sums,
    make_years,
    misplaced,
    open_failures,
    raw_files,
    snapshot,
    write,
)
from tests.faults.checker import ARCHIVE, RAW, VALIDATED
from tests.faults.conftest import Mounts
from tests.faults.scenario import Done, migrate, run
from tests.support import make_workspace, shared_corpus, valid_record


def archive(root: Path, *args: str, **more: object) -> Done:
    return run(root, "archive", *args, "--yes", "--json", **more)


def restore(root: Path, *args: str, **more: object) -> Done:
    return run(root, "archive", "restore", *args, "--yes", "--json", **more)


def rollback(root: Path) -> Done:
    return run(root, "rollback", "--last", "--yes", "--confirm", root.name, "--json")


@pytest.fixture(scope="module")
def template(ground: Path) -> Iterator[Path]:
    """Published, with one failing file; tests copy it."""
    root = make_years(ground / "years" / "ws")
    assert migrate(root).status == 1
    yield root
    shutil.rmtree(ground / "years")


@pytest.fixture
def years(template: Path, place: Path) -> Path:
    root = place / "ws"
    shutil.copytree(template, root, symlinks=True)
    return root


@pytest.fixture
def seen(years: Path) -> Path:
    """The same with the inodes that the ledger knows: a copy has others until a run has looked."""
    assert migrate(years).status == 1
    return years


def in_2023(path: str) -> bool:
    return "/2023-" in path


def test_a_span_of_dates_moves_by_rename_and_the_next_migrate_has_nothing_to_say(years: Path) -> None:
    before, published = raw_files(years), snapshot(years)
    inodes = {path: os.stat(years / "data/raw" / path).st_ino for path in before}
    assert len(open_failures(years)) == 1
    done = archive(years, *SPAN, *LABEL)
    assert done.status == 0, done.text
    assert done.summary["counts"]["archived"] == 11
    assert misplaced(years, before, settled=True) == []
    moved = archived_files(years)
    assert set(moved) == {path for path in before if in_2023(path)}
    assert check_sums(years) == 11
    for path in moved:
        assert os.stat(years / ARCHIVE / "y2023" / path).st_ino == inodes[path], f"{path} was copied"
    assert "11 files archived" in (years / ARCHIVE / "ARCHIVE_LOG.txt").read_text()
    assert "the year is over" in (years / ARCHIVE / "ARCHIVE_LOG.txt").read_text()
    after = snapshot(years)
    for path, facts in published.items():  # published copies and the state file are as they were
        if path.startswith(VALIDATED) or path == "mirror":
            assert after[path] == facts
    assert not (years / RAW / "alpha/dumps/2023-03-14_055643").exists()
    assert (years / RAW / "beta").is_dir()
    assert open_failures(years) == []
    again = migrate(years)
    assert (again.status, again.summary["counts"]["processed"], again.summary["counts"]["failed"]) == (0, 0, 0)
    assert snapshot(years) == after


def test_an_archived_file_is_explained(years: Path) -> None:
    assert archive(years, *SPAN, *LABEL).status == 0
    told = run(years, "explain", "alpha/dumps/2023-03-14_055643/data.json").out
    assert "archived, published" in told
    assert "the year is over" in told
    assert f"{ARCHIVE}/y2023/funding_sources/alpha/dumps/2023-03-14_055643/data.json" in told
    never = run(years, "explain", f"{RAW}/alpha/dumps/2023-03-14_055643/bad.json").out
    assert "archived, not published" in never
    assert "archive restore y2023" in never


def test_a_whole_source_can_go_and_no_brake_comes_of_it(seen: Path) -> None:
    assert archive(seen, "--source", "beta", *LABEL).status == 0
    assert [path for path in raw_files(seen) if "/beta/" in path] == []
    done = migrate(seen)
    assert done.status == 1, done.text  # the failing file of alpha
    assert done.summary["counts"]["known_failed"] == 1
    shutil.rmtree(seen / RAW / "alpha")  # what nobody archived still brakes
    braked = migrate(seen)
    assert braked.status == 4, braked.text
    assert "source-empty" in braked.text


@pytest.mark.parametrize("withdraw", [(), ("--withdraw",)])
def test_undo_is_the_tree_before_and_undo_of_that_the_tree_after(seen: Path, withdraw: tuple[str, ...]) -> None:
    before, failing = snapshot(seen), open_failures(seen)
    assert archive(seen, *SPAN, *LABEL, *withdraw).status == 0
    after = snapshot(seen)
    assert before != after
    first = rollback(seen)
    assert first.status == 0, first.text
    assert snapshot(seen) == before
    assert open_failures(seen) == failing
    known = migrate(seen)
    assert (known.status, known.summary["counts"]["processed"], known.summary["counts"]["failed"]) == (1, 0, 0)
    assert snapshot(seen) == before
    undone = run(seen, "rollback", first.summary["run"], "--yes", "--confirm", seen.name, "--json")
    assert undone.status == 0, undone.text
    assert snapshot(seen) == after
    assert open_failures(seen) == []
    check_sums(seen)
    assert migrate(seen).status == 0


def test_what_is_withdrawn_lies_in_the_backup_and_leaves_the_state_file(years: Path) -> None:
    copies = {path for path in snapshot(years) if path.startswith(VALIDATED) and in_2023(path)}
    done = archive(years, *SPAN, *LABEL, "--withdraw")
    assert done.status == 0, done.text
    after = snapshot(years)
    assert not [path for path in after if path.startswith(VALIDATED) and in_2023(path)]
    assert not [path for path in after["mirror"] if in_2023(path)]
    backup = years / "data/_backups" / done.summary["run"]
    files = [path for path in copies if path.endswith(".json")]
    assert len(files) == done.summary["counts"]["removed"] == 9
    assert all((backup / path.removeprefix(VALIDATED + "/")).is_file() for path in files)
    assert migrate(years).summary["counts"]["processed"] == 0


def test_restore_brings_back_some_then_all_and_is_undone(years: Path) -> None:
    before = snapshot(years)
    assert archive(years, *SPAN, *LABEL).status == 0
    archived = snapshot(years)
    some = restore(years, "y2023", "--match", "alpha/dumps/2023-03-*/**")
    assert some.status == 0, some.text
    assert some.summary["counts"]["returned"] == 4  # data, failing, ignored, and their sidecar
    assert check_sums(years) == 7
    assert len(open_failures(years)) == 1
    partly = snapshot(years)
    rest = restore(years, "y2023")
    assert rest.status == 0, rest.text
    assert snapshot(years) == before
    assert "returned" in (years / ARCHIVE / "ARCHIVE_LOG.txt").read_text()
    listed = json.loads(run(years, "archive", "list", "--json").out)
    assert (listed["label"], listed["files"], listed["there"], listed["missing"]) == ("y2023", 11, 0, 0)
    assert rollback(years).status == 0
    assert snapshot(years) == partly
    assert rollback(years).status == 0
    assert snapshot(years) == archived
    assert open_failures(years) == []
    assert migrate(years).status == 0


def test_the_sidecar_goes_with_the_last_data_file_of_its_folder(years: Path) -> None:
    folder = "alpha/dumps/2023-03-14_055643"
    assert archive(years, "--match", f"{folder}/bad.json", *LABEL).summary["counts"]["archived"] == 1
    assert (years / RAW / folder / "_metadata.json").exists()
    done = archive(years, "--match", f"{folder}/data.json", "--label", "y2023", "--reason", "and the other one")
    assert done.summary["counts"]["archived"] == 2
    assert not (years / RAW / folder / "_metadata.json").exists()
    assert (years / RAW / folder / "README.md").exists()
    assert check_sums(years) == 3  # the label was used twice, and no line is lost


def test_nothing_is_overwritten_either_way(years: Path) -> None:
    taken = years / ARCHIVE / "y2023/funding_sources/beta/2023-07-07.json"
    taken.parent.mkdir(parents=True)
    taken.write_bytes((years / RAW / "beta/2023-07-07.json").read_bytes())  # the same bytes, and somebody else's
    plan = run(years, "archive", *SPAN, *LABEL, "--dry-run")
    assert plan.status == 1
    assert "something stands at" in plan.text
    done = archive(years, *SPAN, *LABEL)
    assert (done.status, done.summary["counts"]["archived"], done.summary["counts"]["left_alone"]) == (1, 10, 1)
    assert (years / RAW / "beta/2023-07-07.json").exists()
    assert taken.exists()
    write(years, "alpha/dumps/2023-03-14_055643/data.json", json.dumps([valid_record(99)]).encode())
    back = restore(years, "y2023")
    assert (back.status, back.summary["counts"]["returned"], back.summary["counts"]["left_alone"]) == (1, 9, 1)
    kept = archived_files(years)["funding_sources/alpha/dumps/2023-03-14_055643/data.json"][0]
    assert json.loads(kept) == [valid_record(20230)]
    assert json.loads((years / RAW / "alpha/dumps/2023-03-14_055643/data.json").read_bytes()) == [valid_record(99)]


def test_two_versions_of_one_file_lie_under_two_labels(years: Path) -> None:
    path = "alpha/manual/notes.json"
    assert archive(years, "--match", path, "--label", "first", "--reason", "the first one").status == 0
    write(years, path, json.dumps([valid_record(123)]).encode())
    assert migrate(years).summary["counts"]["processed"] == 1
    assert archive(years, "--match", path, "--label", "second", "--reason", "the second one").status == 0
    assert check_sums(years, "first") == check_sums(years, "second") == 1
    assert restore(years, "first").status == 0
    assert json.loads((years / RAW / path).read_bytes()) == [valid_record(8)]
    refused = restore(years, "second")
    assert refused.summary["counts"]["left_alone"] == 1


def test_hostile_names_go_and_come_back(place: Path) -> None:
    root = make_workspace(place / "ws")
    write(root, "alpha/dumps/2024-01-01_000000/data.json", json.dumps([valid_record(7)]).encode())
    for number, name in enumerate(HOSTILE):
        write(root, f"alpha/dumps/2023-09-09_000000/{name}", json.dumps([valid_record(number)]).encode())
        write(root, f"gamma/2023-09-09 {name}/data.json", json.dumps([valid_record(100 + number)]).encode())
    assert migrate(root).status == 1  # a name that is no UTF-8 fails
    before = snapshot(root)
    failing = open_failures(root)
    assert len(failing) == 2
    files = raw_files(root)
    done = archive(root, *SPAN, *LABEL)
    assert (done.status, done.summary["counts"]["archived"]) == (0, 2 * len(HOSTILE)), done.text
    assert misplaced(root, files, settled=True) == []
    assert check_sums(root) == 2 * len(HOSTILE)
    assert open_failures(root) == []
    assert "\x1b" not in run(root, "archive", "restore", "y2023", "--dry-run").text
    archived = snapshot(root)
    assert restore(root, "y2023").status == 0
    assert snapshot(root) == before
    assert open_failures(root) == failing
    assert rollback(root).status == 0
    assert snapshot(root) == archived
    assert rollback(root).status == 0  # the archive itself
    assert snapshot(root) == before
    assert open_failures(root) == failing


def test_links_stay_and_are_not_followed(years: Path) -> None:
    (years / RAW / "alpha/dumps/2023-03-14_055643/link.json").symlink_to("/etc/hostname")
    (years / "elsewhere").mkdir()
    (years / ARCHIVE).mkdir()
    (years / ARCHIVE / "y2023").symlink_to(years / "elsewhere")
    done = archive(years, *SPAN, *LABEL)
    assert (done.status, done.summary["counts"]["archived"]) == (1, 0), done.text
    assert list((years / "elsewhere").iterdir()) == []
    (years / ARCHIVE / "y2023").unlink()
    done = archive(years, *SPAN, *LABEL)
    assert (done.status, done.summary["counts"]["left_alone"]) == (1, 1), done.text
    assert (years / RAW / "alpha/dumps/2023-03-14_055643/link.json").is_symlink()


def test_a_file_that_the_disk_changed_is_not_archived(seen: Path) -> None:
    path = seen / RAW / "alpha/manual/notes.json"
    facts = path.stat()
    with path.open("r+b") as stream:
        stream.write(b"X")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    done = archive(seen, "--match", "alpha/manual/**", *LABEL)
    assert (done.status, done.summary["counts"]["left_alone"]) == (1, 1), done.text
    assert "Checksum mismatch" in done.text
    assert path.exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--match", "**", "--reason", "because"), "--label"),
        (("--match", "**", "--label", "x"), "--reason"),
        (("--label", "x", "--reason", "because"), "which files"),
        (("--match", "**", "--label", "../x", "--reason", "because"), "label"),
        (("--match", "**", "--label", "moved-x", "--reason", "because"), "label"),
        (("--since", "2023-13-01", "--label", "x", "--reason", "because"), "YYYY-MM-DD"),
        (("--since", "2024-01-01", "--before", "2023-01-01", "--label", "x", "--reason", "because"), "no day"),
        (("--source", "nobody", "--label", "x", "--reason", "because"), "nobody"),
        (("restore", "nothing", "--yes"), "nothing is archived"),
        (("--label", "x", "list"), "do not go with"),
    ],
)
def test_wrong_usage_changes_nothing(template: Path, args: tuple[str, ...], said: str) -> None:
    before = snapshot(template)
    done = run(template, "archive", *args)
    assert done.status == 2, done.text
    assert said in done.text
    assert snapshot(template) == before


def test_without_a_terminal_it_wants_yes_and_read_only_does_nothing(template: Path) -> None:
    before = snapshot(template)
    for action in (("archive", *SPAN, *LABEL), ("archive", *SPAN, *LABEL, "--json")):
        done = run(template, *action)
        assert done.status == 2, done.text
        assert "--yes" in done.text
    refused = run(template, "--read-only", "archive", *SPAN, *LABEL, "--yes")
    assert refused.status == 4, refused.text
    dry = run(template, "archive", *SPAN, *LABEL, "--withdraw", "--dry-run", "--json")
    assert dry.status == 0, dry.text
    assert (dry.summary["counts"]["archived"], dry.summary["counts"]["removed"]) == (11, 9)
    assert snapshot(template) == before


def test_dates_from_metadata_and_modification_time(years: Path) -> None:
    by_metadata = run(
        years, "archive", "--since", "2022-01-02", "--before", "2022-01-03", *LABEL, "--date-from", "metadata",
        "--dry-run", "--json",
    )  # fmt: skip
    assert by_metadata.summary["counts"]["archived"] == 8
    by_time = run(years, "archive", "--before", "1970-01-02", *LABEL, "--date-from", "mtime", "--dry-run", "--json")
    assert (
        by_time.summary["counts"]["archived"] == 12 + 12 - 1
    )  # all dumps; a failing file of today stays with its sidecar


def test_the_recorded_command_line_does_it_again(years: Path) -> None:
    assert archive(years, *SPAN, *LABEL).status == 0
    assert restore(years, "y2023", "--match", "beta/**").status == 0
    commands = [json.loads(line)["command"] for line in run(years, "runs", "list", "--json").out.splitlines()]
    assert commands[0].endswith("archive restore y2023 --match 'beta/**' --yes")
    assert commands[1].endswith(
        "archive --since 2023-01-01 --before 2024-01-01 --label y2023 --reason 'the year is over' --yes"
    )


@pytest.mark.corpus
def test_the_dumps_of_2023_of_the_real_corpus(place: Path) -> None:
    """Exactly they go, with no collision; `sha256sum -c` accepts them; they come back bit-identical."""
    corpus = shared_corpus("funding") / "raw"
    root = make_workspace(place / "ws")
    shutil.rmtree(root / RAW)
    shutil.copytree(corpus / "funding_sources", root / RAW)
    before, files = snapshot(root), raw_files(root)
    dumps = {path for path in files if "/dumps/2023-" in path}
    assert len(dumps) == 12
    done = archive(root, *SPAN, *LABEL)
    assert (done.status, done.summary["counts"]["archived"]) == (0, len(dumps)), done.text
    assert set(archived_files(root)) == dumps
    assert misplaced(root, files, settled=True) == []
    assert check_sums(root) == len(dumps)
    assert restore(root, "y2023").status == 0
    assert snapshot(root) == before


def test_to_another_file_system_it_is_copied_verified_and_then_removed(seen: Path, mounts: Mounts) -> None:
    before, files = snapshot(seen), raw_files(seen)
    mounts.tmpfs(seen / ARCHIVE, "size=8m")
    done = archive(seen, *SPAN, *LABEL)
    assert done.status == 4, done.text  # a zone that is another file system than at the last run brakes
    done = archive(seen, *SPAN, *LABEL, "--override", "zone-filesystem")
    assert done.status == 0, done.text
    assert misplaced(seen, files, settled=True) == []
    assert check_sums(seen) == 11
    assert rollback(seen).status == 0
    assert snapshot(seen) == before
    for failpoint in ("change.copied:1", "change.copied:4"):
        cut = archive(
            seen, *SPAN, "--label", "cut", "--reason", "to be cut", "--override", "zone-filesystem", "--foreground",
            failpoint=failpoint,
        )  # fmt: skip
        assert cut.status == -9, cut.text
        assert misplaced(seen, files, "cut", settled=False) == []
        migrate(seen, "--override", "zone-filesystem", "--reason", "mounted for this test")
        assert misplaced(seen, files, "cut", settled=True) == []
        check_sums(seen, "cut")
        assert restore(seen, "cut", "--override", "zone-filesystem", "--reason", "back again").status == 0
        assert snapshot(seen) == before


def test_an_archive_that_is_full_stops_and_says_so(years: Path, mounts: Mounts) -> None:
    files = raw_files(years)
    mounts.tmpfs(years / ARCHIVE, "size=16m,nr_inodes=9")
    done = archive(years, *SPAN, *LABEL, "--override", "zone-filesystem")
    assert done.status == 1, done.text
    assert "Insufficient disk space" in done.text
    assert misplaced(years, files, settled=True) == []
