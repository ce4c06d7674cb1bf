"""The pre-flight list in the gate: what holds a migrate, what releases it, what is never held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.engine.actions.migrate.plan import plan_migrate
from console.engine.actions.prune.model import PruneParams
from console.engine.actions.repair.model import RepairParams
from console.engine.actions.rollback.model import RollbackParams
from console.engine.actions.state.model import ClearParams
from console.engine.actions.verify.model import VerifyParams
from console.engine.checks.checklists import remembered_items
from console.engine.checks.kept import history, keep_results, sign
from console.engine.context import open_context
from console.engine.errors import ConfigurationError, EngineError
from console.engine.model import ActionParams, Check, GateItem, MigrateParams, ReprocessParams
from console.engine.runs.query import list_runs
from console.engine.settings.checklists import DEFAULT
from tests.engine.checks.site import LEDGER, Site
from tests.support import invalid_record, make_workspace, valid_record, write_raw

FILES = {f"alpha/{n}.json": valid_record(n) for n in range(3)}
OWN = {"name": "fuel", "text": "Fuel", "command": ["/bin/sh", "-c", "cat fuel; exit $(wc -l <fuel)"]}


def make(root: Path, preflight: list[dict[str, Any]] | None = None, **gate: str) -> Site:
    config: dict[str, Any] = {"gate": {name.replace("_", "-"): how for name, how in gate.items()}}
    if preflight is not None:
        config["checklists"] = {"preflight": preflight}
    return Site(make_workspace(root, FILES, config))


def gate_of(site: Site) -> dict[str, GateItem]:
    plan = plan_migrate(site.ctx(), MigrateParams())
    return {item.name: item for item in plan.gate}


def fuel(site: Site, status: int, says: str = "fuel") -> None:
    """Such a program's next answer."""
    (site.root / "fuel").write_text((says + "\n") * max(1, status) if status else says)


def test_by_default_nothing_of_the_list_holds_a_first_migrate_and_all_of_it_is_shown(tmp_path: Path) -> None:
    site = make(tmp_path)
    items = gate_of(site)
    assert {item.name for item in DEFAULT.preflight} <= items.keys()
    assert not any(items[item.name].blocks for item in DEFAULT.preflight)
    assert (items["sample"].verdict, items["sample"].evidence) == (Check.UNKNOWN, "not looked at yet")
    assert site.migrate() == 0
    kept = {item.name: history(site.ctx(), item.name) for item in DEFAULT.preflight}
    assert {name for name, lines in kept.items() if lines} == {"backups", "disk", "other-run", "schemas"}
    (run,) = list_runs(site.ctx())
    assert all(lines[0].run == run.id for lines in kept.values() if lines)


def test_what_holds_a_migrate_and_what_lets_it_go(tmp_path: Path) -> None:
    site = make(tmp_path, [OWN, {"name": "ready", "sign_off": True}], fuel="block", ready="block")
    fuel(site, 2, "EMPTY")
    items = gate_of(site)
    assert items["fuel"].refuses and items["fuel"].evidence == "EMPTY"
    assert items["ready"].refuses and items["ready"].verdict == Check.UNKNOWN
    assert site.migrate() == 4 == site.run("reprocess", ReprocessParams(all=True))
    assert not list(site.published("").rglob("*.json"))
    with pytest.raises(EngineError, match="nobody signs it"):
        sign(site.ctx(), "fuel", "full enough")
    assert site.run("migrate", MigrateParams(), {"fuel": "a walk"}) == 4  # only one of two
    sign(site.ctx(), "ready", "everybody was told")
    assert site.run("migrate", MigrateParams(), {"fuel": "a walk"}) == 0
    (run, *_) = list_runs(site.ctx())
    assert run.overrides == {"fuel": "a walk"}
    fuel(site, 0, "OK")  # put right: the next run looks again, although it looked a minute ago
    assert site.migrate() == 0
    assert gate_of(site)["fuel"].evidence.startswith("OK (looked at")
    fuel(site, 2, "EMPTY")  # and what has passed holds for its time
    assert site.later(minutes=50).migrate() == 0
    assert site.later(minutes=20).migrate() == 4


def test_what_holds_one_action_lets_another_go(tmp_path: Path) -> None:
    """[gate_for] goes before [gate], for its own action alone; a name that is no item is an error with its place."""
    own = {"gate_for": {"reprocess": {"fuel": "warn"}}, "gate": {"fuel": "block"}, "checklists": {"preflight": [OWN]}}
    site = Site(make_workspace(tmp_path, FILES, own))
    fuel(site, 0, "OK")
    assert site.migrate() == 0
    later = site.later(days=2)
    fuel(later, 2, "EMPTY")
    assert gate_of(later)["fuel"].refuses
    assert later.migrate() == 4
    assert later.run("reprocess", ReprocessParams(all=True)) == 0
    (run, *_) = list_runs(later.ctx())
    assert next(item for item in run.gate if item["name"] == "fuel")["verdict"] in ("warn", "unknown")
    wrong = make_workspace(tmp_path / "wrong", {}, {"gate_for": {"migrate": {"sampel": "off"}}})
    with pytest.raises(ConfigurationError, match=r"nearest is `gate_for\.migrate\.sample`"):
        open_context(wrong)


