"""Drills about what lies in the zones: copies, raw files, mounts, another workspace's backup."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

from tests.drills.model import Broken
from tests.drills.ruin import SCHEMA, done, new_version
from tests.faults import checker
from tests.faults.checker import BACKUPS, RAW, STATE, VALIDATED, sha256_of, tree
from tests.faults.damage import flip, snapshot
from tests.faults.scenario import SPOILT, first_name, make_fresh, migrate, run
from tests.support import SMALL_SCHEMA, valid_record, write_raw
from tests.support.workspace import encode

FAILS = f"{RAW}/gamma/manual/bad.json"


# ── bits ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _flipped(broken: Broken) -> Broken:
    """Three published copies; nothing but those may be written."""
    before = snapshot(broken.root)
    names = [name for name in sorted(before) if name.startswith(VALIDATED) and not name.endswith("_metadata.json")]
    names = [name for name in names if not name.endswith(SPOILT)][:3]
    for name in names:
        flip(broken.root / name, random.Random(name))
    zones = [name for name in before if name.startswith((VALIDATED, RAW))]

    def judge() -> None:
        after = snapshot(broken.root)
        assert {name: after[name].sha256 for name in zones} == {name: before[name].sha256 for name in zones}
        assert {name for name in zones if after[name].mtime_ns != before[name].mtime_ns} <= set(names)

    broken.judge = judge
    return broken


def bits_flipped(folder: Path) -> Broken:
    return _flipped(Broken(done(folder)))


def bits_flipped_small(folder: Path) -> Broken:
    """The same with six files: a drill quick enough for every day."""
    scenario = make_fresh(folder / "ws", 6)
    assert migrate(scenario.root).status == 1
    return _flipped(Broken(scenario.remember()))


def checksums_differ(folder: Path) -> Broken:
    return _flipped(Broken(done(folder), {"what": "Copies"}))


def others_maintenance(folder: Path) -> Broken:
    """Somebody else has stopped processing already, for the same reason."""
    broken = _flipped(Broken(done(folder)))
    assert run(broken.root, "maintenance", "on", "--reason", "copies are damaged, I am looking").status == 0
    return broken


def _raw(folder: Path, broken: Broken) -> tuple[str, Path]:
    (folder / "kept").mkdir()
    path = first_name(4)
    broken.answers |= {"which": f"{RAW}/{path}", "folder": str(folder / "kept")}
    return path, folder / "kept"


def raw_flipped(folder: Path) -> Broken:
    broken = Broken(done(folder))
    path, kept = _raw(folder, broken)
    before = sha256_of(broken.root / RAW / path)
    flip(broken.root / RAW / path, random.Random(1))

    def judge() -> None:
        assert sha256_of(broken.root / RAW / path) == before
        assert len(list(kept.iterdir())) == 1
        broken.scenario.remember()

    broken.judge = judge
    return broken


def raw_and_copy_flipped(folder: Path) -> Broken:
    """Alike; its source delivers it again, as a new version."""
    scenario = done(folder)
    path = first_name(4)
    for zone in (RAW, VALIDATED):
        flip(scenario.root / zone / path, random.Random(1))
    broken = Broken(scenario)  # the bytes of before are lost by that, whatever anybody does
    _raw(folder, broken)
    content = [valid_record(99)]

    def judge() -> None:
        assert (broken.root / VALIDATED / path).read_bytes() == encode(path, content)
        scenario.known[f"{VALIDATED}/{path}"] |= {sha256_of(broken.root / VALIDATED / path)}
        broken.believe_backups()
        scenario.remember()

    broken.answers |= {"how": "No", "import": lambda root: write_raw(root, path, content)}
    broken.judge = judge
    return broken


# ── zones ────────────────────────────────────────────────────────────────────────────────────────────────────────


def validated_emptied(folder: Path) -> Broken:
    """And today's schema would refuse all of it: it comes back as it was published, not judged again."""
    scenario = done(folder)
    new_version(scenario)
    broken = Broken(scenario, {"what": "Yes"})
    root, before = scenario.root, tree(scenario.root)
    right = (root / SCHEMA).read_bytes()
    strict = json.loads(json.dumps(SMALL_SCHEMA))
    strict["properties"]["amount"]["minimum"] = 10_000_000
    (root / SCHEMA).write_text(json.dumps(strict))
    for name in os.listdir(root / VALIDATED):
        shutil.rmtree(root / VALIDATED / name)
    refused = migrate(root)
    assert refused.status == 4 and "missing" in refused.text

    def judge() -> None:
        assert tree(root) == before
        (root / SCHEMA).write_bytes(right)

    broken.judge = judge
    return broken


