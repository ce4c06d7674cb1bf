"""What a run did to its files, in two orders, by pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.engine.context import Context
from console.engine.ledger.store import transaction
from console.engine.model import Outcome
from console.engine.runs.query import run_outcomes, weighed_outcomes
from tests.engine.ledger.filled import filled_workspace, opened, raw

RECORDED = ["sidecar", "published", "failed", "moved", "replaced", "not-tried", "published", "damaged", "revalidated"]
RECORDED += ["changed-while-read", "replaced", "changed-since-plan", "failed", "not-adopted"]
RECORDED += ["restored", "archived", "left-alone", "removed", "returned", "lost", "cleared", "entered", "pruned"]
RECORDED += ["mode", "trimmed", "log-archived"]


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    """Run 1 with an outcome of every kind, and another run's beside them."""
    ctx = filled_workspace(tmp_path / "ws")
    with opened(ctx) as connection, transaction(connection):
        for number, outcome in enumerate(RECORDED):
            for run in (1, 2):
                connection.execute(
                    "INSERT INTO outcomes (run, path, outcome) VALUES (?, ?, ?)", [run, raw(f"a/{number}"), outcome]
                )
    return ctx


def test_every_outcome_is_of_use(ctx: Context) -> None:
    assert set(RECORDED) == {str(outcome) for outcome in Outcome}


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 100])
def test_what_weighs_most_comes_first_page_by_page(ctx: Context, limit: int) -> None:
    found, after = [], 0
    while page := weighed_outcomes(ctx, 1, after_id=after, limit=limit):
        assert len(page) <= limit
        found += page
        after = page[-1].id
    kinds = [str(row.outcome) for row in found]
    assert kinds[:6] == ["failed", "not-tried", "damaged", "changed-while-read", "changed-since-plan", "failed"]
    assert kinds[6:11] == ["not-adopted", "left-alone", "lost", "replaced", "replaced"]
    assert kinds[11:15] == ["published", "published", "restored", "removed"]
    assert kinds[15:20] == ["sidecar", "moved", "revalidated", "archived", "returned"]
    assert kinds[20:] == ["cleared", "entered", "pruned", "mode", "trimmed", "log-archived"]
    assert sorted(row.id for row in found) == [row.id for row in run_outcomes(ctx, 1)]
