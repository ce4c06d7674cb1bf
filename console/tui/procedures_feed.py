"""ProceduresFeed: what the Procedures pane lists, the session that is in front, and everything that is done in it, one
thing at a time, in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from console.engine.errors import EngineError
from console.engine.model import RunStatus
from console.engine.text import count, duration
from console.tui.messages import OverviewRead, RunEnded, RunMoved, SessionsMoved
from console.tui.screens.dialog import AskScreen, TextScreen
from console.tui.screens.main import PaneMade
from console.tui.work import WorkingApp

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.model import RunRow
    from console.engine.observe.alerts import Alert
    from console.engine.procedures.load import Library
    from console.engine.procedures.offers import Offer
    from console.engine.procedures.session import Session
    from console.tui.feed import FedApp
    from console.tui.guiding import Stood
    from console.tui.symptoms import Led
    from widgets.procedures import ProceduresPane, messages
    from widgets.procedures.words import Standing

Cancelled = Callable[[], bool]
Work = Callable[["Session", Cancelled], "Session | Stood"]
Found = tuple["Library", "list[Session]", "list[Led]"]


class _Job(NamedTuple):
    """Something to be done in the session. what: in words, `looking`. yields: gives way to what somebody asks for
    meanwhile. done: gets the session; failed: why it was refused."""

    what: str
    work: Work
    yields: bool = False
    done: Callable[[Stood], object] | None = None
    failed: Callable[[str], object] | None = None
    quiet: bool = False


class ProceduresFeed(WorkingApp):
    """The part of FedApp that feeds the Procedures pane."""

    ctx: Context
    _stood: Stood | None = None  # the session in front
    _job: _Job | None = None  # what is being done in it
    _next: _Job | None = None
    _stop: threading.Event | None = None
    _looked: frozenset[tuple[str, str]] = frozenset()  # steps that were looked at by themselves
    _moved = False  # somebody wrote meanwhile
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

    def on_pane_made(self, message: PaneMade) -> None:
        pane = self.procedures_pane
        if pane is None or pane is not message.pane:
            return
        pane.zone, pane.now, pane.read_only = self._guided.time_zone, self.ctx.env.now, self._guided.only_looking
        if self._guided.watcher is not None:
            self._guided.watcher.guided = True
        self.read_procedures()

    async def _shown(self) -> ProceduresPane:
        """The pane, in front."""
        pane = await self._guided.main.show_pane("procedures")
        self.on_pane_made(PaneMade(pane))
        return pane  # type: ignore[return-value]

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
        app = self._guided
        alerts = app.alerts_now
        last = next((run for run in app.runs_now if run.status != RunStatus.RUNNING), None)

        def read() -> Found:
            from console.engine.procedures.journal import sessions
            from console.tui.symptoms import suggested

            library = self._load()
            return library, sessions(self.ctx), suggested(library, alerts, last)

        def found(answer: Found) -> None:
            pane.show(*answer)
            again()

        def failed(error: Exception) -> None:
            pane.failed(_said(error))
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

    def suggest_again(self) -> None:
        """The alerts or the last run may be others by now."""
        if self.procedures_pane is None:
            return
        last = next((run for run in self._guided.runs_now if run.status != RunStatus.RUNNING), None)
        by = (self._guided.alerts_now, last and (last.id, last.status))
        if by != self._suggested_by:
            self._suggested_by = by
            self.read_procedures()

    def procedures_again(self) -> None:
        """Read the list and the session in front again."""
        pane = self.procedures_pane
        if pane is not None:
            pane.read_only = self._guided.only_looking
            self.read_procedures()
            self.session_again()

    def on_sessions_moved(self, message: SessionsMoved) -> None:
        if self.leaving:
            return
        if self._stood is None:
            self.read_procedures()
        elif self._job is not None:
            self._moved = True
        else:
            self.session_again()

    def on_procedures_pane_read_wanted(self, message: messages.ReadWanted) -> None:
        from widgets.procedures.reading import procedure_lines

        name = message.name
        screen = TextScreen(f"Procedure: {name}", "reading…")
        self.push_screen(screen)
        self.fetch("procedure", lambda: self._load().find(name), lambda found: screen.set_lines(procedure_lines(found)))

    # ── beginning, going on, leaving ──────────────────────────────────────────────────────────────────────────

    def on_procedures_pane_start_wanted(self, message: messages.StartWanted) -> None:
        self.start_procedure(message.name, message.values)

    def start_procedure(self, name: str, values: Mapping[str, str]) -> None:
        """A new session, or one of this procedure that is on its way already: that is asked."""
        if not self._guided.may_change("Starting a procedure"):
            return

        def found(going: list[Session]) -> None:
            if going:
                self._ask_which(name, values, going)
            else:
                self._begin(name, values)

        from console.tui.guiding import open_sessions

        self.fetch("sessions", lambda: open_sessions(self.ctx, name), found)

    def _ask_which(self, name: str, values: Mapping[str, str], going: Sequence[Session]) -> None:
        from console.tui.guiding import where_it_is
        from widgets.look import short_time

        app, first = self._guided, going[0]
        last = first.last_by
        says: list[str | tuple[str, str]] = [f"{each.short}: {where_it_is(each)}" for each in going[:4]]
        if last is not None:
            says.append((f"last {last.by}, {short_time(last.at, app.time_zone, self.ctx.env.now())}", "dim"))
        says.append(("What is on its way is gone on with where it stands; a new one begins at its first step.", "dim"))
        choices = [("back", "Back"), ("new", "Start a new one"), ("open", f"Go on with {first.short}")]
        ask = AskScreen(f"{first.procedure.title} is on its way", says, choices)

        def answered(choice: str | None) -> None:
            if choice == "new":
                self._begin(name, values)
            elif choice == "open":
                self.open_session(first.id)

        self.push_screen(ask, answered)

    def _begin(self, name: str, values: Mapping[str, str]) -> None:
        from console.engine.procedures import guide
        from console.tui.guiding import stand

        self.fetch("procedure", lambda: stand(self.ctx, guide.start(self.ctx, name, values)), self._bring)

    def open_session(self, session: str) -> None:
        """Go on with a session, '' the newest that is on its way; or look at it, where nothing can be written."""
        from console.engine.procedures import guide
        from console.tui.guiding import stand

        self.fetch("procedure", lambda: stand(self.ctx, guide.resume(self.ctx, session)), self._bring)

    def open_newest_session(self) -> None:
        """From the palette."""
        self.open_session("")

    def on_procedures_pane_open_wanted(self, message: messages.OpenWanted) -> None:
        self.open_session(message.session)

    def _bring(self, stood: Stood) -> None:
        """This session in front, whatever pane is."""

        async def bring() -> None:
            await self._shown()
            self._forget_job()
            self._take(stood, keys=len(self.screen_stack) == 1)

        self.call_later(bring)

    def leave_session(self) -> None:
        """Back to the list; what is being looked at is dropped."""
        self._forget_job()
        self._stood = None
        pane = self.procedures_pane
        if pane is not None:
            pane.show_session(None)
        self._guided.fill_status()
        self.read_procedures()

    def _forget_job(self) -> None:
        if self._stop is not None:
            self._stop.set()
        self._job = self._next = None

    @property
    def session_word(self) -> str:
        """For the status line: the session one is in, and how far."""
        from console.tui.guiding import kept_words

        return kept_words(self._stood.standing.session) if self._stood is not None else ""

    @property
    def standing(self) -> Standing | None:
        """The session in front."""
        return self._stood.standing if self._stood is not None else None

    # ── one thing after the other ─────────────────────────────────────────────────────────────────────────────

    def in_session(self, job: _Job) -> None:
        """Do it in the session in front. A look gives way; what is being done otherwise is not done twice."""
        if self._stood is None:
            return
        if self._job is None:
            self._do(job)
        elif self._job.yields and self._stop is not None:
            self._stop.set()
            self._next = job
        elif not job.quiet:
            (job.failed or self._tell)(f"wait: {self._job.what}…")

    def _do(self, job: _Job) -> None:
        from console.tui.guiding import work_on

        assert self._stood is not None
        session = self._stood.standing.session
        stop = self._stop = threading.Event()
        self._job = job
        if self.procedures_pane is not None and job.what:
            self.procedures_pane.view.working(f"{job.what}…" + ("  Esc leaves" if job.yields else ""))

        def ended(answer: Stood | Exception) -> None:
            if self._job is job and self._stop is stop:
                self._ended(job, answer)

        cancelled: Cancelled = lambda: self.leaving or stop.is_set()  # noqa: E731
        self.fetch("step", lambda: work_on(self.ctx, session, lambda it: job.work(it, cancelled)), ended, ended)

    def _ended(self, job: _Job, answer: Stood | Exception) -> None:
        self._job = None
        pane = self.procedures_pane
        if pane is None:
            return
        pane.view.working("")
        if isinstance(answer, Exception):
            (job.failed or self._tell)(_said(answer))
        else:
            self._take(answer)
            self._say_what_came(job, answer)
        following, self._next = self._next, None
        if following is not None:
            self.in_session(following)
        elif self._moved:
            self._moved = False
            self.session_again()
        elif self._job is None:
            self._look_by_itself()

    def _say_what_came(self, job: _Job, stood: Stood) -> None:
        from console.engine.procedures.journal import MovedOnError
        from console.tui.guiding import where_it_is

        error = stood.error
        if error is None:
            if job.done is not None:
                job.done(stood)
            return
        moved = isinstance(error, MovedOnError)
        if moved and job.quiet:
            return
        said = _said(error)
        if moved and isinstance(error, EngineError):
            said = f"{error.what}. Nothing was done; {where_it_is(stood.standing.session)}"
        (job.failed or self._tell)(said)

    def _tell(self, text: str, tone: str = "warn") -> None:
        pane = self.procedures_pane
        if pane is not None:
            pane.view.tell(text, tone)

    def _take(self, stood: Stood, *, keys: bool = False) -> None:
        """The session as it is now."""
        first = self._stood is None or self._stood.standing.session.id != stood.standing.session.id
        if not first and self._stood is not None and not stood.standing.seen:
            before = self._stood.standing
            if before.seen and before.session.entered == stood.standing.session.entered:  # what only this console saw
                stood = stood.with_seen(before.seen)
        self._stood = stood
        pane = self.procedures_pane
        if pane is None:
            return
        pane.show_session(stood.standing, keys=keys)
        self._guided.fill_status()
        if first and self._job is None:
            self._look_by_itself()

    def session_again(self) -> None:
        """Read it anew: somebody has written, or a run has ended."""
        from console.engine.procedures import guide
        from console.tui.guiding import settle

        if self._stood is None:
            return
        if self._stood.standing.session.waiting_run and not self._guided.only_looking:
            work: Work = lambda session, cancelled: settle(self.ctx, guide.reload(self.ctx, session), cancelled)  # noqa: E731
            self.in_session(_Job("", work, yields=True, quiet=True))
        else:
            self.in_session(_Job("", lambda session, _: guide.reload(self.ctx, session), yields=True, quiet=True))

    def _look_by_itself(self) -> None:
        """A step that was just entered is looked at once, so that it shows what is true now."""
        from console.engine.procedures import guide

        if self._stood is None or self.leaving:
            return
        session = self._stood.standing.session
        if session.step is None or (session.id, session.entered) in self._looked:
            return
        self._looked |= {(session.id, session.entered)}
        asked = guide.asked_by(session.step)
        if asked and not any(guide.last_seen(session, what) for what, _ in asked):
            self.look_now(quiet=True)

    def look_now(self, *, quiet: bool = False) -> None:
        """Ask everything that the step asks."""
        from console.tui.guiding import look

        self.in_session(_Job("looking", lambda session, stop: look(self.ctx, session, stop), yields=True, quiet=quiet))

    # ── runs ──────────────────────────────────────────────────────────────────────────────────────────────────

    def on_overview_read(self, message: OverviewRead) -> None:
        """A run that ended before anybody followed it."""
        if self._stood is not None and self._stood.standing.session.waiting_run and not self.leaving:
            self.session_again()

    def on_run_ended(self, message: RunEnded) -> None:
        if self._stood is not None and not self.leaving:
            if self.procedures_pane is not None:
                self.procedures_pane.view.moving("")
            self.session_again()

    def on_run_moved(self, message: RunMoved) -> None:
        row, pane = message.run, self.procedures_pane
        if pane is None or self._stood is None or self._stood.standing.session.waiting_run != row.id:
            return
        said = (
            f"{row.done_files * 100 // row.total_files} %  {count(row.done_files)}/{count(row.total_files)}"
            if (row.total_files)
            else row.phase
        )
        if message.seconds_left is not None:
            said += f"  {duration(message.seconds_left)} left"
        pane.view.moving(said)

    # ── what symptoms lead to ─────────────────────────────────────────────────────────────────────────────────

    def procedure_for_alert(self, alert: Alert) -> None:
        """Start the procedure that it leads to, its values filled in."""
        from console.tui.symptoms import of_alert

        self._lead(of_alert(alert), alert.text, {"run": alert.run})

    def procedure_for_run(self, run: RunRow) -> None:
        from console.tui.symptoms import of_run

        self._lead(of_run(run), f"{run.action} {run.short} ended as {run.status.value}", {"run": run.id})

    def procedure_for_probe(self, probe: str, why: str) -> None:
        self._lead((f"probe:{probe}",), why, {})

    def procedure_for_file(self, path: str, source: str, cause: str) -> None:
        self._lead(("file:failing",), f"{path} fails", {"file": path, "source": source, "cause": cause})

    def _lead(self, symptoms: Sequence[str], why: str, values: Mapping[str, str]) -> None:
        from console.tui.symptoms import led_to

        def found(led: list[Led]) -> None:
            if not led:
                self.notify("No procedure names this as its symptom; 7 lists all.", markup=False, timeout=5)
            elif len(led) == 1:
                self.start_procedure(led[0][0], led[0][2])
            else:
                self._ask_procedure(why, led)

        known = {name: value for name, value in values.items() if value}
        self.fetch("symptoms", lambda: led_to(self._load(), symptoms, why, known), found)

    def _ask_procedure(self, why: str, led: Sequence[Led]) -> None:
        titles = self._library[1].procedures if self._library is not None else {}
        choices = [("back", "Back"), *((f"p{at}", titles[name].title) for at, (name, _, _) in enumerate(led[:6]))]
        ask = AskScreen("Which procedure?", [why, ("Each begins with what is true now.", "dim")], choices)

        def answered(choice: str | None) -> None:
            if choice:
                name, _, values = led[int(choice[1:])]
                self.start_procedure(name, values)

        self.push_screen(ask, answered)

    # ── offers ────────────────────────────────────────────────────────────────────────────────────────────────

    def on_procedures_pane_offers_wanted(self, message: messages.OffersWanted) -> None:
        pane, text = self.procedures_pane, message.text
        step = self._stood.standing.session.step if self._stood is not None else None
        if pane is None or step is None or step.kind != "input":
            return
        of = step.of

        def read() -> list[Offer]:
            from console.engine.procedures.offers import offers

            known = offers(self.ctx, of, like=text)
            if any(value == text for value, _ in known):
                return offers(self.ctx, of)  # it is chosen already: all others are shown beside it
            return known

        self.fetch("offers", read, lambda found: pane.view.show_offers(text, found), lambda error: None)


def _said(error: Exception) -> str:
    return "✗ " + (" · ".join(error.lines()) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}")
