"""ChecklistsFeed: what the pane of checklists wants: what is remembered, a look that shows itself item by item,
sign-offs, acknowledgements, history."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from console.engine.context import for_action
from console.engine.errors import EngineError
from console.tui.messages import Fetched, OverviewRead
from console.tui.screens.dialog import AskScreen, TextScreen
from console.tui.screens.main import PaneMade
from console.tui.work import WorkingApp
from widgets.look import Cell

if TYPE_CHECKING:
    from console.engine.checks.kept import Past, Result, SignOff
    from console.engine.context import Context
    from console.tui.feed import FedApp
    from widgets.checklists import ChecklistsPane

_HISTORY = 200  # lines
_TONES = {"pass": "good", "signed": "good", "acknowledged": "good", "warn": "warn", "fail": "bad", "unknown": "warn"}


class ChecklistsFeed(WorkingApp):
    """The part of the console that feeds the Checklists pane; FedApp inherits it."""

    ctx: Context
    _stop_looking: threading.Event | None = None

    @property
    def _with_lists(self) -> FedApp:
        return self  # type: ignore[return-value]

    @property
    def checklists_pane(self) -> ChecklistsPane | None:
        """The pane, once it was shown."""
        if not self.screen_stack:
            return None
        pane: ChecklistsPane | None = self.screen_stack[0].query_one_optional("#pane-checklists")  # type: ignore[assignment]
        return pane

    def on_pane_made(self, message: PaneMade) -> None:
        pane = self.checklists_pane
        if pane is not None and pane is message.pane:
            pane.zone, pane.now = self._with_lists.time_zone, self.ctx.env.now
            self.read_checklists()

    def on_overview_read(self, message: OverviewRead) -> None:
        """The ledger says something else: perhaps a run has looked, perhaps somebody has signed."""
        if not self.leaving:
            self.read_checklists()

    def read_checklists(self) -> None:
        """What is remembered; nothing where nobody looks."""
        pane = self.checklists_pane
        if pane is None or self._with_lists.configuration_trouble:
            if pane is not None:
                pane.failed("the configuration does not load")
            return
        from console.engine.checks.checklists import remembered_items

        def found(results: list[Result]) -> None:
            # what is being asked now has its answer soon; what a session that only looks has found is nowhere else
            gate = for_action(self.ctx, "migrate").settings.gate
            unkept = {} if not self._with_lists.only_looking else pane.found
            pane.show([unkept.get((r.which, r.item.name), r) for r in results], gate)

        self.fetch(
            "checklists", lambda: remembered_items(self.ctx), found, failed=lambda error: pane.failed(_said(error))
        )

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────

    def on_checklists_pane_look_wanted(self, message: ChecklistsPane.LookWanted) -> None:
        pane, which, names = self.checklists_pane, message.which, message.names
        if pane is None:
            return
        if self._stop_looking is None or self._stop_looking.is_set():
            self._stop_looking = threading.Event()
        stop = self._stop_looking
        pane.looking |= frozenset(names)

        def answered(result: Result) -> None:
            if not stop.is_set():  # it was asked before somebody stopped, and perhaps asked anew since
                pane.answered(result)

        def ended() -> None:
            if not stop.is_set():
                pane.looking -= frozenset(names)

        def work() -> str:
            from console.engine.checks.checklists import ask_items
            from console.engine.checks.kept import keep_results

            asked = []
            for result in ask_items(self.ctx, which, names, cancelled=lambda: self.leaving or stop.is_set()):
                if self.leaving or stop.is_set():
                    return ""  # half a look is no answer
                asked.append(result)
                self.post_message(Fetched(answered, result))
            kept = [result for result in asked if result.item.kind != "sign-off"]
            return keep_results(self.ctx, kept) if kept and not self.ctx.read_only else ""

        def done(unkept: str) -> None:
            ended()
            if unkept:
                self.notify(f"What was found is not kept: {unkept}.", markup=False, timeout=6)

        def failed(error: Exception) -> None:
            ended()
            self.notify(_said(error), title="Checklists", severity="error", markup=False, timeout=12)

        self.fetch("checklist look", work, done, failed)

    def on_checklists_pane_stop_wanted(self, message: ChecklistsPane.StopWanted) -> None:
        if self._stop_looking is not None:
            self._stop_looking.set()
        if self.checklists_pane is not None:
            self.checklists_pane.looking = frozenset()

    # ── signing ───────────────────────────────────────────────────────────────────────────────────────────────

    def on_checklists_pane_sign_wanted(self, message: ChecklistsPane.SignWanted) -> None:
        item = message.result.item
        if item.kind != "sign-off":
            self.notify(
                f"{item.text}: a machine finds that out, nobody signs it. r looks now.", markup=False, timeout=6
            )
        elif self._with_lists.may_change("Signing"):
            says: list[str | Cell] = [message.result.evidence, ("Your name and the note are kept.", "dim")]
            self._ask_note(f"Sign off: {item.text}", says, "Sign it off", item.name, "sign")

    def on_checklists_pane_acknowledge_wanted(self, message: ChecklistsPane.AcknowledgeWanted) -> None:
        if not self._with_lists.may_change("Acknowledging"):
            return
        from console.engine.checks.kept import ACKNOWLEDGE, ERRORS

        found = message.result
        known = found is not None and found.verdict is not None
        says: list[str | Cell] = [
            found.evidence if found is not None and known else "They were not looked at from here."
        ]
        says += [("What the logs have up to now is seen to; a new look begins here.", "dim")]
        says += [(line, "dim") for line in (found.details[:6] if found is not None else ())]
        self._ask_note("Acknowledge the errors of the logs", says, "Acknowledge", ERRORS, ACKNOWLEDGE)

    def _ask_note(self, title: str, says: list[str | Cell], button: str, name: str, kind: str) -> None:
        ask = AskScreen(title, says, [("back", "Back"), ("go", button)], typed="what you looked at, in a few words")

        def answered(choice: str | None) -> None:
            if not choice:
                return
            from console.engine.checks.kept import sign

            note = ask.answer
            self.fetch("signing", lambda: sign(self.ctx, name, note, kind=kind), done)

        def done(made: SignOff) -> None:
            self.notify(f"Kept: {made.by}: {made.note}", markup=False, timeout=4)
            pane = self.checklists_pane
            self.read_checklists()
            if pane is not None and kind != "sign":
                errors = [r for r in pane.results if r.item.probe == "errors"]
                for result in errors:
                    pane.post_message(pane.LookWanted(result.which, (result.item.name,)))

        self.push_screen(ask, answered)

    def on_checklists_pane_override_wanted(self, message: ChecklistsPane.OverrideWanted) -> None:
        """The reason, then the plan of a migrate with the item released; that plan is what starts it."""
        result = message.result
        if not message.holds:
            self.notify(f"No run is held by {result.item.name}.", markup=False, timeout=6)
            return
        app = self._with_lists
        if not app.can_act("migrate"):
            return
        from console.tui.screens.action import override_question
        from console.tui.screens.migrate import MigrateScreen

        ask = override_question(result.item.name, result.evidence, result.next_step)

        def answered(choice: str | None) -> None:
            if choice == "release" and ask.answer:
                screen = MigrateScreen(self.ctx)
                screen.release({result.item.name: ask.answer})
                self.push_screen(screen)

        self.push_screen(ask, answered)

    def on_checklists_pane_procedure_wanted(self, message: ChecklistsPane.ProcedureWanted) -> None:
        item = message.result.item
        self._with_lists.procedure_for_probe(item.probe or item.name, f"{item.text}: {message.result.evidence}")

    # ── reading more ──────────────────────────────────────────────────────────────────────────────────────────

    def on_checklists_pane_detail_wanted(self, message: ChecklistsPane.DetailWanted) -> None:
        result = message.result
        rows = [(result.evidence, "strong"), (result.next_step.replace("`", ""), "accent"), ("", "")]
        rows += [(line, "") for line in result.details] or [("no more is known than that", "dim")]
        self.push_screen(
            TextScreen(f"{result.item.text}: evidence", lines_=[row for row in rows if row[0] or not row[1]])
        )

    def on_checklists_pane_history_wanted(self, message: ChecklistsPane.HistoryWanted) -> None:
        from console.engine.checks.kept import history

        name = message.name
        screen = TextScreen(f"History of {name}", "reading…")
        self.push_screen(screen)
        self.fetch(
            "history",
            lambda: history(self.ctx, name, limit=_HISTORY),
            lambda found: screen.set_lines(_history_lines(found, self._with_lists)),
        )


def _said(error: Exception) -> str:
    return error.sentence() if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"


def _history_lines(found: list[Past], app: FedApp) -> list[tuple[str, str]]:
    from widgets.look import short_time

    rows = []
    for past in found:
        when = short_time(past.at, app.time_zone, app.ctx.env.now())
        run = f", for run {past.run[-4:]}" if past.run else ""
        rows.append((f"{when:>11}  {past.verdict:<12} {past.by}{run}", _TONES.get(past.verdict, "")))
        rows.append((f"             {past.evidence}", ""))
    return rows or [("nothing is kept yet", "dim")]
