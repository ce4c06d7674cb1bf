"""All drills in-process, through the guide alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills.catalog import DRILLS
from tests.drills.model import Drill
from tests.engine.procedures_shipped.following import follow


@pytest.mark.soak
@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_solved_by_the_guide_alone(drill: Drill, tmp_path: Path) -> None:
    broken = drill.broken(tmp_path)
    try:
        followed = follow(broken.root, drill.procedure, broken.answers)
        assert (followed.session.status, followed.overridden) == ("done", [])
        drill.check_way(followed.way)
        broken.whole()
    finally:
        broken.close()
