"""Every shipped procedure loads, reads well on 80 columns, and the runbook's sections each have one."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.engine.actions.registry import find_action
from console.engine.context import open_context
from console.engine.procedures.acts import ACTS
from console.engine.procedures.load import Library, load_procedures
from console.engine.procedures.model import END, Procedure, Step
from console.engine.workspace.sample import shipped
from tests.support import make_workspace

# Section of the runbook, or what beside it an operator meets -> the procedure that is for it.
SECTIONS = {
    "check pipeline status": "daily-check",
    "run standard migration": "standard-migration",
    "validate data quality": "validate-data",
    "process new data source": "new-source",
    "reprocess existing data": "reprocess",
    "archive old data": "archive",
    "clean up logs": "clean-logs",
    "migration fails with validation error": "validation-error",
    "files not being processed": "files-not-processed",
    "disk space issues": "disk-space",
    "checksum mismatches": "checksum-mismatch",
    "permission errors": "permissions",
    "transformed data is corrupted": "transformed-data-corrupted",
    "raw data is corrupted": "raw-data-corrupted",
    "rollback failed migration": "failed-migration",
    "weekly checks": "weekly-check",
    "damaged ledger": "damaged-ledger",
    "damaged state file": "damaged-state-file",
    "interrupted run": "interrupted-run",
    "validated zone emptied": "validated-lost",
    "raw zone not mounted": "raw-not-mounted",
    "bad schema deployed": "bad-schema",
    "foreign writer": "foreign-writer",
    "old workspace": "adopt-workspace",
    "full disk in the middle": "full-disk",
    "another operator holds the lock": "locked",
    "old backup copied over": "stale-backup-copied",
}
# Steps after which the guide looks again, or whose doing is an answer by itself.
_ANSWERS = ("explain", "probe", "choose", "input", "manual", "command", "record")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    ctx = open_context(make_workspace(tmp_path_factory.mktemp("definitions") / "ws"))
    return load_procedures(ctx)


def names() -> list[str]:
    return sorted(path.stem for path in (shipped() / "config/procedures").glob("*.toml"))


def test_all_of_them_load(library: Library) -> None:
    assert dict(library.broken) == {}
    assert sorted(library.procedures) == names()
    assert not any(each.own for each in library.procedures.values())


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_has_its_procedure(library: Library, section: str) -> None:
    assert SECTIONS[section] in library.procedures


@pytest.mark.parametrize("name", names())
def test_it_reads_well(library: Library, name: str) -> None:
    procedure = library.procedures[name]
    assert len(procedure.title) <= 40
    assert len(procedure.about) <= 160
    for step in procedure.steps:
        assert len(step.title) <= 40, step.id
        assert len(step.text.splitlines()) <= 6, step.id
        assert max(map(len, step.text.splitlines()), default=0) <= 76, step.id
        assert all(len(branch.label) <= 60 for branch in step.branches), step.id


def _leads_on(procedure: Procedure, step: Step) -> list[Step]:
    return [found for target in step.leads_to if target != END and (found := procedure.find(target))]


@pytest.mark.parametrize("name", names())
def test_what_changes_data_is_checked_or_followed_by_a_look(library: Library, name: str) -> None:
    """An action says itself what must hold, or what comes next looks: a choice by evidence, a probe, another check."""
    procedure = library.procedures[name]
    for step in procedure.steps:
        if step.kind != "action" or step.after or step.action in ACTS or step.action == "verify":
            continue
        following = _leads_on(procedure, step)
        seen = [each for each in following if each.checks or each.after or any(b.evidence for b in each.branches)]
        last = not following or step.leads_to == (END,)
        told = [each for each in following if each.kind == "record"]
        assert seen or last or told, f"{name}: nothing looks after {step.id}"


@pytest.mark.parametrize("name", names())
def test_whoever_stops_processing_allows_it_before_what_needs_it(library: Library, name: str) -> None:
    """Maintenance stops migrate and reprocess: on no way does one of them come while it is on; none leaves it on
    without saying so."""
    procedure = library.procedures[name]

    def walk(step: Step, stopped: bool, told: bool) -> None:
        if step.action == "maintenance on":
            stopped = True
        elif step.action == "maintenance off":
            stopped = False
        elif step.action and step.action not in ACTS:
            assert not (stopped and find_action(step.action).stopped_by_maintenance), f"{name}: {step.id}"
        told = told or "stays stopped" in " ".join(step.text.split())
        for target in step.leads_to:
            found = procedure.find(target)
            if found is None:
                assert not stopped or told, f"{name}: after {step.id} processing stays stopped"
            else:
                walk(found, stopped, told)

    walk(procedure.steps[0], False, False)


def test_an_initialised_workspace_reads_ours_and_has_no_copies(tmp_path: Path) -> None:
    from tests.support.cli import run_cli

    done = run_cli(None, "init", str(tmp_path / "ws"), "--sample", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ws/config/procedures").exists()
    assert sorted(load_procedures(open_context(tmp_path / "ws")).procedures) == names()


def test_the_wheel_carries_them() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    carried = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert carried["config"] == "console/_sample/config"  # shipped() looks there, below it config/procedures
