"""The dialogs of adopt and leave: a plan that fills in while it is made in a helper process, then the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from console.engine.actions.adopt.model import AdoptPlan
from console.engine.actions.leave.model import LeavePlan
from console.engine.model import ActionParams, GateItem, Plan
from console.engine.text import plural
from console.tui.messages import PlanSoFar
from console.tui.screens.action import ActionDialog
from console.tui.screens.dialog import TextScreen
from widgets.plan import AdoptView, LeaveView
from widgets.plan.handover import example_lines
from widgets.push import Push

P = TypeVar("P", AdoptPlan, LeavePlan)


class _HandoverScreen(ActionDialog, Generic[P]):
    """One plan, made once, without options."""

    _plan: P | None = None
    _complete = False

    def _make(self, tell: Callable[[P], None], cancelled: Callable[[], bool]) -> P | None:
        """The plan, in a thread; tell(the plan so far)."""
        raise NotImplementedError

    def opened(self) -> None:
        self._plan_again()

    def unfinished(self) -> bool:
        return False

    def _plan_again(self, note: str = "") -> None:
        self._number += 1
        number = self._number
        self._plan, self._complete, self._waiting = None, False, False
        self._show(note or "looking…")
        self.console_app.fetch(
            f"plan {self.ACTION}",
            lambda: self._make(
                lambda plan: self._tell(number, plan),
                lambda: self._number != number or self.console_app.leaving,
            ),
            lambda plan: self._planned(number, plan, note),
            failed=lambda error: self._planning_failed(number, error),
        )

    def _tell(self, number: int, plan: P) -> None:
        self.post_message(PlanSoFar(number, plan))

    def on_plan_so_far(self, message: PlanSoFar) -> None:
        message.stop()
        if self._current(message.plan_number) and not self._complete:
            self._plan = message.plan
            self._show()

    def _planned(self, number: int, plan: P | None, note: str) -> None:
        if self._current(number) and plan is not None:
            self._plan, self._complete = plan, True
            self._show(note)

    def _planning_failed(self, number: int, error: Exception) -> None:
        if number == self._number:
            self._plan = None
            super()._planning_failed(number, error)
            self._number += 1  # what it told before it failed may still be on its way

    def _refused(self) -> Sequence[GateItem]:
        return self._plan.refused if self._plan and self._complete else []

    def _command(self) -> str:
        return self._plan.command if self._plan else ""

    def _to_start(self) -> tuple[ActionParams, Plan | None] | None:
        return (ActionParams(), None) if self._plan is not None and self._complete else None


class AdoptScreen(_HandoverScreen[AdoptPlan]):
    """What is here of another program, and taking it over."""

    ACTION = "adopt"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("e", "examples", "Examples", show=False)]

    def _make(self, tell: Callable[[AdoptPlan], None], cancelled: Callable[[], bool]) -> AdoptPlan | None:
        from console.tui.planner import adoption

        return adoption(self._ctx, progress=tell, cancelled=cancelled)

    def title_text(self) -> str:
        return "Adopt: plan"

    def help_text(self) -> str:
        return _ADOPT_HELP

    def body(self) -> Iterable[Widget]:
        with VerticalScroll(classes="dialog-body", can_focus=False):
            view = AdoptView(id="plan")
            view.zone = self.console_app.time_zone
            yield view
        yield Static(id="command", markup=False)

    def buttons(self) -> Iterable[Push]:
        yield Push("Cancel", id="cancel")
        yield Push("Examples", hint="e", id="examples", disabled=True)
        yield Push("Who runs?", id="override")
        yield Push("Adopt", id="adopt", classes="-main", disabled=True)

    def _show(self, note: str = "") -> None:
        plan = self._plan
        self.query_one(AdoptView).show(plan, self._complete, note)
        self.query_one("#examples", Push).disabled = plan is None
        something = plan is not None and bool(plan.entries or plan.other_files or plan.other_backups)
        ready = something and self._complete and not self._refused()
        adopted = plan.adopted if ready and plan else 0
        self._show_buttons(ready=ready, label=f"Adopt {plural(adopted, 'file')}" if adopted else "Adopt")

    def action_examples(self) -> None:
        if self._plan is not None:
            self.app.push_screen(TextScreen("Adopt: examples", lines_=example_lines(self._plan)))


class LeaveScreen(_HandoverScreen[LeavePlan]):
    """What leaving puts back, what only our ledger knows, what stays."""

    ACTION = "leave"

    def _make(self, tell: Callable[[LeavePlan], None], cancelled: Callable[[], bool]) -> LeavePlan | None:
        from console.tui.planner import leaving

        return leaving(self._ctx, progress=tell, cancelled=cancelled)

    def title_text(self) -> str:
        return "Leave: plan"

    def help_text(self) -> str:
        return _LEAVE_HELP

    def body(self) -> Iterable[Widget]:
        with VerticalScroll(classes="dialog-body", can_focus=False):
            yield LeaveView(id="plan")
        yield Static(id="command", markup=False)

    def buttons(self) -> Iterable[Push]:
        yield Push("Cancel", id="cancel")
        yield Push("Who runs?", id="override")
        yield Push("Leave", id="leave", classes="-main", disabled=True)

    def _show(self, note: str = "") -> None:
        self.query_one(LeaveView).show(self._plan, self._complete, note)
        self._show_buttons(ready=self._complete and not self._refused(), label="Leave this workspace")


_ADOPT_HELP = """# The plan of an adoption
Another program has published here. Adopting takes its files into our ledger as they are: published, never judged by
us. Nothing has happened yet, and nothing happens before [ Adopt ] is pressed. Cancel has the focus.

State file   the other program's: how many entries it has, and when it was last written
Adopts       files whose published copy is what the entry says. The run reads every copy and compares its checksum
Left alone   what cannot be adopted. It is listed, carried on in the state file, and never touched
Changes      what the run writes is our ledger, nothing else
Pre-flight   the checks. ✗ refuses the run until it is put right

e   examples of each kind, with the reason
c   copy the command line that does the same
ctrl+r  plan again

Adopted files raise no alert, and migrate leaves them alone as long as their source does not change.
"""

_LEAVE_HELP = """# The plan of leaving
Leaving gives the workspace back to the scripts that were here before. Nothing has happened yet. Cancel has the focus.

Puts back    the state file as the other program reads it, its scripts, its configuration
Forgets      what the state file has no word for. Our ledger keeps it
Stays        all data, and what only you should remove
Pre-flight   the checks. ✗ refuses the run until it is put right

c   copy the command line that does the same
ctrl+r  plan again

Nothing is published from here any more until the workspace is adopted again.
"""
