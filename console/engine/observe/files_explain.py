"""Why a file was, or was not, published: the decision trace of a migrate for one path, from disk and ledger.

Works for any path that exists or that the ledger knows; writes nothing.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from dataclasses import dataclass

from console.engine.actions.migrate.scan import LINK, NO_RULE, NOT_A_FILE, Scanner
from console.engine.context import Context
from console.engine.errors import ConfigurationError, UsageError
from console.engine.ledger.store import reading
from console.engine.model import FileStatus
from console.engine.observe.archives import archived_at
from console.engine.observe.files_detail import FileDetail, Released, find_detail, raw_path, released_from
from console.engine.observe.files_list import Hold, storable
from console.engine.observe.files_near import near_names
from console.engine.observe.files_whole import kept_version, verified
from console.engine.records.model import Verdict
from console.engine.records.rules import RuleSet, load_rules
from console.engine.text import keepable, plural, size


@dataclass(frozen=True, slots=True)
class Step:
    """One question of the trace and its answer, unsanitised."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer. path: the raw file's, relative to the root. published: a copy stands at its destination.

    status: what a migrate would call it now; ignored for what is no data. next_step: what to do, often a
    command.
    verdict: of the remembered failure, with its records.
    """

    path: str
    status: FileStatus
    published: bool
    trace: tuple[Step, ...]
    next_step: str
    verdict: Verdict | None = None


def explain(ctx: Context, given: str) -> Explanation:
    """Explain one path, as an operator types it. Raises UsageError for a path outside the root and for one that
    neither disk nor ledger knows, LedgerError.
    """
    with reading(ctx.workspace.ledger) as connection:
        path = raw_path(ctx, given)
        detail = find_detail(ctx, connection, path) if connection is not None else None
        if detail is None and not (os.path.lexists(ctx.workspace.path(path)) or _seen(connection, path)):
            raise _no_such_file(ctx, path)
        released = released_from(connection, storable(path)) if connection is not None else None
        return _Trace(ctx, path, detail, connection is not None, released).run()


def _seen(connection: sqlite3.Connection | None, path: str) -> bool:
    """Whether the ledger knows it although no run judged it: a sidecar, or what a run could not come to."""
    if connection is None:
        return False
    known = "SELECT EXISTS (SELECT 1 FROM sidecars WHERE path = ?1) OR EXISTS (SELECT 1 FROM outcomes WHERE path = ?1)"
    return bool(connection.execute(known, [storable(path)]).fetchone()[0])


def _no_such_file(ctx: Context, path: str) -> UsageError:
    near = near_names(ctx, path)
    return UsageError(
        "there is no such file, and the ledger never saw one",
        file=path,
        next_step="did you mean " + " or ".join(near) + "?"
        if near
        else "look for a part of its name: `opsconsole state list --filter NAME`",
    )


RELEASE = "`opsconsole state release FILE --reason TEXT` lets the next run have it"


def held_words(hold: Hold) -> str:
    """Who took it back, when, with which run and why, in a clause."""
    return f"taken back by {hold.by} at {hold.at} with run {hold.run} ({hold.reason})"


class _Trace:
    """Asks one question after another until one of them decides."""

    def __init__(
        self, ctx: Context, path: str, detail: FileDetail | None, has_ledger: bool, released: Released | None
    ) -> None:
        self._ctx, self._path, self._detail, self._has_ledger = ctx, path, detail, has_ledger
        self._released = released
        self._steps: list[Step] = []
        self._raw = ctx.settings.zones.raw.rstrip("/") + "/"
        self._relative = path[len(self._raw) :] if path.startswith(self._raw) else ""

    def _say(self, question: str, answer: str) -> None:
        self._steps.append(Step(question, answer))

    def _end(self, status: FileStatus, next_step: str) -> Explanation:
        published = bool(self._detail and self._detail.row.published and self._detail.dest_now is not None)
        verdict = self._detail.verdict if self._detail else None
        return Explanation(self._path, status, published, tuple(self._steps), next_step, verdict)

    def run(self) -> Explanation:
        if not self._relative:
            zones = self._ctx.settings.zones
            self._say("Where does it lie?", f"neither in the raw zone ({zones.raw}) nor in {zones.validated}")
            return self._end(FileStatus.IGNORED, f"only files below {zones.raw} are migrated")
        if "/" in self._relative:
            self._say("Which source is it of?", self._relative.partition("/")[0])
        ended = self._on_disk() or self._is_data()
        if ended is not None:
            return ended
        if self._detail is None:
            return self._unknown()
        return self._known(self._detail)

    # --- the disk --------------------------------------------------------------------------------------

    def _on_disk(self) -> Explanation | None:
        """Whether a plain file with a usable name is there."""
        question = "Is it there?"
        try:
            self._relative.encode()
        except UnicodeEncodeError:
            gone = not os.path.lexists(self._ctx.workspace.path(self._path))
            if gone and (ended := self._archived()) is not None:
                return ended
            self._say(question, "its name is not UTF-8")
            return self._end(FileStatus.FAILED, "rename it in the source system and deliver it again")
        try:
            facts = os.lstat(self._ctx.workspace.path(self._path))
        except (FileNotFoundError, NotADirectoryError):
            return self._absent(question)
        except OSError as error:
            self._say(question, f"it cannot be looked at: {error.strerror}")
            return self._end(FileStatus.FAILED, "see who owns the folders above it: `opsconsole doctor`")
        link = self._linked()
        if stat.S_ISLNK(facts.st_mode) or link:
            self._say(question, LINK + (f": {link}" if link else ""))
            return self._end(FileStatus.IGNORED, "deliver the file itself; links in the raw zone are not followed")
        if stat.S_ISDIR(facts.st_mode):
            self._say(question, "it is a folder")
            return self._end(
                FileStatus.IGNORED, f"`opsconsole state list --filter {self._relative}/` lists what lies in it"
            )
        if not stat.S_ISREG(facts.st_mode):
            self._say(question, NOT_A_FILE)
            return self._end(FileStatus.IGNORED, "deliver a plain file")
        self._say(question, f"yes, {size(facts.st_size)}")
        if not os.access(self._ctx.workspace.path(self._path), os.R_OK, effective_ids=True):
            self._say("Can it be read?", "Permission denied for this user")
        return None

    def _linked(self) -> str:
        """The first folder between the zone and the file that is a link; such folders are not entered."""
        parts = self._relative.split("/")[:-1]
        for number in range(1, len(parts) + 1):
            folder = self._raw + "/".join(parts[:number])
            if os.path.islink(self._ctx.workspace.path(folder)):
                return folder
        return ""

    def _absent(self, question: str) -> Explanation:
        self._say(question, "no such file in the raw zone")
        if (ended := self._archived()) is not None:
            return ended
        if self._detail is None:
            self._say("What does the ledger say?", "a run met it, and none judged it")
            return self._end(FileStatus.MISSING, "deliver it again if it should be there")
        row = self._detail.row
        self._history(self._detail)
        bad = self._whole(self._detail)
        stays = "; its published copy stays" if row.published and self._detail.dest_now else ""
        self._say("What does that mean?", "its source vanished after it was judged" + stays)
        if bad:
            return self._end(FileStatus.MISSING, "`opsconsole verify --repair` shows what it can put back, from where")
        if stays:
            step = "`opsconsole verify`, then `opsconsole verify --repair`: its published copy may give it back"
            return self._end(FileStatus.MISSING, f"{step}; or deliver it again")
        return self._end(
            FileStatus.MISSING, "deliver it again if it should be there; a copy is never removed by itself"
        )

    def _archived(self) -> Explanation | None:
        """Where its source lies now, by whom and why, and what that means for its published copy."""
        with reading(self._ctx.workspace.ledger) as connection:
            found = archived_at(connection, keepable(self._path)) if connection is not None else None
        detail = self._detail
        if found is None:
            if detail is None or detail.row.status != FileStatus.ARCHIVED:
                return None
            self._say("What does the ledger say?", "its source was archived")
            return self._end(FileStatus.ARCHIVED, "nothing to do: the published copy stays")
        self._say("What does the ledger say?", f"archived as {found.label} by {found.who}, run {found.run}")
        self._say("Why?", found.reason)
        there = os.path.lexists(self._ctx.workspace.path(found.place))
        self._say("Where does it lie now?", found.place if there else f"no longer at {found.place}, where it was put")
        if detail is not None and detail.row.published:
            self._copy(detail)
            return self._end(FileStatus.ARCHIVED, "nothing to do: the published copy stays")
        self._say("Is it published?", "no: it never was, or its copy was withdrawn")
        return self._end(FileStatus.ARCHIVED, f"`opsconsole archive restore {found.label}` brings it back")

    # --- the configuration -----------------------------------------------------------------------------

    def _is_data(self) -> Explanation | None:
        """Whether it is data, and what judges it."""
        ctx = self._ctx
        try:
            rules = load_rules(ctx.workspace.root, ctx.settings)
        except ConfigurationError as error:
            self._say("Which rule judges it?", str(error))
            return self._end(FileStatus.FAILED, error.next_step or f"correct {ctx.settings.path}")
        if os.path.basename(self._path) == ctx.settings.sidecar.name:
            return self._sidecar(rules)
        suffix = os.path.splitext(self._path)[1].lower()
        reason = Scanner(str(ctx.workspace.root), ctx.settings, rules, None).ignored(self._relative, suffix)
        known = self._detail is not None
        if reason:
            told = f"no: {reason}" + ("; but it was published before, so it is still looked at" if known else "")
            self._say("Is it data?", told)
            if not known:
                return self._end(
                    FileStatus.IGNORED, f"if it is data, change `ignore` or `suffixes` in {ctx.settings.path}"
                )
        else:
            self._say("Is it data?", "yes")
        rule = rules.rule_for(self._relative)
        if rules.problems:
            problem = rules.problems[0]
            self._say(
                "Do the rules load?", f"no: {problem.what} ({problem.file}{', ' * bool(problem.key)}{problem.key})"
            )
            if not known:
                step = problem.next_step or f"correct {problem.file}"
                return self._end(FileStatus.NEW, f"{step}; nothing is judged until then")
        if rule is None:
            self._say("Which rule judges it?", "one that does not load" if rules.problems else NO_RULE)
            if not known:
                return self._end(FileStatus.IGNORED, f"add a rule for it to {ctx.settings.path}")
            return None
        judged = f"{rule.name} (rule {rule.index + 1}, `{rule.setting.match}`)"
        self._say("Which rule judges it?", judged)
        if self._detail and self._detail.rule_fingerprint and self._detail.rule_fingerprint != rule.fingerprint:
            self._say("Is that the rule that judged it last?", "no: the rule has changed since")
        return None

    def _sidecar(self, rules: RuleSet) -> Explanation:
        self._say("Is it data?", "no: a sidecar, which goes with the first data file of its folder")
        with reading(self._ctx.workspace.ledger) as connection:
            row = (
                connection.execute("SELECT * FROM sidecars WHERE path = ?", [self._path]).fetchone()
                if connection is not None
                else None
            )
        self._hold()
        if self._detail is not None and self._detail.row.status == FileStatus.HELD:
            return self._end(FileStatus.HELD, RELEASE)
        if row is None:
            self._say("Was it copied?", "no: no data file of its folder was published yet")
            return self._end(FileStatus.NEW, "it goes with the next data file that passes")
        self._say("Was it copied?", f"yes, to {row['dest']}")
        if row["problem"]:
            self._say("What does its own schema say?", row["problem"])
        return self._end(FileStatus.PROCESSED, "nothing to do")

    # --- the ledger ------------------------------------------------------------------------------------

    def _unknown(self) -> Explanation:
        self._hold()
        self._say(
            "What does the ledger say?", "nothing: no run has judged it" if self._has_ledger else "there is none yet"
        )
        return self._end(FileStatus.NEW, "`opsconsole migrate` judges it and publishes it if it passes")

    def _history(self, detail: FileDetail) -> None:
        last = detail.history[0] if detail.history else None
        if last is not None and detail.failure_kind:
            self._say("What did runs do with it?", f"{last.outcome.value} by {last.run}")
        elif last is not None:
            self._say(
                "What did runs do with it?",
                f"{last.outcome.value} by {last.run}" + (f": {last.reason}" if last.reason else ""),
            )
        elif detail.row.status == FileStatus.ADOPTED:
            self._say("What did runs do with it?", "adopted: another program published it, we never judged it")

    def _known(self, detail: FileDetail) -> Explanation:
        row = detail.row
        self._history(detail)
        self._hold()
        if row.published:
            self._copy(detail)
        if self._whole(detail):
            return self._end(FileStatus.DAMAGED, "`opsconsole verify --repair` shows what it can put back, from where")
        if not detail.mirrored and row.published:
            self._say("Is it in the state file?", "no, its entry was taken out: it counts as not processed")
        if detail.failure_kind:
            return self._failed(detail)
        if row.status == FileStatus.CHANGED:
            self._say("Has it changed since?", "yes, size, time or inode is another")
            return self._end(row.status, "`opsconsole migrate` reads it again")
        if row.status == FileStatus.MISSING:
            return self._end(row.status, "`opsconsole migrate` publishes it again")
        if row.status == FileStatus.ARCHIVED:
            self._say("What does the ledger say?", "its source was archived, and stands here again")
            return self._end(row.status, "`opsconsole migrate` judges it again")
        if row.status == FileStatus.HELD:
            return self._end(row.status, RELEASE)
        if row.status == FileStatus.NEW:
            return self._end(row.status, "`opsconsole migrate` judges it again; the same bytes are not rewritten")
        if row.status == FileStatus.STALE:
            self._say("Is that verdict of today's rule?", "no, the rule has changed since it was judged")
            return self._end(row.status, "`opsconsole reprocess --stale-schema` judges it by today's rule")
        if row.status == FileStatus.ADOPTED:
            return self._end(row.status, "`opsconsole reprocess --adopted` judges it")
        self._say("Has it changed since?", "no: it is already processed and no run reads it again")
        return self._end(row.status, "nothing to do; `opsconsole migrate --checksum` reads everything")

    def _hold(self) -> None:
        """Whether a rollback holds it, and whether somebody let it go."""
        row, released = self._detail.row if self._detail else None, self._released
        if row is not None and row.hold is not None:
            said = held_words(row.hold)
            if row.status == FileStatus.HELD:
                self._say("Is it held?", f"yes, {said}; no run publishes it until source or rule changes")
            else:
                self._say("Is it held?", f"no longer: it was {said}, and its source or its rule changed since")
        if released is not None:
            self._say("Was it released?", f"yes, by {released.by} at {released.at}: {released.reason}")

    def _copy(self, detail: FileDetail) -> None:
        question = "Is its published copy there?"
        if detail.dest_now is None:
            self._say(question, f"no: {detail.row.dest} is missing")
        elif detail.dest_now != detail.dest_then:
            self._say(question, f"{detail.row.dest} was changed by somebody else since")
        else:
            self._say(question, f"yes, {detail.row.dest}")

    def _whole(self, detail: FileDetail) -> bool:
        """What verify found of the file and its copy; whether one of them is damaged or missing."""
        found = verified(self._ctx, (self._path, detail.row.dest) if detail.row.published else (self._path,))
        for place in found:
            self._say("Is it whole?", place.sentence)
        kept = kept_version(detail.history)
        if kept:
            self._say("Is an earlier version kept?", f"yes, {kept}")
        return any(place.bad for place in found)

    def _failed(self, detail: FileDetail) -> Explanation:
        """The remembered failure, and whether it still stands."""
        row = detail.row
        reason = detail.verdict.reason() if detail.verdict else row.reason
        self._say("Did it pass?", f"no: {reason or detail.failure_kind}")
        if detail.failing_since:
            self._say("Since when?", f"since run {detail.failing_since}")
        if row.status == FileStatus.CHANGED:
            self._say("Has it changed since?", "yes: the next run reads it again")
            return self._end(FileStatus.CHANGED, "`opsconsole migrate`")
        accepted = detail.accepted
        if accepted is not None and accepted.valid:
            until = f" until {accepted.until}" if accepted.until else ""
            self._say("Has somebody answered for it?", f"{accepted.by} at {accepted.at}{until}: {accepted.reason}")
            return self._end(FileStatus.ACCEPTED, "nothing to do until its source or its rule changes")
        if accepted is not None:
            self._say("Has somebody answered for it?", f"{accepted.by}, but only until {accepted.until}")
        if detail.failure_kind == "damaged":
            step = "`opsconsole verify`, then `opsconsole verify --repair` puts it back where a good copy is left"
            return self._end(FileStatus.DAMAGED, f"the disk changed its bytes behind its back: {step}")
        shown = plural(row.failed_records, "failing record")
        step = f"correct it in the source system and deliver a new version ({shown}); or `opsconsole failures accept`"
        return self._end(row.status, step)
