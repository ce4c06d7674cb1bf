"""ProceduresLeads: what the Procedures pane lists, and which procedure an alert, a run, a file or a check leads to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from console.engine.errors import EngineError
from console.engine.model import RunStatus
from console.tui.screens.dialog import AskScreen, TextScreen
from console.tui.work import WorkingApp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.engine.context import Context
    from console.engine.model import RunRow
    from console.engine.observe.alerts import Alert
    from console.engine.procedures.load import Library
    from console.engine.procedures.session import Session
    from console.engine.procedures.symptoms import Suggestion
    from console.tui.feed import FedApp
    from widgets.procedures import ProceduresPane, messages

Found = tuple["Library", "list[Session]", "list[Suggestion]"]


class ProceduresLeads(WorkingApp):
    """The part of FedApp that fills the list of the Procedures pane."""

    ctx: Context
    _library: tuple[object, Library] | None = None
    _suggested_by: object = None
    _list_wanted = False
    _list_reading = False

    @property
    def _guided(self) -> FedApp:
        return self  # type: ignore[return-value]

    @property
    def procedures_pane(self) -> ProceduresPane | None:
        """The pane, once it was shown."""
        if not self.screen_stack:
            return None
        pane: ProceduresPane | None = self.screen_stack[0].query_one_optional("#pane-procedures")  # type: ignore[assignment]
        return pane

    def start_procedure(self, name: str, values: Mapping[str, str]) -> None:
        """A new session, or one of this procedure that is on its way already: that is asked."""
        raise NotImplementedError

    def may_guide(self, what: str) -> bool:
        """Whether a session can be taken on here; says why where it cannot. It is not in the ledger: one of another
        version is no obstacle, it is what a procedure may be about."""
        guided = self._guided
        return not (self.ctx.read_only or guided.configuration_trouble) or guided.may_change(what)

    # ── the list ──────────────────────────────────────────────────────────────────────────────────────────────

    def read_procedures(self) -> None:
        """What there is; once at a time, and once more where it was asked for meanwhile."""
        pane = self.procedures_pane
        if pane is None:
            return
        if self._guided.configuration_trouble:
            pane.failed("the configuration does not load")
            return
        self._list_wanted = True
        if not self._list_reading:
            self._read_list(pane)

    def _read_list(self, pane: ProceduresPane) -> None:
        self._list_reading, self._list_wanted = True, False
        alerts, last = self._guided.alerts_now, self._last_run()
        watcher = self._guided.watcher

        def read() -> Found:
            from console.engine.procedures.journal import sessions
            from console.engine.procedures.symptoms import suggested

            if watcher is not None:
                watcher.guide()  # before anything is read: what comes behind it is told
            library = self._load()
            return library, sessions(self.ctx), suggested(self.ctx, library, alerts, last)

        def found(answer: Found) -> None:
            pane.show(*answer)
            again()

        def failed(error: Exception) -> None:
            pane.failed(said(error))
            again()

        def again() -> None:
            self._list_reading = False
            if self._list_wanted and not self.leaving:
                self._read_list(pane)

        self.fetch("procedures", read, found, failed)

    def _load(self) -> Library:
        """In a thread: the procedures, read again only when a file has changed."""
        from console.engine.procedures.load import load_procedures, procedures_signature

        signature = procedures_signature(self.ctx)
        if self._library is None or self._library[0] != signature:
            self._library = (signature, load_procedures(self.ctx))
        return self._library[1]

    def _last_run(self) -> RunRow | None:
        return next((run for run in self._guided.runs_now if run.status != RunStatus.RUNNING), None)

    def suggest_again(self) -> None:
        """The alerts or the last run may be others by now."""
        if self.procedures_pane is None:
            return
        last = self._last_run()
        by = (self._guided.alerts_now, last and (last.id, last.status))
        if by != self._suggested_by:
            self._suggested_by = by
            self.read_procedures()

    def on_procedures_pane_read_wanted(self, message: messages.ReadWanted) -> None:
        from widgets.procedures.reading import procedure_lines

        name = message.name
        screen = TextScreen(f"Procedure: {name}", "reading…")
        self.push_screen(screen)
        self.fetch("procedure", lambda: self._load().find(name), lambda found: screen.set_lines(procedure_lines(found)))

    # ── what leads to one ─────────────────────────────────────────────────────────────────────────────────────

    def procedure_for_alert(self, alert: Alert) -> None:
        """Start the procedure that it leads to, its values filled in."""
        from console.engine.procedures.symptoms import suggested

        self._lead(alert.text, lambda library: suggested(self.ctx, library, (alert,)))

    def procedure_for_run(self, run: RunRow) -> None:
        """The one that helps after this run."""
        from console.engine.procedures.symptoms import suggested

        self._lead(f"{run.action} {run.short}: {run.status.value}", lambda it: suggested(self.ctx, it, (), run))

    def procedure_for_file(self, path: str, status: str) -> None:
        """The one that helps with this file."""
        from console.engine.procedures.symptoms import for_file

        self._lead(f"{path}: {status}", lambda library: for_file(self.ctx, library, status, path))

    def procedure_for_probe(self, probe: str, why: str) -> None:
        """The one that helps where this probe does not pass."""
        from console.engine.procedures.symptoms import Suggestion, for_probe

        self._lead(why, lambda library: [Suggestion(each, why) for each in for_probe(library, probe)])

    def _lead(self, why: str, find: Callable[[Library], list[Suggestion]]) -> None:
        def found(led: list[Suggestion]) -> None:
            if not led:
                self.notify("No procedure names this as its symptom; 7 lists all.", markup=False, timeout=5)
            elif len(led) == 1:
                self.start_procedure(led[0].procedure.name, led[0].values)
            else:
                self._ask_procedure(why, led)

        if self.may_guide("Starting a procedure"):
            self.fetch("symptoms", lambda: find(self._load()), found)

    def _ask_procedure(self, why: str, led: Sequence[Suggestion]) -> None:
        choices = [("back", "Back"), *((f"p{at}", each.procedure.title) for at, each in enumerate(led[:6]))]
        ask = AskScreen("Which procedure?", [why, ("Each begins with what is true now.", "dim")], choices)

        def answered(choice: str | None) -> None:
            if choice:
                chosen = led[int(choice[1:])]
                self.start_procedure(chosen.procedure.name, chosen.values)

        self.push_screen(ask, answered)


def said(error: Exception) -> str:
    """An error in a line."""
    return "✗ " + (" · ".join(error.lines()) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}")
