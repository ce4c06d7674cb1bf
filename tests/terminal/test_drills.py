"""Drills by keys at 80x24: every broken workspace is mended by following its procedure, with and without cuts.

The independent checker judges; what was there, damaged or not, is somewhere still.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.drills.catalog import BY_NAME, DRILLS, QUICK
from tests.drills.model import Broken, Drill
from tests.terminal.drills import Operator, by_keys

CUT = pytest.mark.parametrize("cut", [False, True], ids=["", "cut"])


def solve(drill: Drill, folder: Path, *, cut: bool) -> None:
    broken = drill.broken(folder)
    try:
        walk = by_keys(drill, broken, cut=cut)
        print(f"| {drill.name} | {walk.keys} | {walk.seconds:.1f} |")
        drill.check_way(walk.way)
        assert walk.cuts == (len(walk.way) if cut else 0)
        judge(broken)
    finally:
        broken.close()


def judge(broken: Broken) -> None:
    """One session, at its end, with nothing skipped or overridden, and the workspace is whole."""
    (journal,) = (broken.root / ".opsconsole/sessions").glob("*.jsonl")
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    assert not {each["event"] for each in events} & {"overridden", "skipped", "abandoned", "back"}
    assert events[-1]["data"]["to"] == "end"
    broken.whole()


def test_a_drill_by_keys(tmp_path: Path) -> None:
    solve(QUICK, tmp_path, cut=False)


@pytest.mark.soak
@pytest.mark.timeout(400)
@CUT
@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_every_drill_by_keys(drill: Drill, tmp_path: Path, cut: bool) -> None:
    solve(drill, tmp_path, cut=cut)


# ── what leads to it ─────────────────────────────────────────────────────────────────────────────────────────────


def lead(name: str, folder: Path, *keys: tuple[str, str], answers: dict[str, str] | None = None) -> list[str]:
    """Keys, each with what is to be seen before it; from there on by the procedure. What was given is not asked for
    again: its answer is taken away, and the field has it."""
    drill = BY_NAME[name]
    broken = drill.broken(folder)
    broken.answers |= answers or {}
    operator = Operator(broken, drill.procedure, cut=False)
    try:
        for seen, key in keys:
            operator.wait(seen)
            operator.press(key)
        operator.wait(lambda: operator.here == 1)
        operator.go()
        drill.check_way(operator.walk.way)
        judge(broken)
    finally:
        operator.leave()
        broken.close()
    return operator.walk.pages
