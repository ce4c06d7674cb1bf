"""Postconditions gate: an action that reports success is not ticked while the workspace is wrong."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from console.engine.checks import checklists
from console.engine.checks.probes.look import Finding, Look
from console.engine.context import Context, open_context
from console.engine.errors import RefusedError
from console.engine.model import Check
from console.engine.procedures import guide, journal
from console.engine.procedures.acts import ACTS
from console.engine.procedures.load import Library, load_procedures
from console.engine.procedures.model import Procedure, Step
from console.engine.procedures.session import Event, Session
from console.engine.settings.checklists import ItemSetting
from console.engine.workspace.sample import shipped
from tests.engine.procedures_shipped.following import do_run, follow
from tests.faults.checker import LEDGER, STATE
from tests.support import invalid_record, make_workspace, valid_record, write_raw
from tests.support.cli import run_cli
from tests.support.workspace import RAW, VALIDATED

SCHEMA = "config/schemas/small.json"
NAMES = sorted(path.stem for path in (shipped() / "config/procedures").glob("*.toml"))


# ── every condition of every shipped step ────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return open_context(make_workspace(tmp_path_factory.mktemp("gates") / "ws"))


@pytest.fixture(scope="module")
def library(ctx: Context) -> Library:
    return load_procedures(ctx)


def _at(ctx: Context, procedure: Procedure, step: Step) -> Session:
    """A session that stands at a step, whose work is done well."""
    values = {name: "x" for name in procedure.values}
    session = journal.begin(ctx, procedure.name, procedure.source, values)
    session = journal.write(ctx, session, Event.TICKED, to=step.id)
    if step.kind == "action" and step.action in ACTS:
        return journal.write(ctx, session, Event.DID, command="x", message="done")
    if step.kind == "action":
        session = journal.write(ctx, session, Event.RUN, run="r", command="x")
        return journal.write(ctx, session, Event.RAN, run="r", status="done", exit_status=0, message="all is well")
    if step.kind in ("manual", "record"):
        return guide.note(ctx, session, "done")
    return session


def _answer(answers: list[Check], asked: list[str], look: Look, item: ItemSetting) -> Finding:
    """One verdict after the other."""
    asked.append(item.probe)
    return Finding(answers[len(asked) - 1], "as the test says")


@pytest.mark.parametrize("name", NAMES)
def test_each_condition_alone_keeps_its_step_open(
    ctx: Context, library: Library, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything reports success and one probe says what the step does not call good: the step stays open."""
    procedure = library.procedures[name]
    for step in procedure.steps:
        conditions = (*step.checks, *step.after)
        for at, condition in enumerate(conditions):
            bad = [verdict for verdict in Check if verdict not in condition.good]
            if not bad:
                continue  # it is only told
            answers = [each.good[0] for each in conditions]
            answers[at] = bad[0]
            asked: list[str] = []
            session = _at(ctx, procedure, step)
            monkeypatch.setattr(checklists, "_probe", partial(_answer, answers, asked))
            with pytest.raises(RefusedError):
                guide.tick(ctx, session)
            monkeypatch.undo()
            standing = journal.load_session(ctx, session.id)
            assert standing.step is not None and standing.step.id == step.id, (step.id, condition.probe)
            assert asked, step.id


# ── real ones: the run ends well, and the workspace is wrong ─────────────────────────────────────────────────────


@pytest.fixture
def ws(tmp_path: Path) -> Path:
    """Six files of two sources are published, one fails, one run was rolled over by a second."""
    files: dict[str, object] = {f"{'ab'[n % 2]}/{2020 + n}-01-01/{n}.json": [valid_record(n)] for n in range(6)}
    root = make_workspace(tmp_path / "ws", {**files, "b/bad.json": [invalid_record(1)]})
    assert run_cli(root, "migrate", "--yes").returncode == 1
    write_raw(root, "a/2020-01-01/0.json", [valid_record(10)])
    assert run_cli(root, "migrate", "--yes").returncode == 1
    return root


def _one(root: Path, zone: str = VALIDATED) -> Path:
    return next(path for path in sorted((root / zone).rglob("*.json")) if path.name != "bad.json")


def _damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def _fingerprint(root: Path) -> str:
    with closing(sqlite3.connect(root / LEDGER)) as connection:
        return str(connection.execute("SELECT fingerprint FROM rules").fetchone()[0])


def _forget_undone(root: Path) -> None:
    with closing(sqlite3.connect(root / LEDGER)) as connection, connection:
        connection.execute("DELETE FROM undone")


def _last_run(root: Path) -> str:
    with closing(sqlite3.connect(root / LEDGER)) as connection:
        return str(connection.execute("SELECT id FROM runs ORDER BY seq DESC LIMIT 1").fetchone()[0])


def _empty(root: Path) -> None:
    for name in os.listdir(root / VALIDATED):
        shutil.rmtree(root / VALIDATED / name)


def _worse(root: Path) -> None:
    write_raw(root, "b/bad.json", [{"x": 1}])


