"""Every drill solved by `opsconsole procedure` lines, whole and with the line cut at each step."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills.catalog import BY_NAME, DRILLS, QUICK
from tests.drills.lines import Walk, by_lines
from tests.drills.model import Drill


def solve(drill: Drill, folder: Path, *, cut: bool = False, pair: bool = False) -> Walk:
    broken = drill.broken(folder)
    try:
        return by_lines(drill, broken, cut=cut, pair=pair)
    finally:
        broken.close()


def test_flipped_bits_are_mended_by_lines_with_the_line_cut_at_each_step(tmp_path: Path) -> None:
    walk = solve(QUICK, tmp_path, cut=True)
    assert walk.way == ["stop", "look", "verify", "what", "device", "repair", "rest", "again", "allow"]
    assert (walk.cuts, walk.lost) == (9, 0)


@pytest.mark.soak
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_solved_by_lines(drill: Drill, cut: bool, tmp_path: Path) -> None:
    walk = solve(drill, tmp_path, cut=cut)
    assert walk.lost == 0
    assert walk.cuts == (walk.steps if cut else 0)


@pytest.mark.soak
@pytest.mark.parametrize("name", ["flipped-bits", "bad-migration", "raw-damaged", "full-disk-back"])
def test_two_operators_solve_it_by_turns(name: str, tmp_path: Path) -> None:
    solve(BY_NAME[name], tmp_path, pair=True)
