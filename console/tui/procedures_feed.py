"""ProceduresFeed: what the Procedures pane lists, the session that is in front, and everything that is done in it, one
thing at a time, in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from console.engine.errors import EngineError
from console.engine.text import count, duration
from console.tui.messages import OverviewRead, RunEnded, RunMoved, SessionsMoved
from console.tui.procedures_leads import ProceduresLeads, said
from console.tui.screens.dialog import AskScreen
from console.tui.screens.main import PaneMade

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.procedures.model import Procedure
    from console.engine.procedures.offers import Offer
    from console.engine.procedures.session import Session
    from console.tui.guiding import Stood
    from widgets.procedures import ProceduresPane, messages
    from widgets.procedures.words import Standing

Cancelled = Callable[[], bool]
Work = Callable[["Session", Cancelled], "Session | Stood"]


class _Job(NamedTuple):
    """Something to be done in the session. what: in words, `looking`. yields: gives way to what somebody asks for
    meanwhile. looks: asks what the step asks. done: gets the session; failed: why it was refused."""

    what: str
    work: Work
    yields: bool = False
    looks: bool = False
    done: Callable[[Stood], object] | None = None
    failed: Callable[[str], object] | None = None
    quiet: bool = False


class ProceduresFeed(ProceduresLeads):
    """The part of FedApp that feeds the Procedures pane."""

    ctx: Context
    _stood: Stood | None = None  # the session in front
    _job: _Job | None = None  # what is being done in it
    _next: _Job | None = None
    _stop: threading.Event | None = None
    _looked: frozenset[tuple[str, str]] = frozenset()  # steps that were looked at by themselves
    _look_again = False  # a look gave way before its end: what it would have said is still to be said
    _moved = False  # somebody wrote meanwhile

    def on_pane_made(self, message: PaneMade) -> None:
        pane = self.procedures_pane
        if pane is None or pane is not message.pane:
            return
        pane.zone, pane.now, pane.read_only = self._guided.time_zone, self.ctx.env.now, self.ctx.read_only
        self.read_procedures()

    async def _shown(self) -> ProceduresPane:
        """The pane, in front."""
        pane = await self._guided.main.show_pane("procedures")
        self.on_pane_made(PaneMade(pane))
        return pane  # type: ignore[return-value]

    def procedures_again(self) -> None:
        """Read the list and the session in front again."""
        pane = self.procedures_pane
        if pane is not None:
            pane.read_only = self.ctx.read_only
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

    # ── beginning, going on, leaving ──────────────────────────────────────────────────────────────────────────

    def on_procedures_pane_start_wanted(self, message: messages.StartWanted) -> None:
        self.start_procedure(message.name, message.values)

    def start_procedure(self, name: str, values: Mapping[str, str]) -> None:
        """A new session, or one of this procedure that is on its way already: that is asked."""
        if not self.may_guide("Starting a procedure"):
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

        self.fetch("procedure", lambda: self._begun(lambda: guide.start(self.ctx, name, values)), self._bring)

    def start_made(self, make: Callable[[], Procedure]) -> None:
        """A new session of a procedure that lies in no folder: a section of a runbook."""
        from console.engine.procedures import guide

        self.fetch("procedure", lambda: self._begun(lambda: guide.start_procedure(self.ctx, make())), self._bring)

    def open_session(self, session: str) -> None:
        """Go on with a session, '' the newest that is on its way; or look at it, where nothing can be written."""
        from console.engine.procedures import guide

        self.fetch("procedure", lambda: self._begun(lambda: guide.resume(self.ctx, session)), self._bring)

    def _begun(self, read: Callable[[], Session]) -> Stood:
        """In a thread: a session as it is now. What is written into it from here on is told."""
        from console.tui.guiding import stand

        if self._guided.watcher is not None:
            self._guided.watcher.guide()
        return stand(self.ctx, read())

    def open_newest_session(self) -> None:
        """From the palette."""
        self.open_session("")

    def on_procedures_pane_open_wanted(self, message: messages.OpenWanted) -> None:
        self.open_session(message.session)

    def _bring(self, stood: Stood) -> None:
        """This session in front, whatever pane is."""

        async def bring() -> None:
            await self._shown()
            self._guided.main.hide_filter()  # of the list; it has done its part
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
        self._look_again = False

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
            if self._next is None or not job.quiet:  # what somebody asked for is not pushed aside by a look
                self._stop.set()
                self._next = job
                self._look_again = self._look_again or self._job.looks
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
            (job.failed or self._tell)(said(answer))
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
        why = said(error)
        if moved and isinstance(error, EngineError):
            why = f"{error.what}. Nothing was done; {where_it_is(stood.standing.session)}"
        (job.failed or self._tell)(why)

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
        from console.tui.guiding import settle, taken_on

        if self._stood is None:
            return
        before = self._stood.standing.session
        view = self.procedures_pane.view if self.procedures_pane is not None else None
        typed = view.typed if view is not None and before.step is not None and before.step.kind == "input" else ""

        def done(stood: Stood) -> None:
            text = taken_on(before, stood.standing.session, typed)
            if view is not None and text:
                view.taken_on(text)

        if before.waiting_run and not self.ctx.read_only:
            work: Work = lambda session, cancelled: settle(self.ctx, guide.reload(self.ctx, session), cancelled)  # noqa: E731
            self.in_session(_Job("", work, yields=True, looks=True, quiet=True, done=done))
        else:
            again: Work = lambda session, _: guide.reload(self.ctx, session)  # noqa: E731
            self.in_session(_Job("", again, yields=True, quiet=True, done=done))

    def _look_by_itself(self) -> None:
        """A step that was just entered is looked at once, so that it shows what is true now."""
        from console.engine.procedures import guide

        if self._stood is None or self.leaving:
            return
        session = self._stood.standing.session
        again, self._look_again = self._look_again, False
        if session.step is None:
            return
        if (session.id, session.entered) in self._looked:
            if again:
                self.look_now(quiet=True)
            return
        self._looked |= {(session.id, session.entered)}
        asked = guide.asked_by(session.step)
        if asked and not any(guide.last_seen(session, what) for what, _ in asked):
            self.look_now(quiet=True)

    def look_now(self, *, quiet: bool = False) -> None:
        """Ask everything that the step asks."""
        from console.tui.guiding import look

        work: Work = lambda session, stop: look(self.ctx, session, stop)  # noqa: E731
        self.in_session(_Job("looking", work, yields=True, looks=True, quiet=quiet))

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
        far = (
            f"{row.done_files * 100 // row.total_files} %  {count(row.done_files)}/{count(row.total_files)}"
            if (row.total_files)
            else row.phase
        )
        if message.seconds_left is not None:
            far += f"  {duration(message.seconds_left)} left"
        pane.view.moving(far)

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
