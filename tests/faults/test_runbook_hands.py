"""What the runbook has people do by hand, done: `state reconcile` says what happened and which command mends it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import checker
from tests.faults.checker import ARCHIVE, BACKUPS, RAW, VALIDATED
from tests.faults.damage import snapshot
from tests.faults.scenario import Done, make_waiting, migrate, run


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("hands")
    root = make_waiting(place / "ws", 12).root
    assert migrate(root).status == 1
    yield root
    shutil.rmtree(place)


@pytest.fixture
def ws(past: Path, tmp_path: Path) -> Path:
    """A copy whose inodes the ledger knows."""
    root = Path(shutil.copytree(past, tmp_path / "ws", symlinks=True))
    assert migrate(root).status == 1
    return root


def reconcile(root: Path, *args: str) -> Done:
    return run(root, "state", "reconcile", "--json", *args)


def hands(done: Done) -> dict[str, dict[str, object]]:
    return {event["kind"]: event for event in done.events if event["event"] == "by-hand"}


def lines(done: Done, kind: str) -> set[str]:
    return {event["path"] for event in done.events if event["event"] == "file" and event["kind"] == kind}


def mend(root: Path) -> None:
    """What the findings say: verify, then repair."""
    assert run(root, "verify", "--json").status == 1
    repaired = run(root, "verify", "--repair", "--yes", "--json")
    assert repaired.status == 0, repaired.text


def test_a_workspace_that_nobody_touched_agrees(ws: Path) -> None:
    done = reconcile(ws)
    assert done.status == 0, done.text
    assert hands(done) == {}
    sources = {event["source"]: event for event in done.events if event["event"] == "source"}
    assert sources["alpha"]["files"]["ledger"] == 6
    assert sources["gamma"]["counts"] == {"waiting raw": 2}


def test_an_archive_by_mv_is_seen_with_what_it_overwrote(ws: Path) -> None:
    """Runbook, `Archive Old Data`: mv flattens; of two files of one name the later one is left."""
    before = snapshot(ws)
    label = ws / ARCHIVE / "2024"
    label.mkdir(parents=True)
    moved = [ws / RAW / "delta/dumps/2024-01-01_000000/data.json", ws / RAW / "delta/dumps/2024-01-07_000006/data.json"]
    for path in moved:
        os.rename(path, label / path.name)
    done = reconcile(ws)
    assert done.status == 1
    found = hands(done)
    assert found["flattened-archive"]["files"] == [
        f"{path.relative_to(ws).as_posix()} → {ARCHIVE}/2024/data.json" for path in moved[1:]
    ]
    assert found["overwritten-in-archive"]["files"] == [path.relative_to(ws).as_posix() for path in moved[:1]]
    mend(ws)
    now = {name: facts.sha256 for name, facts in snapshot(ws).items() if name.startswith(RAW)}
    assert now == {name: facts.sha256 for name, facts in before.items() if name.startswith(RAW)}


def test_an_old_backup_copied_over_the_zone_is_seen_and_mended(ws: Path) -> None:
    """Runbook, `Rollback Failed Migration`: cp -r; it changes no backup."""
    before = snapshot(ws)
    backup = next(path for path in sorted((ws / BACKUPS).iterdir()))
    subprocess.run(f"cp -r {backup}/* {ws / VALIDATED}/", shell=True, check=True)
    done = reconcile(ws)
    found = hands(done)["backup-copied-over"]
    data = [path for path in checker.walk_files(backup) if path.name != "_metadata.json"]
    assert set(found["files"]) >= {f"{VALIDATED}/{path.relative_to(backup).as_posix()}" for path in data}  # type: ignore[call-overload]
    assert backup.name in str(found["sentence"])
    assert "tampered" not in hands(done)
    mend(ws)
    after = snapshot(ws)
    assert {name: after[name].sha256 for name in before} == {name: facts.sha256 for name, facts in before.items()}
    assert reconcile(ws).status == 0


def test_tampered_truncated_and_deleted_copies_are_told_apart(ws: Path) -> None:
    before = checker.tree(ws)
    names = [f"{VALIDATED}/{name}" for name, digest in sorted(before.items()) if name.endswith(".csv")]
    with (ws / names[0]).open("ab") as file:
        file.write(b"more")
    os.truncate(ws / names[1], 10)
    (ws / names[2]).unlink()
    done = reconcile(ws)
    found = hands(done)
    assert [found[kind]["files"] for kind in ("tampered", "truncated", "deleted")] == [[name] for name in names[:3]]
    assert lines(done, "altered") == set(names[:2])
    assert lines(done, "missing") == {names[2]}
    mend(ws)
    assert checker.tree(ws) == before
    assert reconcile(ws).status == 0


def test_flat_copies_at_the_top_of_the_zone_are_named(ws: Path) -> None:
    """Runbook, the same step with the incumbent's flat backups: files that no source has."""
    (ws / VALIDATED / "data.json").write_bytes(b"[]")
    done = reconcile(ws)
    assert done.status == 1
    assert hands(done)["flat-copies"]["files"] == [f"{VALIDATED}/data.json"]
    assert lines(done, "extra") == {f"{VALIDATED}/data.json"}


def test_stale_held_and_ignored_are_listed_and_are_no_fault(ws: Path) -> None:
    (ws / RAW / "alpha/README.md").write_text("what this is")
    assert run(ws, "rollback", "--last", "--yes", "--confirm", "ws").status == 0
    schema = ws / "config/schemas/small.json"
    done = reconcile(ws)
    assert done.status == 0, done.text
    assert lines(done, "ignored") == {f"{RAW}/alpha/README.md"}
    assert lines(done, "held")
    schema.write_text(schema.read_text().replace('"minimum": 0', '"minimum": 1'))
    assert len(lines(reconcile(ws), "stale")) > 5
    only = run(ws, "state", "reconcile", "--only", "ignored")
    assert "README.md" in only.out


def test_damage_is_explained_until_it_is_mended(ws: Path) -> None:
    name = next(name for name in sorted(checker.tree(ws)) if name.endswith("_000004/data.csv"))
    copy = ws / VALIDATED / name
    facts = copy.stat()
    copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    os.utime(copy, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert run(ws, "verify").status == 1
    told = run(ws, "explain", f"{RAW}/{name}")
    assert "damaged since" in told.out
    assert f"a good copy is {RAW}/{name}" in told.out
    assert "verify --repair" in told.out
    done = reconcile(ws, "--only", "damaged")
    assert lines(done, "damaged") == {f"{VALIDATED}/{name}"}
    assert run(ws, "verify", "--repair", "--yes").status == 0
    told = run(ws, "explain", f"{RAW}/{name}")
    assert "damaged since" not in told.out
    assert "was read and compared" in told.out
