"""What the rules say in an idle console: nothing is drawn again that has not changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from console.engine.checks.alerts.model import Measured, Reading
from console.engine.model import Check
from console.tui.rules import RulesEye


class Screen:
    """Counts how often it was asked to draw."""

    drawn = 0

    def overview_again(self) -> None:
        self.drawn += 1


def test_a_number_that_only_grows_draws_nothing() -> None:
    screen = Screen()
    eye = RulesEye(cast(Any, screen))
    well = Reading("verify-overdue", "verify-overdue", Check.PASS, "verified 1 h ago", measured=(Measured("age", 1),))
    full = Reading("disk", "disk:/", Check.WARN, "disk / is 81 % full", measured=(Measured("disk", 81.21),))
    eye.quick([well])
    assert screen.drawn == 0  # all is well, and nothing says so
    eye.quick([well, full])
    assert screen.drawn == 1
    eye.quick([replace(well, text="verified 2 h ago"), replace(full, measured=(Measured("disk", 81.22),))])
    assert screen.drawn == 1
    eye.quick([well, replace(full, text="disk / is 82 % full")])
    eye.quick([well])
    assert screen.drawn == 3
