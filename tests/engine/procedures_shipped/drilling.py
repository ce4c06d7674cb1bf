"""What the drills share: what must hold afterwards."""

from __future__ import annotations

from typing import Any

from tests.engine.procedures_shipped.following import Followed
from tests.faults.scenario import Scenario, migrate


def whole(scenario: Scenario, followed: Followed, **more: Any) -> None:
    """The procedure came to its end with nothing overridden, the checker finds nothing, and no run has work left."""
    assert (followed.session.status, followed.overridden) == ("done", [])
    assert not (scenario.root / ".opsconsole/maintenance.json").exists()
    assert scenario.examine(**more) == []
    last = migrate(scenario.root)
    assert last.status == 1, last.text  # those that failed from the beginning
    counts = last.summary["counts"]
    assert (counts["processed"], counts["revalidated"]) == (0, 0), last.text
    assert scenario.examine(**more) == []
