"""The dialog of a rollback: the newest run that can be taken back, or another one chosen from a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from textual.widget import Widget

from console.engine.model import ActionParams, RunRow
from console.tui.screens.change import ChangeForm, ChangeScreen
from console.tui.screens.dialog import Dialog
from console.tui.screens.form import YES, Field
from widgets.push import Push
from widgets.runs.words import RUN_COLUMNS, run_cells
from widgets.table import VirtualTable

if TYPE_CHECKING:
    from console.engine.context import Context

_LISTED = 200


def _params(ctx: Context, values: Mapping[str, str]) -> ActionParams:
    from console.engine.actions.rollback.model import RollbackParams
    from console.engine.actions.rollback.plan import last_run

    return RollbackParams(values.get("run") or last_run(ctx).id, values.get("all_or_nothing") == YES)


HELP = """# The plan of a rollback
A run is taken back: what it replaced is put back from its backup, what it made is moved into the backup of this
rollback, what it archived returns. Afterwards every file is read and its checksum compared.

Would do     how many files are restored, removed or returned
Left alone   files that a later run or somebody else changed since. They stay as they are, and the list says why
Undo         a rollback is a run: rolling it back does everything again

What is taken back is held: no timer publishes it again until its source or its rule changes, or somebody releases it.
"""
FORM = ChangeForm(
    "rollback",
    "Roll back",
    HELP,
    _params,
    (
        Field("run", "Run"),
        Field(
            "all_or_nothing",
            "If some cannot",
            kind="choice",
            choices=(("", "the others are taken back all the same"), (YES, "nothing is taken back")),
        ),
    ),
)


class RollbackScreen(ChangeScreen):
    """Dismisses with the id of the run that was started, or None."""

    def __init__(self, ctx: Context, run: str = "", *, all_or_nothing: bool = False) -> None:
        super().__init__(ctx, FORM, {"run": run, "all_or_nothing": YES if all_or_nothing else ""})

    def same_as(self, other: Dialog[object]) -> bool:
        return super().same_as(other) and isinstance(other, RollbackScreen) and self._values == other._values

    def buttons(self) -> Iterable[Push]:
        for push in super().buttons():
            if push.id == "options":
                push.label = "Another run"
            yield push

    def action_options(self) -> None:
        from console.engine.actions.rollback.plan import undoable_runs

        screen = RunChooser()
        screen.zone = self.console_app.time_zone

        def chosen(run: str | None) -> None:
            if run:
                self._values["run"] = run
                self._plan_again()

        self.app.push_screen(screen, chosen)
        self.console_app.fetch("undoable", lambda: undoable_runs(self._ctx, _LISTED), screen.fill)


class RunChooser(Dialog[str]):
    """Runs that can be rolled back, newest first; dismisses with the id of one."""

    DEFAULT_CSS = "RunChooser > .dialog { height: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self.zone: tzinfo | None = None
        self._runs: Sequence[RunRow] = ()

    def title_text(self) -> str:
        return "Roll back: which run?"

    def body(self) -> Iterable[Widget]:
        yield VirtualTable(RUN_COLUMNS, id="runs", empty="looking…")

    def buttons(self) -> Iterable[Push]:
        yield Push("Cancel", id="cancel")

    def focus_first(self) -> None:
        self.set_focus(self.query_one("#runs", VirtualTable))

    def fill(self, runs: Sequence[RunRow]) -> None:
        """The runs; nothing happens when the dialog is gone by now."""
        if not self.is_attached:
            return
        self._runs = runs
        table = self.query_one("#runs", VirtualTable)
        table.empty = "no run is there that could be rolled back"
        table.rows = [run_cells(row, self.zone, datetime.now(UTC)) for row in runs]

    def on_virtual_table_chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        if message.index < len(self._runs):
            self.dismiss(self._runs[message.index].id)

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        message.stop()

    def on_virtual_table_near_end(self, message: VirtualTable.NearEnd) -> None:
        message.stop()

    def on_push_pressed(self, message: Push.Pressed) -> None:
        self.leave()