Break = Callable[[Path], object]
# Procedure, answers, step; what is wrong before it; what becomes wrong behind the run's back.
CASES: dict[str, tuple[str, dict[str, Any], str, Break, Break]] = {
    "maintenance": (
        "bad-schema",
        {},
        "stop",
        lambda root: None,
        lambda root: (root / ".opsconsole/maintenance.json").unlink(),
    ),
    "verify": ("weekly-check", {}, "verify", lambda root: _damage(_one(root)), lambda root: None),
    "settled": (
        "interrupted-run",
        {"how": "No, or"},
        "verify",
        lambda root: None,
        lambda root: _one(root).with_name(f".x.{_last_run(root)}.part").write_bytes(b"x"),
    ),
    "raw": (
        "raw-data-corrupted",
        {"which": lambda root: _one(root, RAW), "how": "Yes"},
        "repair",
        lambda root: _flip(_one(root, RAW)),
        lambda root: _flip(_one(root, RAW)),
    ),
    "validated": (
        "validated-lost",
        {"what": "Yes"},
        "again",
        _empty,
        lambda root: _one(root).unlink(),
    ),
    "by hand": (
        "stale-backup-copied",
        {"flat": "No"},
        "again",
        lambda root: _damage(_one(root)),
        lambda root: (root / VALIDATED / "flat.json").write_bytes(b"[]"),
    ),
    "undone": (
        "failed-migration",
        {"which": _last_run, "decide": "Yes"},
        "back",
        lambda root: None,
        _forget_undone,
    ),
    "ledger": (
        "damaged-ledger",
        {"how": "No"},
        "rebuild",
        lambda root: (root / LEDGER).write_bytes(b"none" * 5000),
        lambda root: (root / LEDGER).unlink(),
    ),
    "state file": (
        "damaged-state-file",
        {"how": "No"},
        "rebuild",
        lambda root: (root / STATE).write_bytes(b"{"),
        lambda root: (root / STATE).write_bytes(b"{"),
    ),
    "schema": (
        "bad-schema",
        {"which": _fingerprint},
        "restore",
        lambda root: (root / SCHEMA).write_text("{}"),
        lambda root: (root / SCHEMA).write_text('{"type": "array"}'),
    ),
    "permissions": (
        "permissions",
        {},
        "repair",
        lambda root: os.chmod(root / RAW / "a", 0o600),
        lambda root: os.chmod(root / RAW / "a", 0o600),
    ),
    "waiting": (
        "standard-migration",
        {},
        "migrate",
        lambda root: write_raw(root, "c/x.json", [valid_record(20)]),
        lambda root: write_raw(root, "c/y.json", [valid_record(21)]),
    ),
    "archive": (
        "archive",
        {"until": "2023-06-01", "source": "", "label": "old", "why": "superseded"},
        "archive",
        lambda root: None,
        lambda root: _damage(next((root / "data/raw/_archive/old").rglob("*.json"))),
    ),
    "published": (
        "files-not-processed",
        {"which": lambda root: _one(root, RAW), "why": "It waits"},
        "migrate",
        lambda root: None,
        lambda root: (root / VALIDATED / _one(root, RAW).relative_to(root / RAW)).unlink(),
    ),
    "failing": (
        "validation-error",
        {"which": f"{RAW}/b/bad.json", "how": "The data", "ask": _worse},
        "migrate",
        lambda root: None,
        lambda root: None,  # the new version fails as well
    ),
    "stale": (
        "bad-schema",
        {"which": _fingerprint, "did": "It refused"},
        "keep",
        lambda root: None,
        lambda root: (root / SCHEMA).write_text('{"type": "object"}'),
    ),
}  # fmt: skip


def _flip(path: Path) -> None:
    facts = path.stat()
    with path.open("r+b") as file:
        file.write(b"\x00")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _given(root: Path, answer: Any) -> Any:
    """An answer that depends on the workspace, but for what somebody does outside."""
    if answer in (_last_run, _fingerprint):
        return answer(root)
    if callable(answer) and answer.__name__ == "<lambda>" and answer.__code__.co_names[:1] == ("_one",):
        return answer(root).relative_to(root).as_posix()
    return answer


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES)
def test_a_run_that_reports_success_is_not_believed(ws: Path, tmp_path: Path, case: str) -> None:
    procedure, answers, step, before, behind = CASES[case]
    given = {name: _given(ws, answer) for name, answer in answers.items()}
    (tmp_path / "kept").mkdir()
    before(ws)
    followed = follow(ws, procedure, {**given, "folder": str(tmp_path / "kept")}, stop_at=step)
    session = followed.session
    assert session.step is not None and session.step.id == step
    ctx = open_context(ws)
    session = guide.act(ctx, session) if session.step.action in ACTS else do_run(ctx, session)
    behind(ws)
    with pytest.raises(RefusedError):
        guide.tick(ctx, session)
    standing = journal.load_session(ctx, session.id)
    assert standing.step is not None and standing.step.id == step
