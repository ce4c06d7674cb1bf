"""What an operator does by mistake and what a disk does by itself: clear words, an honest status."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import checker
from tests.faults.conftest import Mounts
from tests.faults.scenario import RAW, VALIDATED, Scenario, end_state, make_fresh, migrate, run


def everything(root: Path) -> dict[str, str]:
    """Every file of data/, logs/ and config/ with its bytes' hash: equal where a command changed nothing."""
    return {top: checker.tree_hash(root, top) for top in ("data", "logs", "config")}


def plain(text: str) -> None:
    assert "Traceback" not in text, text


WRONG = [
    (("migrate", "--no-such-flag"), "--no-such-flag"),
    (("migrate", "--source", "no_such_source", "--yes"), "no_such_source"),
    (("migrate", "--source", "../../etc", "--yes"), ".."),
    (("migrate", "--dest", "/tmp/elsewhere", "--yes"), "dest"),
    (("migrate", "--sample", "0", "--yes"), "sample"),
    (("migrate", "--operation", "burn", "--yes"), "burn"),
    (("migrate", "--override", "no-such-brake", "--reason", "why", "--yes"), "no-such-brake"),
    (("migrate", "--override", "free-space", "--yes"), "--reason"),
    (("migrate", "--detach", "--foreground", "--yes"), "--foreground"),
    (("migrate",), "--yes"),  # no terminal to ask on
    (("explain", "../outside.json"), "outside"),
    (("explain", "/etc/passwd"), "passwd"),
    (("runs", "show", "no-such-run"), "no-such-run"),
    (("--config", "no/such.json", "migrate", "--yes"), "no/such.json"),
    (("nonsense",), "nonsense"),
]


@pytest.mark.parametrize(("words", "named"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_wrong_usage_is_status_2_and_changes_nothing(
    waiting_template: Scenario, words: tuple[str, ...], named: str
) -> None:
    before = everything(waiting_template.root)
    before.pop("logs")  # a mistake may be logged
    done = run(waiting_template.root, *words)
    plain(done.text)
    assert done.status == 2, done.text
    assert named in done.err, "what was wrong is named, on standard error"
    assert everything(waiting_template.root).items() >= before.items()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rules = [", "console.toml"),
        ('no_such_key = "x"\n', "no_such_key"),
        ('[zones]\nraw = "../outside"\n', "raw"),
        ('[[rules]]\nmatch = "**"\nschema = "config/schemas/gone.json"\n', "gone.json"),
        ("", "console.toml"),
    ],
)
def test_a_wrong_configuration_names_file_and_key(waiting: Scenario, text: str, named: str) -> None:
    config = waiting.root / "config/console.toml"
    if text:
        config.write_text(text)
    else:
        config.unlink()
    before = everything(waiting.root)
    done = migrate(waiting.root)
    plain(done.text)
    assert done.status in (2, 4), done.text
    assert named in done.text
    assert everything(waiting.root) == before


def truncate_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def flip(path: Path) -> None:
    """One bit in the first hundred bytes and one byte in the middle."""
    data = bytearray(path.read_bytes())
    data[20] ^= 0x10
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [truncate_half, empty, garbage, flip])
def test_a_corrupt_ledger_stops_everything_that_changes(waiting: Scenario, damage: Callable[[Path], None]) -> None:
    ledger = waiting.root / checker.LEDGER
    for suffix in ("-wal", "-shm"):
        Path(f"{ledger}{suffix}").unlink(missing_ok=True)
    damage(ledger)
    damaged = ledger.read_bytes()
    before = everything(waiting.root)["data"]
    done = migrate(waiting.root)
    plain(done.text)
    if done.status == 1 and damage is flip:
        return  # a flipped byte in a free page harms nobody; the checker below is for the rest
    assert done.status == 5, done.text
    assert "ledger" in done.err and "ledger.sqlite" in done.text
    assert everything(waiting.root)["data"] == before
    assert ledger.read_bytes() == damaged, "a ledger that cannot be read is evidence, and left alone"
    for words in (("runs", "list"), ("doctor",), ("state", "list")):
        shown = run(waiting.root, *words)
        plain(shown.text)
        assert shown.status in (0, 1, 5), shown.text


