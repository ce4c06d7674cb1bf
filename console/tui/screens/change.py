"""The dialog of every action that is made of changes: choose, see the plan, type the word, start the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from console.engine.actions.change.model import ChangePlan
from console.engine.actions.registry import find_action
from console.engine.model import ActionParams, GateItem, Plan
from console.tui.messages import Judged
from console.tui.screens.action import ActionDialog
from console.tui.screens.dialog import TextScreen
from console.tui.screens.form import YES, Field, FormScreen
from widgets.plan import ChangeView
from widgets.plan.changes import change_lines
from widgets.push import Push

if TYPE_CHECKING:
    from console.engine.context import Context


@dataclass(frozen=True, slots=True)
class ChangeForm:
    """What the dialog of one action asks, and how the answers become its parameters.

    make: parameters from the values by name, in a thread; raises EngineError for what cannot be. verb: of the button.
    first: values that the dialog opens with. notes: what a field's note says here and now.
    """

    action: str
    verb: str
    help: str
    make: Callable[[Context, Mapping[str, str]], ActionParams]
    fields: tuple[Field, ...] = ()
    first: Mapping[str, str] = field(default_factory=dict)
    notes: Callable[[Context], Mapping[str, str]] = lambda ctx: {}


class ChangeScreen(ActionDialog):
    """Plans at once where nothing needed is missing, else opens the form first.

    given: parameters that fill it in. What of them the form does not ask stays as it was given.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "options", "Options", show=False),
        Binding("f", "files", "Files", show=False),
    ]

    def __init__(
        self,
        ctx: Context,
        form: ChangeForm,
        values: Mapping[str, str] | None = None,
        given: ActionParams | None = None,
    ) -> None:
        self.ACTION = form.action
        super().__init__(ctx)
        self._form = form
        self._given = given
        first = form.first if given is None else _values_of(form, given)
        self._values: dict[str, str] = {**first, **(values or {})}
        self._plan: ChangePlan | None = None
        self._far = (0, 0)

    # ── what is on it ─────────────────────────────────────────────────────────────────────────────────────────

    def title_text(self) -> str:
        return f"{find_action(self.ACTION).label}: plan"

    def help_text(self) -> str:
        return self._form.help + _HELP_KEYS

    def body(self) -> Iterable[Widget]:
        with VerticalScroll(classes="dialog-body", can_focus=False):
            view = ChangeView(id="plan")
            view.prefixes = self._prefixes()
            yield view
        yield Static(id="command", markup=False)

    def _prefixes(self) -> tuple[str, ...]:
        """What every path here begins with, and nothing else does; a repair names files of all zones."""
        zones = self._ctx.settings.zones
        if self.ACTION == "repair":
            return ()
        raw = self.ACTION in ("archive", "archive restore")
        return (f"{(zones.raw if raw else zones.validated).rstrip('/')}/",)

    def buttons(self) -> Iterable[Push]:
        yield Push("Cancel", id="cancel")
        if self._form.fields:
            yield Push("Options", hint="o", id="options")
        yield Push("Files", hint="f", id="files", disabled=True)
        yield Push("Who runs?", id="override")
        yield Push(self._form.verb, id=self._button, classes="-main", disabled=True)

    def opened(self) -> None:
        if self._lacking():
            self._show("choose first: o opens the options")
            self.action_options()
        else:
            self._plan_again()

    def unfinished(self) -> bool:
        return False

    def _lacking(self) -> bool:
        return any(each.needed and not self._values.get(each.name) for each in self._form.fields)

    # ── the plan ──────────────────────────────────────────────────────────────────────────────────────────────

    def _plan_again(self, note: str = "") -> None:
        self._number += 1
        number = self._number
        self._plan, self._waiting, self._typed, self._far = None, False, False, (0, 0)
        if self._lacking():
            self._show("choose first: o opens the options")
            return
        values = dict(self._values)
        self._show(note or "looking…")
        self.console_app.fetch(
            f"plan {self.ACTION}",
            lambda: self._make(number, values),
            lambda plan: self._planned(number, plan, note),
            failed=lambda error: self._planning_failed(number, error),
        )

    def _make(self, number: int, values: Mapping[str, str]) -> ChangePlan | None:
        """In a thread."""
        from console.tui import planner

        params = self._parameters(values)
        return planner.changes(
            self._ctx,
            self.ACTION,
            params,
            progress=lambda done, files: self._tell(number, done, files),
            cancelled=lambda: self._number != number or self.console_app.leaving,
        )

    def _parameters(self, values: Mapping[str, str]) -> ActionParams:
        """What is planned. Of given parameters all that the form does not ask stays. Raises EngineError."""
        params = self._form.make(self._ctx, values)
        if self._given is None:
            return params
        asked = {each.name for each in self._form.fields}
        rest = [each.name for each in fields(self._given) if each.name not in asked]
        return replace(params, **{name: getattr(self._given, name) for name in rest})

    def _tell(self, number: int, done: int, files: int) -> None:
        self.post_message(Judged(number, done, files))

    def on_judged(self, message: Judged) -> None:
        message.stop()
        if self._current(message.plan_number) and self._plan is None:
            self._far = (message.done, message.total)
            self._show()

    def _planned(self, number: int, plan: ChangePlan | None, note: str) -> None:
        if self._current(number) and plan is not None:
            self._plan = plan
            self._show(note)

    def _show(self, note: str = "") -> None:
        plan = self._plan
        done, files = self._far
        self.query_one(ChangeView).show(plan, note, done=done, files=files)
        self.query_one("#files", Push).disabled = plan is None or not (plan.items or plan.left)
        wanted = plan is not None and bool(plan.files or plan.unsettled or plan.recovery or self.keep_run is not None)
        ready, verb = wanted and not self._refused(), self._form.verb
        self._show_buttons(ready=ready, label=f"{verb} {self._number_words(plan)}" if ready and plan else verb)

    def _number_words(self, plan: ChangePlan) -> str:
        many = self._how_many(plan.files + plan.unsettled)
        return f"up to {many}" if plan.unsettled else many

    def _refused(self) -> Sequence[GateItem]:
        return [item for item in self._plan.refused if item.name not in self._overrides] if self._plan else []

    def _command(self) -> str:
        return self._plan.command if self._plan else ""

    def _word(self) -> str:
        return self._plan.word if self._plan else ""

    def _to_start(self) -> tuple[ActionParams, Plan | ChangePlan | None] | None:
        return None if self._plan is None else (self._plan.params, self._plan)

    # ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────

    def action_options(self) -> None:
        if not self._form.fields:
            return
        title = f"{find_action(self.ACTION).label}: options"
        form = FormScreen(title, self._form.fields, self._values, self._form.notes(self._ctx))

        def chosen(values: dict[str, str] | None) -> None:
            if values is not None:
                self._values.update(values)
                self._plan_again()

        self.app.push_screen(form, chosen)

    def action_files(self) -> None:
        if self._plan is not None:
            self.app.push_screen(
                TextScreen(f"{self.title_text()}, file by file", lines_=change_lines(self._plan, self._prefixes()))
            )


def _values_of(form: ChangeForm, given: ActionParams) -> dict[str, str]:
    """Parameters as what is typed into the form."""
    known = {each.name for each in fields(given)}
    values = {each.name: getattr(given, each.name) for each in form.fields if each.name in known}
    return {name: _typed(value) for name, value in values.items()}


def _typed(value: object) -> str:
    if isinstance(value, bool):
        return YES if value else ""
    return str(value) if value else ""


_HELP_KEYS = """
o   options, where there are some
f   every file of the plan
c   copy the command line that does the same
ctrl+r  plan again
PageUp PageDown   move the text where it has no room

Nothing has happened yet, and nothing happens before the button at the end is pressed. Cancel has the focus.
"""
