"""Whatever is wrong leads to a procedure, and every symptom that one names exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.engine.context import Context, open_context
from console.engine.errors import EXIT_RECOVERY, EngineError, LedgerError, MirrorError
from console.engine.model import Counts, RunRow, RunStatus
from console.engine.observe.alerts import Alert, Cause
from console.engine.procedures.load import Library, load_procedures
from console.engine.procedures.symptoms import (
    alert_symptoms,
    for_file,
    for_probe,
    for_symptom,
    known_symptoms,
    suggested,
)
from console.engine.settings.model import ALERT_RULES
from tests.support import invalid_record, make_workspace, valid_record
from tests.support.cli import run_cli


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """One file fails."""
    files = {"a/good.json": [valid_record(1)], "a/bad.json": [invalid_record(1)]}
    root = make_workspace(tmp_path_factory.mktemp("symptoms") / "ws", files)
    assert run_cli(root, "migrate", "--yes").returncode == 1
    return open_context(root)


@pytest.fixture(scope="module")
def library(ctx: Context) -> Library:
    return load_procedures(ctx)


def names(found: list[object]) -> list[str]:
    return [getattr(each, "procedure", each).name for each in found]  # type: ignore[attr-defined]


def test_every_symptom_that_is_named_exists(library: Library) -> None:
    known = known_symptoms()
    unknown = {(each.name, one) for each in library.procedures.values() for one in each.symptoms if one not in known}
    assert unknown == set()


@pytest.mark.parametrize("name", [*ALERT_RULES, *(cause.value for cause in Cause if cause)])
def test_every_alert_leads_to_one(library: Library, name: str) -> None:
    assert for_symptom(library, f"alert:{name}")


@pytest.mark.parametrize("status", [each.value for each in RunStatus if each.value not in ("done", "running")])
def test_every_run_that_ends_badly_leads_to_one(library: Library, status: str) -> None:
    assert for_symptom(library, f"run:{status}")


def test_what_an_error_names_is_there(library: Library) -> None:
    """Every error with the status for recovery names one, the narrower its own."""
    named = {kind: kind.procedure for kind in [EngineError, *kinds(EngineError)]}
    assert {name for name in named.values() if name} <= library.procedures.keys()
    assert all(name for kind, name in named.items() if kind.exit_status == EXIT_RECOVERY)
    assert (named[LedgerError], named[MirrorError]) == ("damaged-ledger", "damaged-state-file")


def kinds(kind: type[EngineError]) -> list[type[EngineError]]:
    return [each for sub in kind.__subclasses__() for each in (sub, *kinds(sub))]


@pytest.mark.parametrize("status", ["failed", "known-failed", "damaged", "missing", "held", "stale", "ignored"])
def test_every_file_that_needs_somebody_leads_to_one(ctx: Context, library: Library, status: str) -> None:
    assert for_file(ctx, library, status, "data/raw/funding_sources/a/bad.json")


def test_the_workspaces_own_come_first(ctx: Context, tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws")
    (root / "config/procedures").mkdir()
    text = 'title = "Ours"\nabout = "Here."\nsymptoms = ["alert:held"]\n[[step]]\nid = "a"\nkind = "explain"\n'
    (root / "config/procedures/zz.toml").write_text(text + 'title = "A"\ntext = "b"\n')
    found = for_symptom(load_procedures(open_context(root)), "alert:held")
    assert [each.name for each in found] == ["zz", "held-files"]


def test_an_alert_brings_its_procedure_with_the_values_that_it_names(ctx: Context, library: Library) -> None:
    alerts = [
        Alert("the last run 7f3a stopped", cause=Cause.LAST_RUN, run="20260101T000000Z-migrate-7f3a"),
        Alert("1 file fails", cause=Cause.FAILING),
        Alert("one file damaged", cause=Cause.DAMAGE, key="mismatch", details=("data/raw/x.json: no good copy",)),
    ]
    found = {each.procedure.name: each for each in suggested(ctx, library, alerts)}
    assert found["failed-migration"].values == {"run": "20260101T000000Z-migrate-7f3a"}
    assert found["failed-migration"].why == "the last run 7f3a stopped"
    assert found["validation-error"].values == {"file": "data/raw/funding_sources/a/bad.json"}
    assert found["raw-data-corrupted"].values == {"file": "data/raw/x.json"}
    assert next(iter(found)) == "failed-migration"


def test_what_was_done_by_hand_is_narrower_than_that_it_was(library: Library) -> None:
    alert = Alert("copied", cause=Cause.BY_HAND, key="by-hand:backup-copied-over")
    symptoms = alert_symptoms(alert)
    assert symptoms == ["alert:backup-copied-over", "alert:by-hand"]
    assert names(list(for_symptom(library, symptoms[0]))) == ["stale-backup-copied"]


def test_copies_that_were_deleted_lead_to_what_brings_them_back_and_nowhere_else(
    ctx: Context, library: Library
) -> None:
    alerts = [Alert("8 copies were deleted", cause=Cause.BY_HAND, key="by-hand:deleted")]
    assert names(list(suggested(ctx, library, alerts))) == ["validated-lost"]
    unknown = [Alert("something new", cause=Cause.BY_HAND, key="by-hand:of-a-later-version")]
    assert "stale-backup-copied" in names(list(suggested(ctx, library, unknown)))


def row(status: RunStatus, gate: list[dict[str, object]]) -> RunRow:
    text = "20260101T000000Z-migrate-7f3a"
    return RunRow(
        1, text, "migrate", status, "", {}, "", {}, "", "", 0, 0.0, "", "", 0, 0, 0, 0, Counts(), 4, "", "", "", {},
        gate, {}, [], None, None,
    )  # fmt: skip


def test_a_refused_run_leads_to_what_refused_it_first(ctx: Context, library: Library) -> None:
    gate: list[dict[str, object]] = [
        {"name": "missing", "verdict": "fail", "blocks": True, "evidence": "900 gone", "overridden": ""},
        {"name": "failures", "verdict": "fail", "blocks": True, "evidence": "x", "overridden": "it is so"},
        {"name": "disk", "verdict": "warn", "blocks": False, "evidence": "80 %", "overridden": ""},
    ]
    found = suggested(ctx, library, [], row(RunStatus.REFUSED, gate))
    assert names(list(found))[0] == "validated-lost"
    assert "900 gone" in found[0].why
    assert "bad-schema" not in names(list(found)) and "disk-space" not in names(list(found))
    assert "refused-run" in names(list(found))
    assert suggested(ctx, library, [], row(RunStatus.DONE, gate)) == []


def test_a_probe_that_does_not_pass_leads_to_one(library: Library) -> None:
    for probe in ("settled", "ledger", "state-file", "permissions", "zone", "damage", "by-hand", "foreign-writer"):
        assert for_probe(library, probe), probe