def test_what_is_asked_otherwise_or_too_old_is_unknown_and_holds_where_it_blocks(tmp_path: Path) -> None:
    site = make(tmp_path, [{"name": "tried", "probe": "sample", "valid": "2h"}], tried="block")
    assert site.migrate() == 4  # a plan writes no scratch folder: somebody has to look
    assert gate_of(site)["tried"].next_step == "`opsconsole checklist preflight --item tried`"
    site.ask("tried", keep=True)
    assert gate_of(site)["tried"].verdict == Check.PASS
    old = gate_of(site.later(hours=3))["tried"]
    assert old.refuses and "which holds no more" in old.evidence
    site.ask("tried", keep=True)
    site = make(tmp_path, [{"name": "tried", "probe": "sample", "parameters": {"files": 7}}], tried="block")
    site.later(hours=3, minutes=1)
    assert gate_of(site)["tried"].refuses
    for path in site.raw("alpha").iterdir():
        path.unlink()
    write_raw(site.root, "alpha/x.json", invalid_record(0))
    site.ask("tried", keep=True)
    bad = gate_of(site)["tried"]
    assert bad.refuses and bad.verdict == Check.FAIL and bad.next_step.endswith("preflight --item tried`")
    assert site.migrate() == 4


def test_a_glance_starts_no_program_and_claims_nothing(tmp_path: Path) -> None:
    site = make(tmp_path, [{**OWN, "command": ["/bin/sh", "-c", "touch asked; echo OK"]}], fuel="block")
    plan = plan_migrate(site.ctx(), MigrateParams(), glance=True)
    assert not (site.root / "asked").exists() and [item.name for item in plan.refused] == ["fuel"]
    assert not plan_migrate(site.ctx(), MigrateParams()).refused and (site.root / "asked").exists()


def test_an_item_that_is_off_is_neither_asked_nor_shown(tmp_path: Path) -> None:
    site = make(tmp_path, [{**OWN, "command": ["/bin/sh", "-c", "touch asked"]}], fuel="off")
    assert "fuel" not in gate_of(site) and site.migrate() == 0
    assert not (site.root / "asked").exists()


def test_what_cannot_be_released_is_no_item_and_an_item_of_the_other_list_neither(tmp_path: Path) -> None:
    site = make(tmp_path)
    for name in ("lock", "space", "run-log", "nothing"):
        assert site.run("migrate", MigrateParams(), {name: "no"}) == 2, name
    assert site.run("migrate", MigrateParams(), {"backups": "fine, then"}) == 0


def test_a_run_that_looks_at_itself_is_no_other_run(tmp_path: Path) -> None:
    site = make(tmp_path, other_run="block")
    assert site.migrate() == 0


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Site]:
    """Published, backed up, damaged; and everything of the pre-flight list holds, and fails or cannot tell."""
    items = [item.name for item in DEFAULT.preflight]
    site = make(tmp_path, **dict.fromkeys([*items, "headroom"], "warn"))
    assert site.migrate() == 0
    write_raw(site.root, "alpha/0.json", valid_record(100))
    assert site.migrate() == 0
    site.published("alpha/1.json").write_bytes(b"other bytes")
    assert site.verify() == 1
    own = [{"name": "fuel", "command": ["/bin/false"]}, {"name": "ready", "sign_off": True}]
    own += [{"name": item.name, "probe": item.probe} for item in DEFAULT.preflight]
    names = [each["name"] for each in own]
    make_workspace(
        site.root, None, {"gate": dict.fromkeys([*names, "headroom"], "block"), "checklists": {"preflight": own}}
    )
    assert site.migrate() == 4 == site.run("reprocess", ReprocessParams(all=True))
    yield site


def test_what_frees_room_undoes_or_repairs_is_never_held(held: Site) -> None:
    first = next(run for run in list_runs(held.ctx()) if run.counts.processed == 1)
    assert held.run("verify", VerifyParams()) == 1
    assert held.run("repair", RepairParams()) == 0
    assert held.run("rollback", RollbackParams(first.id)) == 0
    assert held.run("backups prune", PruneParams(keep_last=1)) == 0
    assert held.run("state clear", ClearParams(all=True, reason="begin anew")) == 0
    (held.root / LEDGER).unlink()
    assert held.run("state rebuild", ActionParams()) == 0


def test_what_is_kept_of_an_item_has_an_end_and_nothing_is_kept_by_who_only_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make(tmp_path)
    result = site.ask("disk")
    assert keep_results(site.ctx(), [result]) == "there is no ledger yet to keep it in"
    site.migrate()
    assert keep_results(site.ctx(read_only=True), [result]) == "a read-only session records nothing"
    assert len(history(site.ctx(), "disk")) == 1
    monkeypatch.setattr("console.engine.checks.kept.KEPT", 5)
    for _ in range(9):
        site.later(minutes=1).ask("disk", keep=True)
    lines = history(site.ctx(), "disk")
    assert len(lines) == 5 and lines == sorted(lines, key=lambda line: line.at, reverse=True)
    assert history(site.ctx(), "disk", limit=2, before=lines[1].at) == lines[2:4]
    with pytest.raises(EngineError, match="no checklist has an item 'dsk'"):
        history(site.ctx(), "dsk")


def test_both_lists_can_be_shown_whatever_became_of_the_ledger(tmp_path: Path) -> None:
    site = make(tmp_path)
    names = {item.name for item in (*DEFAULT.preflight, *DEFAULT.postflight)}
    for step in ("none", "fresh", "broken"):
        if step == "fresh":
            site.migrate()
        elif step == "broken":
            (site.root / LEDGER).write_bytes(b"no ledger at all" * 1000)
        found = remembered_items(site.ctx())
        assert {result.item.name for result in found} == names
        assert all(result.verdict in (None, Check.UNKNOWN) or result.fresh for result in found)