def _unmounted(folder: Path, zone: str) -> Broken:
    broken = Broken(done(folder))
    aside = folder / "aside"
    (broken.root / zone).rename(aside)
    (broken.root / zone).mkdir()
    before = sorted(path.stat().st_ino for path in checker.walk_files(aside))

    def mount(root: Path) -> None:
        (root / zone).rmdir()
        aside.rename(root / zone)

    def judge() -> None:
        assert sorted(path.stat().st_ino for path in checker.walk_files(broken.root / zone)) == before

    broken.answers |= {"what": "No", "mount": mount}
    broken.judge = judge
    return broken


def validated_unmounted(folder: Path) -> Broken:
    return _unmounted(folder, VALIDATED)


def raw_unmounted(folder: Path) -> Broken:
    broken = _unmounted(folder, RAW)
    assert migrate(broken.root).status == 4
    return broken


# ── copied over ──────────────────────────────────────────────────────────────────────────────────────────────────


def _same_tree(broken: Broken) -> None:
    before = tree(broken.root)

    def judge() -> None:
        assert tree(broken.root) == before
        broken.believe_backups()

    broken.judge = judge


def old_backup_copied(folder: Path) -> Broken:
    """With the state file of before, as the runbook has it."""
    broken = Broken(done(folder), {"flat": "No"})
    _same_tree(broken)
    backup = next(path for path in sorted((broken.root / BACKUPS).iterdir()))
    subprocess.run(f"cp -r {backup}/* {broken.root / VALIDATED}/", shell=True, check=True)
    shutil.copy(broken.root / f"{STATE}.bak", broken.root / STATE)
    return broken


def foreign_backup_copied(folder: Path) -> Broken:
    """Of another workspace: other versions of our names, files in folders of ours, and one at the top."""
    broken = Broken(done(folder), {"flat": "Yes"})
    root = broken.root
    _same_tree(broken)
    names = [name for name in tree(root) if name.endswith("data.json") and name != SPOILT][:2]
    for name in (*names, "alpha/dumps/extra/data.json", "data.json"):
        path = root / VALIDATED / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode("x.json", [valid_record(5)]))

    def move(root: Path) -> None:
        shutil.move(root / VALIDATED / "data.json", root.parent)
        shutil.move(root / VALIDATED / "alpha/dumps/extra", root.parent)

    broken.answers["move"] = move
    return broken


# ── one file ─────────────────────────────────────────────────────────────────────────────────────────────────────


def file_fails(folder: Path) -> Broken:
    """Its owner sends a new version."""
    broken = Broken(done(folder), {"which": FAILS, "how": "The data"})
    root, name = broken.root, FAILS.removeprefix(f"{RAW}/")

    def deliver(root: Path) -> None:
        (root / FAILS).rename(root.parent / "old.json")
        write_raw(root, name, [valid_record(7)])

    def judge() -> None:
        broken.scenario.known[f"{VALIDATED}/{name}"] = frozenset({sha256_of(root / FAILS)})
        assert sha256_of(root / VALIDATED / name) == sha256_of(root / FAILS)
        broken.scenario.remember()

    broken.answers["ask"] = deliver
    broken.judge = judge
    return broken


def file_removed(folder: Path) -> Broken:
    """A published copy is gone, and nobody knows why the file is not published."""
    broken = Broken(done(folder), {"which": f"{RAW}/{first_name(4)}", "why": "It was published"})
    before = tree(broken.root)
    (broken.root / VALIDATED / first_name(4)).unlink()

    def judge() -> None:
        assert tree(broken.root) == before

    broken.judge = judge
    return broken
