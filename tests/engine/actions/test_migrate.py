"""What a migrate does to files, seen from outside: real processes on a tiny workspace."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import RAW, VALIDATED, invalid_record, make_workspace, run_cli, valid_record, write_raw


def migrate(root: Path, *options: str, expect: int) -> dict[str, Any]:
    """Run it; the summary line of --json."""
    done = run_cli(root, "migrate", "--yes", "--json", *options)
    assert done.returncode == expect, (done.returncode, done.stdout[-2000:], done.stderr)
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert summary["event"] == "summary"
    assert summary["exit_status"] == expect
    return summary


def counts(summary: dict[str, Any]) -> dict[str, int]:
    """Only what is not zero."""
    return {key: value for key, value in summary["counts"].items() if value}


def rows(root: Path, sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{root}/.opsconsole/ledger.sqlite?mode=ro", uri=True) as connection:
        return connection.execute(sql).fetchall()


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def identities(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_ino, p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def test_publishes_what_passes_and_nothing_else(ws: Path) -> None:
    summary = migrate(ws, expect=1)
    assert counts(summary) == {"processed": 4, "failed": 1, "ignored": 1, "sidecars": 1}
    raw, published = tree(ws / RAW), tree(ws / VALIDATED)
    assert set(published) == set(raw) - {"alpha/README.md", "beta/dumps/2024-01-06_120000/data.json"}
    assert all(published[name] == raw[name] for name in published)


def test_second_run_touches_nothing(ws: Path) -> None:
    migrate(ws, expect=1)
    before = identities(ws / VALIDATED), (ws / "logs/migration/.migration_state.json").stat()
    assert counts(migrate(ws, expect=1)) == {"skipped": 4, "known_failed": 1, "ignored": 1}
    assert before == (identities(ws / VALIDATED), (ws / "logs/migration/.migration_state.json").stat())


def test_changed_source_is_replaced_and_the_old_version_kept(ws: Path) -> None:
    migrate(ws, expect=1)
    path = "gamma/manual/one.json"
    old = (ws / RAW / path).read_bytes()
    write_raw(ws, path, valid_record(99))
    run = migrate(ws, expect=1)["run"]
    assert (ws / VALIDATED / path).read_bytes() == (ws / RAW / path).read_bytes() != old
    assert (ws / "data/_backups" / run / path).read_bytes() == old
    links = {p: p.stat().st_nlink for p in (ws / "data").rglob("*") if p.is_file()}
    assert set(links.values()) == {1}


def test_a_damaged_copy_that_is_replaced_is_recorded_as_what_it_is(ws: Path) -> None:
    """Verify has read it; the backup is then no damaged file for ever, of which no good copy is left."""
    migrate(ws, expect=1)
    path = "gamma/manual/one.json"
    copy, facts = ws / VALIDATED / path, (ws / VALIDATED / path).stat()
    damaged = copy.read_bytes()[:-1] + b" "
    with copy.open("r+b") as file:
        file.write(damaged)
    os.utime(copy, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert run_cli(ws, "verify").returncode == 1
    write_raw(ws, path, valid_record(99))
    run = migrate(ws, expect=1)["run"]
    assert (ws / "data/_backups" / run / path).read_bytes() == damaged
    verified = run_cli(ws, "verify")
    assert verified.returncode == 0, verified.stdout


def test_changed_source_that_fails_leaves_the_published_copy(ws: Path) -> None:
    migrate(ws, expect=1)
    path = "gamma/manual/one.json"
    old = (ws / VALIDATED / path).read_bytes()
    write_raw(ws, path, invalid_record(0))
    assert counts(migrate(ws, expect=1))["failed"] == 1
    assert (ws / VALIDATED / path).read_bytes() == old
    assert path in (ws / "logs/migration/.migration_state.json").read_text()


def test_same_identity_other_bytes_is_damage_and_never_published(ws: Path) -> None:
    file = ws / RAW / "gamma/manual/one.json"
    os.utime(file, (1_700_000_000, 1_700_000_000))
    migrate(ws, expect=1)
    old = file.read_bytes()
    facts = file.stat()
    with open(file, "r+b") as raw:
        raw.write(old.replace(b"1030", b"1031"))
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert counts(migrate(ws, expect=1)) == {"skipped": 4, "known_failed": 1, "ignored": 1}  # stat cannot see it
    assert counts(migrate(ws, "--checksum", expect=1))["failed"] == 2
    assert (ws / VALIDATED / "gamma/manual/one.json").read_bytes() == old
    assert "Checksum mismatch: data/raw" in (ws / "logs/migration/migration.log").read_text()


def test_touched_file_with_the_same_bytes_is_unchanged(ws: Path) -> None:
    migrate(ws, expect=1)
    before = identities(ws / VALIDATED)
    os.utime(ws / RAW / "gamma/manual/one.json", (1_600_000_000, 1_600_000_000))
    assert counts(migrate(ws, expect=1)) == {"skipped": 4, "known_failed": 1, "ignored": 1}
    assert identities(ws / VALIDATED) == before
    assert rows(ws, "SELECT mtime_ns FROM files WHERE path LIKE '%one.json'") == [(1_600_000_000 * 10**9,)]


def test_missing_published_file_comes_back_with_its_sidecar(ws: Path) -> None:
    migrate(ws, expect=1)
    folder = ws / VALIDATED / "alpha/dumps/2024-01-01_000000"
    for file in folder.iterdir():
        file.unlink()
    summary = migrate(ws, expect=1)
    assert counts(summary) == {"processed": 1, "sidecars": 1, "skipped": 3, "known_failed": 1, "ignored": 1}
    assert {file.name for file in folder.iterdir()} == {"data.json", "_metadata.json"}


def test_altered_published_copy_is_left_alone_and_said(ws: Path) -> None:
    migrate(ws, expect=1)
    (ws / VALIDATED / "gamma/manual/one.json").write_text("{}")
    migrate(ws, expect=1)
    assert (ws / VALIDATED / "gamma/manual/one.json").read_text() == "{}"
    assert "Published copy was changed by somebody else" in (ws / "logs/migration/migration.log").read_text()


def test_changed_sidecar_travels_alone(ws: Path) -> None:
    migrate(ws, expect=1)
    path = "alpha/dumps/2024-01-01_000000/_metadata.json"
    write_raw(ws, path, {"source_name": "alpha", "record_count": 4})
    assert counts(migrate(ws, expect=1))["sidecars"] == 1
    assert (ws / VALIDATED / path).read_bytes() == (ws / RAW / path).read_bytes()


def test_a_sidecar_without_published_data_stays(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"a/x/data.json": invalid_record(0), "a/x/_metadata.json": {"k": 1}})
    assert counts(migrate(root, expect=1)) == {"failed": 1}
    assert not (root / VALIDATED / "a").exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w", {"a/x.json": valid_record(1)})
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps(valid_record(2)))
    (root / RAW / "a/link.json").symlink_to(secret)
    (root / RAW / "a/folder").symlink_to(tmp_path)
    assert counts(migrate(root, expect=0)) == {"processed": 1, "ignored": 2}
    assert set(tree(root / VALIDATED)) == {"a/x.json"}


def test_a_link_as_destination_folder_is_refused(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w", {"a/x.json": valid_record(1), "b/y.json": valid_record(2)})
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / VALIDATED).mkdir(parents=True, exist_ok=True)
    (root / VALIDATED / "a").symlink_to(outside)
    assert counts(migrate(root, expect=1)) == {"processed": 1, "failed": 1}
    assert list(outside.iterdir()) == []


def test_a_folder_where_the_file_should_be(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"a/x.json": valid_record(1), "a/y.json": valid_record(2)})
    (root / VALIDATED / "a/x.json").mkdir(parents=True)
    assert counts(migrate(root, expect=1)) == {"processed": 1, "failed": 1}


def test_name_that_is_no_utf8_fails_and_is_remembered(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"a/x.json": valid_record(1)})
    with open(os.fsencode(root / RAW / "a") + b"/\xff\xfe.json", "wb") as file:
        file.write(json.dumps(valid_record(2)).encode())
    assert counts(migrate(root, expect=1)) == {"processed": 1, "failed": 1}
    assert counts(migrate(root, expect=1)) == {"skipped": 1, "known_failed": 1}
    assert rows(root, "SELECT path FROM failures") == [(f"{RAW}/a/\\xff\\xfe.json",)]


@pytest.mark.parametrize(
    ("options", "published"),
    [
        (("--source", "alpha"), {"alpha"}),
        (("--source", "data/raw/funding_sources/gamma"), {"gamma"}),
        (("--pattern", "dumps/2024-01*/*.json"), {"alpha"}),
        (("--sample", "1"), {"alpha"}),
    ],
)
def test_selections(ws: Path, options: tuple[str, ...], published: set[str]) -> None:
    migrate(ws, *options, expect=1 if "--pattern" in options else 0)
    assert {name.partition("/")[0] for name in tree(ws / VALIDATED)} == published


def test_move_archives_what_was_published(ws: Path) -> None:
    before = tree(ws / RAW)
    summary = migrate(ws, "--operation", "move", expect=1)
    label = f"moved-{summary['run']}"
    archive = ws / "data/raw/_archive"
    moved = tree(archive / label / "funding_sources")
    assert summary["counts"]["moved"] == 4
    assert set(moved) == set(tree(ws / VALIDATED))
    assert {**moved, **tree(ws / RAW)} == before
    check = subprocess.run(
        ["sha256sum", "-c", f"_archive/{label}/SHA256SUMS"], cwd=ws / "data/raw", capture_output=True, check=False
    )
    assert check.returncode == 0, check.stdout
    assert label in (archive / "ARCHIVE_LOG.txt").read_text()
    assert counts(migrate(ws, expect=1)) == {"known_failed": 1, "ignored": 1}
    assert set(tree(ws / VALIDATED)) == set(moved)


def test_large_files_stream_and_a_failing_one_leaves_nothing(tmp_path: Path) -> None:
    files = {
        "a/good.json": [valid_record(n) for n in range(300)],
        "b/bad.json": [*(valid_record(n) for n in range(300)), invalid_record(0)],
    }
    root = make_workspace(tmp_path, files, config={"limits": {"whole_file_bytes": 4096}})
    assert counts(migrate(root, expect=1)) == {"processed": 1, "failed": 1}
    assert tree(root / VALIDATED) == {"a/good.json": (root / RAW / "a/good.json").read_bytes()}
    assert not (root / VALIDATED / "b").exists()


def test_entry_taken_out_of_the_mirror_is_revalidated_not_rewritten(ws: Path) -> None:
    migrate(ws, expect=1)
    before = identities(ws / VALIDATED)
    mirror = ws / "logs/migration/.migration_state.json"
    mirror.write_text('{"processed_files": {}, "last_updated": "2024-01-01T00:00:00"}')
    assert counts(migrate(ws, expect=1)) == {"revalidated": 4, "known_failed": 1, "ignored": 1}
    assert identities(ws / VALIDATED) == before
    assert len(json.loads(mirror.read_text())["processed_files"]) == 4


def test_files_are_shared_with_the_group_of_their_folder(ws: Path) -> None:
    (ws / VALIDATED).mkdir(parents=True, exist_ok=True)
    os.chmod(ws / VALIDATED, 0o2770)
    subprocess.run(
        ["sh", "-c", f"umask 077; exec {os.sys.executable} -P -m console --root {ws} migrate --yes --json"],
        check=False,
        capture_output=True,
    )
    modes = {oct(p.stat().st_mode & 0o7777) for p in (ws / VALIDATED).rglob("*") if p.is_file()}
    folders = {oct(p.stat().st_mode & 0o7777) for p in (ws / VALIDATED).rglob("*") if p.is_dir()}
    assert (modes, folders) == ({"0o660"}, {"0o2770"})
