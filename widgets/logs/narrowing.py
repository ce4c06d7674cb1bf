"""NarrowingPane: what is shown of a log, what is looked for in it, and jumps to a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from textual import events, on, work

from console.engine.observe.logs_about import RunSpan, about_line, as_written
from console.engine.observe.logs_conditions import Condition, Narrowing
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_rows import Place
from console.engine.observe.logs_search import Search
from console.engine.observe.logs_times import parse_when
from console.engine.observe.logs_view import Row
from widgets.logs.bars import LogBar
from widgets.logs.messages import RunFound
from widgets.logs.moving import MovingPane
from widgets.logs.prompt import Prompt
from widgets.logs.words import LEVELS


class NarrowingPane(MovingPane):
    """Filters, search, time."""

    def show_only(self, narrowing: Narrowing) -> None:
        """Put these filters in force instead of those before; the line under the cursor stays in sight."""
        self._narrowing = narrowing
        row = self._row()
        self._feed.narrow(narrowing, row.before if row is not None and not self._page.follow else None)
        self._draw()

    def action_level(self, step: int) -> None:
        """The next level of the filter."""
        least = self._narrowing.least
        at = LEVELS.index(least) if least in LEVELS else 0
        self.show_only(replace(self._narrowing, least=LEVELS[(at + step) % len(LEVELS)]))

    def action_everything(self) -> None:
        """No filter at all."""
        self.show_only(Narrowing())

    def action_invert(self) -> None:
        """The newest filter turned round."""
        if self._narrowing.conditions:
            self.show_only(self._narrowing.inverted())
        else:
            self._problem("there is no filter to turn round; & adds one")

    def action_less(self) -> None:
        """Without the newest filter."""
        self.show_only(self._narrowing.without_newest())

    @on(LogBar.LevelClicked)
    def _level_clicked(self) -> None:
        self.action_level(1)

    # -- what is typed ---------------------------------------------------------------------------------------

    def action_search(self) -> None:
        self._set_mode("prompt")
        before = self._search
        self.query_one(Prompt).begin("find", before.text if before else "", regex=before.regex if before else None)

    def action_filter(self) -> None:
        self._set_mode("prompt")
        self.query_one(Prompt).begin("filter")

    def action_time(self) -> None:
        self._set_mode("prompt")
        self.query_one(Prompt).begin("time", check=lambda text: self._called(self._when(text)))

    def _when(self, text: str) -> datetime:
        row = self._row()
        near = self._time_of(row) if row is not None else None
        return parse_when(text, self._now(), near, self._zone)

    def _called(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).strftime("%a %Y-%m-%d %H:%M:%S %Z")

    def _time_of(self, row: Row) -> datetime | None:
        file = self._page.file
        written = file.mtime if file is not None and file.mtime else self._now().timestamp()
        moment = self._feed.clock.of(row.line.head, written) if row.line is not None else None
        return datetime.fromtimestamp(moment, UTC) if moment is not None else None

    @on(Prompt.Typed)
    def _typed(self, message: Prompt.Typed) -> None:
        message.stop()
        if self._mode == "prompt":
            self._ask(message.what, message.problem, message.hint)

    @on(Prompt.Left)
    def _left_prompt(self, message: Prompt.Left) -> None:
        message.stop()
        self.action_back()

    @on(Prompt.Asked)
    def _asked(self, message: Prompt.Asked) -> None:
        message.stop()
        self.action_back()
        if message.purpose == "find":
            self._search = message.search
            if message.search is None:
                self._feed.forget_mark()
            else:
                self._look(message.search, backward=self._page.follow, here=True)
        elif message.purpose == "filter" and message.search is not None:
            self.show_only(self._narrowing.with_condition(Condition(message.search, message.invert)))
        elif message.purpose == "time" and message.text:
            moment = self._when(message.text)
            self._feed.go_to_time(moment.timestamp(), self._called(moment))
        elif message.purpose == "save" and message.text:
            self._save_as(message.text)
        self._draw()

    @on(Prompt.Behind)
    def _behind(self, message: Prompt.Behind) -> None:
        message.stop()
        key = message.key
        # made by the app: a key that this pane sent would stop on its way up from the rows to this pane
        self.app.call_later(lambda: self.app.post_message(events.Key(key.key, key.character)))

    def _save_as(self, path: str) -> None:
        raise NotImplementedError

    def action_back(self) -> None:
        raise NotImplementedError

    # -- looking ---------------------------------------------------------------------------------------------

    def action_again(self, backward: bool) -> None:
        """Next or previous match."""
        if self._search is None:
            self.action_search()
        else:
            following = self._page.follow
            self._look(self._search, backward=backward or following, here=following)

    def action_error(self, backward: bool) -> None:
        """Next or previous error."""
        following = self._page.follow  # nothing is below the end: the newest error is meant
        self._look(Level.ERROR, backward=backward or following, here=following)

    def _look(self, what: Search | Level, *, backward: bool, here: bool = False) -> None:
        start = self._start(backward, here=here)
        if start is not None:
            self._feed.find(what, start, backward)

    def _start(self, backward: bool, *, here: bool = False) -> Place | None:
        """Where to look from: behind or before the cursor's line; with `here` that line counts too."""
        row = self._row()
        if row is None:
            return None
        return row.before if backward != here else row.behind

    # -- one run, one file -----------------------------------------------------------------------------------

    def action_only_file(self) -> None:
        """Only lines about the file of this line; or no longer only those."""
        row = self._row()
        file = about_line(row.line.head).file if row is not None and row.line is not None else ""
        if file and row is not None and row.line is not None:
            search = Search(as_written(row.line.head, file))
            self.show_only(self._narrowing.with_condition(Condition(search, kind="file")))
        elif not self._taken_off("file"):
            self._problem("this line names no file")

    def _taken_off(self, kind: str) -> bool:
        """Whether there was such a filter; there is none any more."""
        kept = tuple(each for each in self._narrowing.conditions if each.kind != kind)
        if len(kept) == len(self._narrowing.conditions):
            return False
        self.show_only(replace(self._narrowing, conditions=kept))
        return True

    def action_only_run(self) -> None:
        """Only lines of the run of this line; or no longer only those."""
        if not self._taken_off("run"):
            self._seek_run("filter")

    def _seek_run(self, purpose: str) -> None:
        """Find the run that the line under the cursor is of; then RunFound."""
        row = self._row()
        if row is None or row.line is None:
            return
        run = about_line(row.line.head).run or (self._page.file.run if self._page.file is not None else "")
        moment = self._time_of(row)
        self._look_up(purpose, run, moment.timestamp() if moment is not None else None)

    @work(thread=True, exclusive=True, exit_on_error=False, group="logs-run")
    def _look_up(self, purpose: str, run: str, moment: float | None) -> None:
        span: RunSpan | None = None
        problem = ""
        if self._find_run is not None and (run or moment is not None):
            try:
                span = self._find_run(run, moment or 0.0)
            except Exception as error:  # noqa: BLE001 - said, as everything that goes wrong
                problem = str(error)
        if span is None and run:
            span = RunSpan(run, 0.0, 0.0)
        self.post_message(RunFound(purpose, span, problem))

    @on(RunFound)
    def _run_found(self, message: RunFound) -> None:
        message.stop()
        span = message.span
        if span is None:
            self._problem(message.problem or "no run is known that was active when this line was written")
        elif message.purpose == "filter":
            condition = Condition(Search(span.id), kind="run", since=span.since, until=span.until)
            self.show_only(self._narrowing.with_condition(condition))
        else:
            self._go_to_run(span.id)

    def _go_to_run(self, run: str) -> None:
        raise NotImplementedError
