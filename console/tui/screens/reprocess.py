"""The reprocess dialog: the migrate dialog with another question, which published files are judged again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.widget import Widget

from console.engine.model import MigrateParams, ReprocessParams
from console.engine.records.words import cause_in_words
from console.tui.screens.migrate import MigrateScreen
from console.tui.screens.options import OptionsScreen
from widgets.look import joined
from widgets.push import Push

if TYPE_CHECKING:
    from console.engine.context import Context

# What one turns through.
CHOICES = (
    ("published by another rule than today's", ReprocessParams(stale_schema=True)),
    ("remembered failures", ReprocessParams(failed=True)),
    ("adopted, never judged by us", ReprocessParams(adopted=True)),
    ("everything published, every failure", ReprocessParams(all=True)),
)

FAILING = ("stays published and is flagged", "is withdrawn: its published copy goes into the run's backup")


def _choices(params: MigrateParams) -> tuple[tuple[str, ReprocessParams], ...]:
    """What one turns through; the cause that was asked for first."""
    cause = params.cause if isinstance(params, ReprocessParams) else ""
    return ((f"failures: {cause_in_words(cause)}", ReprocessParams(cause=cause)), *CHOICES) if cause else CHOICES


def _choice(params: MigrateParams) -> int:
    plain = replace(params, source="", pattern="", sample=0)
    if isinstance(plain, ReprocessParams):
        plain = replace(plain, withdraw=False)
    choices = _choices(params)
    return next((number for number, (_, choice) in enumerate(choices) if choice == plain), len(choices) - 1)


class ReprocessScreen(MigrateScreen):
    """The dialog of a reprocess; by default it asks what a changed schema would do."""

    ACTION = "reprocess"

    def __init__(self, ctx: Context, params: ReprocessParams | None = None) -> None:
        super().__init__(ctx, params or ReprocessParams(stale_schema=True))

    def help_text(self) -> str:
        return _HELP

    def _selection(self) -> str:
        params = self._params
        return joined(
            [
                _choices(params)[_choice(params)][0],
                f"source {params.source}" if params.source else "all sources",
                f"pattern {params.pattern}" if params.pattern else "",
                f"the first {params.sample}" if params.sample else "",
                "what fails is withdrawn" if isinstance(params, ReprocessParams) and params.withdraw else "",
                "o: others",
            ]
        )

    def _options(self) -> OptionsScreen:
        return ReprocessOptions(self._ctx, self._params)


class ReprocessOptions(OptionsScreen):
    """Which files, and how many of them."""

    def __init__(self, ctx: Context, params: MigrateParams) -> None:
        super().__init__(ctx, params)
        self._turns = _choices(params)
        self._which = _choice(params)
        self._withdraw = isinstance(params, ReprocessParams) and params.withdraw

    def title_text(self) -> str:
        return "Reprocess: options"

    def last_rows(self) -> Iterable[Widget]:
        yield self._row("Which", Push(self._turns[self._which][0], id="which"))
        yield self._note("Enter turns to the next: what is judged again by today's rules")
        yield self._row("What fails", Push(FAILING[self._withdraw], id="withdraw"))

    def _chosen(self) -> MigrateParams | None:
        chosen = super()._chosen()
        if chosen is None:
            return None
        return replace(
            self._turns[self._which][1],
            source=chosen.source,
            pattern=chosen.pattern,
            sample=chosen.sample,
            withdraw=self._withdraw,
        )

    def on_push_pressed(self, message: Push.Pressed) -> None:
        if message.push.id not in ("which", "withdraw"):
            return
        message.stop()
        message.prevent_default()
        if message.push.id == "which":
            self._which = (self._which + 1) % len(self._turns)
            message.push.label = self._turns[self._which][0]
        else:
            self._withdraw = not self._withdraw
            message.push.label = FAILING[self._withdraw]


_HELP = """# The plan of a reprocess
Published files are judged again by today's rules. Nothing has happened yet, and nothing happens before the button at
the end is pressed. Cancel has the focus.

Would read   the files that were chosen: o chooses others
Would end    revalidated: the same bytes stay, the ledger knows the new verdict. What fails now is flagged and its
             published copy stays, or is withdrawn into the run's backup: o says which
Backed up    versions that would be replaced, because their source has changed since

o   options: which files, one source, a pattern, a portion
f   every file of the plan
c   copy the command line that does the same
ctrl+r  plan again
PageUp PageDown   move the text where it has no room
"""