@pytest.mark.parametrize("damage", [truncate_half, garbage, flip])
def test_a_mirror_that_does_not_parse_is_never_taken_for_empty(
    waiting: Scenario, undisturbed: dict[str, object], damage: Callable[[Path], None]
) -> None:
    state = waiting.root / checker.STATE
    whole = state.read_bytes()
    damage(state)
    damaged = state.read_bytes()
    before = everything(waiting.root)["data"]
    done = migrate(waiting.root)
    plain(done.text)
    assert done.status in (4, 5), done.text
    assert ".migration_state.json" in done.text
    assert damage is garbage or "line" in done.text, "line and column are named"
    assert everything(waiting.root)["data"] == before
    assert state.read_bytes() == damaged
    state.write_bytes(whole)
    again = migrate(waiting.root)
    assert again.status == 1, again.text
    assert waiting.examine() == []
    assert end_state(waiting.root) == undisturbed


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(60))
def test_any_damage_of_the_mirror_is_survived(waiting: Scenario, seed: int) -> None:
    """Random bytes anywhere: told, or judged entry by entry; never a crash, never a published file lost."""
    chance = random.Random(seed)
    state = waiting.root / checker.STATE
    data = bytearray(state.read_bytes())
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    state.write_bytes(bytes(data[: chance.randint(0, len(data))] if chance.random() < 0.3 else data))
    before = checker.tree(waiting.root)
    done = migrate(waiting.root)
    plain(done.text)
    assert done.status in (1, 4, 5), done.text
    assert before.keys() <= checker.tree(waiting.root).keys()


def test_a_deleted_mirror_costs_a_revalidation_and_rewrites_nothing(waiting: Scenario) -> None:
    assert migrate(waiting.root).status == 1
    before = checker.tree(waiting.root)
    inodes = {path: path.stat().st_ino for path in checker.walk_files(waiting.root / VALIDATED)}
    entries = len(json.loads((waiting.root / checker.STATE).read_bytes())["processed_files"])
    (waiting.root / checker.STATE).unlink()
    done = migrate(waiting.root)
    assert done.status == 1, done.text
    assert done.summary["counts"]["processed"] == 0
    assert done.summary["counts"]["revalidated"] >= entries - 1  # one of them has a raw version that fails
    assert checker.tree(waiting.root) == before
    assert {path: path.stat().st_ino for path in checker.walk_files(waiting.root / VALIDATED)} == inodes
    assert waiting.examine() == []


def test_a_source_that_is_suddenly_empty_stops_the_run(waiting: Scenario, undisturbed: object) -> None:
    kept = waiting.root / "kept"
    (waiting.root / RAW / "alpha").rename(kept)
    (waiting.root / RAW / "alpha").mkdir()
    before = everything(waiting.root)["data"]
    done = migrate(waiting.root)
    plain(done.text)
    assert done.status == 4, done.text
    assert "alpha" in done.text
    assert everything(waiting.root)["data"] == before
    assert done.summary["exit_status"] == 4
    (waiting.root / RAW / "alpha").rmdir()
    kept.rename(waiting.root / RAW / "alpha")
    again = migrate(waiting.root)
    assert again.status == 1, again.text
    assert waiting.examine() == []
    assert end_state(waiting.root) == undisturbed


def test_the_whole_raw_zone_gone_stops_the_run(waiting: Scenario) -> None:
    (waiting.root / RAW).rename(waiting.root / "kept")
    (waiting.root / RAW).mkdir()
    before = checker.tree(waiting.root)
    done = migrate(waiting.root)
    assert done.status == 4, done.text
    assert checker.tree(waiting.root) == before


@pytest.mark.needs_root
def test_a_destination_that_is_not_mounted_stops_the_run(place: Path, mounts: Mounts) -> None:
    """Run with the zone on its own file system, then without it: the empty folder stays empty."""
    scenario = make_fresh(place / "ws")
    zone = mounts.tmpfs(scenario.root / VALIDATED, "size=16m")
    assert migrate(scenario.root).status == 1
    mounts.off(zone)
    done = migrate(scenario.root)
    plain(done.text)
    assert done.status == 4, done.text
    assert VALIDATED in done.text or "validated" in done.text
    assert list(zone.iterdir()) == []


def test_many_missing_destinations_stop_the_run(place: Path) -> None:
    """The zone was emptied: the brake holds; released, everything is published again."""
    scenario = make_fresh(place / "ws", files=24)
    assert migrate(scenario.root).status == 1
    before = checker.tree(scenario.root)
    shutil.rmtree(scenario.root / VALIDATED)
    (scenario.root / VALIDATED).mkdir()
    done = migrate(scenario.root)
    plain(done.text)
    assert done.status == 4, done.text
    assert list((scenario.root / VALIDATED).iterdir()) == []
    released = migrate(scenario.root, "--override", "missing", "--reason", "the runbook's recovery")
    assert released.status == 1, released.text
    assert checker.tree(scenario.root) == before
    assert scenario.examine() == []


def test_destinations_missing_in_a_restored_workspace_are_published_again(
    waiting: Scenario, undisturbed: dict[str, object]
) -> None:
    """Raw came back from a backup with new inodes, validated did not come back at all."""
    for path in list(checker.walk_files(waiting.root / VALIDATED))[:6]:
        path.unlink()
    done = migrate(waiting.root)
    plain(done.text)
    again = migrate(waiting.root) if done.status == 4 else done
    assert again.status == 1, again.text
    assert end_state(waiting.root)["validated"] == undisturbed["validated"]
