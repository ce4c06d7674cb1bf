"""The migrate dialog: plan, options, files, overrides, confirm. It starts a run and is gone; Runs shows the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from console.engine.actions.registry import find_action
from console.engine.model import ActionParams, GateItem, MigrateParams, Plan
from console.tui.messages import Judged
from console.tui.screens.action import ActionDialog, sentence
from widgets.look import joined, paint
from widgets.plan import PlanView
from widgets.push import Push

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.tui.screens.options import OptionsScreen


class MigrateScreen(ActionDialog):
    """The dialog of a migrate: the scan at once, then what would fail."""

    ACTION = "migrate"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "options", "Options", show=False),
        Binding("f", "files", "Files", show=False),
        Binding("s", "stop_judging", "Stop judging", show=False),
    ]
    DEFAULT_CSS = "MigrateScreen #selection { height: auto; color: $text-muted; margin-top: 1; }"

    def __init__(self, ctx: Context, params: MigrateParams | None = None) -> None:
        super().__init__(ctx)
        self._params = params or MigrateParams()
        self._plan: Plan | None = None
        self._stop_judging = False
        self._judged: tuple[int, int] | None = None

    # ── composing ─────────────────────────────────────────────────────────────────────────────────────────────

    def title_text(self) -> str:
        return f"{self._action_label}: plan"

    @property
    def _action_label(self) -> str:
        return find_action(self.ACTION).label

    def help_text(self) -> str:
        return _HELP

    def body(self) -> Iterable[Widget]:
        with VerticalScroll(classes="dialog-body", can_focus=False):
            yield PlanView(id="plan")
            yield Static(id="selection", markup=False)
            yield Static(id="command", markup=False)

    def buttons(self) -> Iterable[Push]:
        yield Push("Cancel", id="cancel")
        yield Push("Options", hint="o", id="options")
        yield Push("Files", hint="f", id="files", disabled=True)
        yield Push("Override…", id="override")
        yield Push(self._action_label, id=self.ACTION, classes="-main", disabled=True)

    def opened(self) -> None:
        self.query_one("#override").display = False
        self._plan_again()

    def unfinished(self) -> bool:
        return bool(self._overrides)

    # ── planning ──────────────────────────────────────────────────────────────────────────────────────────────

    def _plan_again(self, note: str = "") -> None:
        """Scan, show it, then judge."""
        self._number += 1
        number, params = self._number, self._params
        self._plan, self._judged, self._stop_judging, self._waiting = None, None, False, False
        self._show(note or "looking at the raw zone…")

        def scan() -> Plan:
            from console.engine.actions.migrate.plan import plan_migrate

            return plan_migrate(self._ctx, params, depth="scan", cancelled=lambda: self._number != number)

        self.console_app.fetch(
            "scan",
            scan,
            lambda plan: self._scanned(number, plan, note),
            failed=lambda error: self._planning_failed(number, error),
        )

    def _scanned(self, number: int, plan: Plan, note: str) -> None:
        if number != self._number or not self.is_attached:
            return
        self._plan = plan
        self._judge_if_due()
        self._show(note)

    def _judge_if_due(self) -> None:
        """After an override: judging was left out while the plan was refused."""
        plan = self._gated()
        if plan and plan.files and not plan.refused and plan.depth != "full" and self._judged is None:
            self._judged = (0, plan.files)
            self._judge(self._number)

    def _judge(self, number: int) -> None:
        from console.tui.planner import judge

        params = self._params
        self.console_app.fetch(
            "judge",
            lambda: judge(
                self._ctx,
                params,
                progress=lambda done, total: self._tell(number, done, total),
                cancelled=lambda: self._number != number or self._stop_judging or self.console_app.leaving,
            ),
            lambda plan: self._judged_all(number, plan),
            failed=lambda error: self._judging_failed(number, error),
        )

    def _tell(self, number: int, done: int, total: int) -> None:
        self.post_message(Judged(number, done, total))

    def on_judged(self, message: Judged) -> None:
        """A step of the full plan; the same callback counts sources while it scans, so only our total counts."""
        message.stop()
        plan = self._plan
        if message.plan_number == self._number and plan is not None and message.total == plan.files:
            self._judged = (message.done, message.total)
            self._show()

    def _judged_all(self, number: int, plan: Plan | None) -> None:
        if not self._current(number):
            return
        self._judged = None
        if plan is not None:
            self._plan = plan
        self._show("" if plan is not None else "not judged to the end: the run itself will tell what fails")

    def _judging_failed(self, number: int, error: Exception) -> None:
        if number == self._number and self.is_attached:
            self._judged = None
            self._show("the files could not be judged beforehand: " + sentence(error))

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────

    def _gated(self) -> Plan | None:
        """The plan with the overrides that were typed here."""
        plan = self._plan
        if plan is None or not self._overrides:
            return plan
        items = [replace(item, overridden=self._overrides.get(item.name, item.overridden)) for item in plan.gate]
        return replace(plan, gate=items)

    def _command(self) -> str:
        if self._plan is None or not self._overrides:
            return self._plan.command if self._plan else ""
        from console.engine.actions.command import command_line

        return command_line(self.ACTION, self._params, self._overrides)

    def _show(self, note: str = "") -> None:
        plan = self._gated()
        self.query_one(PlanView).show(plan, self._judged, note)
        self.query_one("#selection", Static).update(paint((self._selection(), "dim")))
        ready = plan is not None and (plan.files > 0 or self.keep_run is not None) and not plan.refused
        self.query_one("#files", Push).disabled = plan is None
        label = f"{self._action_label} {self._how_many(plan.files)}" if ready and plan else self._action_label
        self._show_buttons(ready=ready, label=label)

    def _refused(self) -> Sequence[GateItem]:
        plan = self._gated()
        return plan.refused if plan else []

    def _to_start(self) -> tuple[ActionParams, Plan | None] | None:
        plan = self._gated()
        if plan is None:
            return None
        self._stop_judging, self._judged = True, None
        return self._params, plan

    def _released(self) -> None:
        self._judge_if_due()

    def _selection(self) -> str:
        params, settings = self._params, self._ctx.settings
        return joined(
            [
                f"source {params.source}" if params.source else "all sources",
                f"pattern {params.pattern}" if params.pattern else "all files",
                params.operation or settings.operation,
                "every file hashed" if params.checksum else "unchanged told by size, time, inode",
                f"the first {params.sample}" if params.sample else "",
            ]
        )

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────

    def action_stop_judging(self) -> None:
        self._stop_judging = True

    def action_files(self) -> None:
        if self._plan is not None:
            from console.tui.screens.files import FilesScreen

            self.app.push_screen(FilesScreen(self._plan, self._ctx.settings.zones.raw.rstrip("/") + "/"))

    def _options(self) -> OptionsScreen:
        from console.tui.screens.options import OptionsScreen

        return OptionsScreen(self._ctx, self._params)

    def action_options(self) -> None:
        def chosen(params: MigrateParams | None) -> None:
            if params is not None and params != self._params:
                self._params = params
                self._plan_again()

        self.app.push_screen(self._options(), chosen)


_HELP = """# The plan of a migrate
Nothing has happened yet, and nothing happens before [ Migrate ] is pressed. Cancel has the focus.

Would read   the files that are new, changed or missing at their destination
Would end    how many would be published and how many would fail, and why (judged beforehand; s stops that)
Left alone   what the run does not touch
Backed up    versions that would be replaced; they are kept in the run's backup
Needs        bytes and inodes on each file system
Pre-flight   the checks. ✗ refuses the run until it is put right, or overridden with a reason that is recorded

o   options: one source, a pattern, copy or move, hash everything
f   every file of the plan, and every ignored one with the reason
c   copy the command line that does the same
ctrl+r  plan again
PageUp PageDown   move the text where it has no room

Once started, the run is a process of its own: it goes on when the console closes or the line drops.
"""
