"""Drills by keys at 80x24: every broken workspace is mended by following its procedure, with and without cuts.

The independent checker judges; what was there, damaged or not, is somewhere still.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.drills.catalog import BY_NAME, DRILLS, QUICK
from tests.drills.model import Broken, Drill
from tests.faults.scenario import run
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


@contextmanager
def led(name: str, folder: Path, *given: str) -> Iterator[Operator]:
    """An operator at the first screen of a drill, who is led to its procedure by the test and then follows it. given:
    the steps whose answer is filled in by what led there, so that nobody has to know it."""
    drill = BY_NAME[name]
    broken = drill.broken(folder)
    wanted = {step: str(broken.answers.pop(step)) for step in given}
    operator = Operator(broken, drill.procedure, cut=False)
    try:
        yield operator
        operator.wait(lambda: operator.here == 1)
        operator.go()
        assert {step: operator.given[step] for step in given} == wanted
        drill.check_way(operator.walk.way)
        judge(broken)
    finally:
        operator.leave()
        broken.close()


@pytest.mark.soak
def test_an_alert_leads_to_its_procedure_with_its_file(tmp_path: Path) -> None:
    with led("raw-damaged", tmp_path, "which") as operator:
        assert run(operator.root, "verify").status == 1
        operator.wait("1 file damaged or missing")
        operator.press("!")
        operator.wait("╭─ Alerts")
        operator.see("alerts")
        operator.press("p")
        operator.wait("Which procedure?")
        operator.to_button("Raw data is corrupted")
        operator.press("enter")


@pytest.mark.soak
def test_a_failing_file_leads_to_its_procedure(tmp_path: Path) -> None:
    with led("file-fails", tmp_path, "which") as operator:
        operator.press("3", "/", *"bad.json")
        operator.wait("/bad.json  1 file")
        operator.press("enter")
        operator.wait("▸")
        operator.press("P")


@pytest.mark.soak
def test_a_failed_run_leads_to_its_procedure_with_its_name(tmp_path: Path) -> None:
    with led("full-disk-back", tmp_path, "which") as operator:
        operator.press("6")
        operator.wait("▸")
        operator.press("p")
        operator.wait("Which procedure?")
        operator.to_button("The disk ran full during a run")
        operator.press("enter")
