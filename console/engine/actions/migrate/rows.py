"""What a migrate writes into the ledger: published files, failures with their causes, outcomes."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

import orjson

from console.engine.actions.change.rows import remember_former
from console.engine.actions.migrate.model import Staged
from console.engine.model import Outcome
from console.engine.records.rules import RuleSet
from console.engine.runs.active import ActiveRun, timestamp
from console.engine.text import recordable
from console.engine.transfer.publish import PublishItem

_FILE = (
    "INSERT INTO files (path, source, status, dest, size, mtime_ns, inode, sha256, rule, records, format, columns,"
    " warnings, processed_at, judged_run, run, dest_size, dest_mtime_ns, dest_inode, mirrored)"
    " VALUES (?, ?, 'processed', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)"
    " ON CONFLICT (path) DO UPDATE SET source = excluded.source, status = 'processed', dest = excluded.dest,"
    " size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode, sha256 = excluded.sha256,"
    " rule = excluded.rule, records = excluded.records, format = excluded.format, columns = excluded.columns,"
    " warnings = excluded.warnings, processed_at = excluded.processed_at, judged_run = excluded.judged_run,"
    " run = excluded.run, dest_size = excluded.dest_size, dest_mtime_ns = excluded.dest_mtime_ns,"
    " dest_inode = excluded.dest_inode, mirrored = 1"
)
_SIDECAR = (
    "INSERT INTO sidecars (path, source, dest, size, mtime_ns, inode, sha256, problem, run)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET dest = excluded.dest,"
    " size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode, sha256 = excluded.sha256,"
    " problem = excluded.problem, run = excluded.run"
)
_FAILURE = (
    "INSERT INTO failures (path, source, size, mtime_ns, inode, sha256, rule, kind, first_run, last_run, failed_at,"
    " records, failed_records, errors, verdict) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode,"
    " sha256 = excluded.sha256, rule = excluded.rule, kind = excluded.kind, last_run = excluded.last_run,"
    " failed_at = excluded.failed_at, records = excluded.records, failed_records = excluded.failed_records,"
    " errors = excluded.errors, verdict = excluded.verdict, accepted_by = NULL, accepted_at = NULL,"
    " accepted_reason = NULL, accepted_until = NULL RETURNING id"
)
_FAILED = {
    "damaged": Outcome.DAMAGED,
    "changed-while-read": Outcome.CHANGED_WHILE_READ,
    "changed-since-plan": Outcome.CHANGED_SINCE_PLAN,
}


class Record(NamedTuple):
    """What the ledger will say of a staged file; kept in the intent, so that recovery can say it too."""

    kind: str  # staged | sidecar
    size: int
    mtime_ns: int
    inode: int
    dest_identity: tuple[int, int, int]
    rule: int | None
    records: int
    format: str
    columns: tuple[str, ...]
    warnings: int
    problem: str


def published_record(answer: Staged, rule: int | None) -> Record:
    """The record of a staged file. `rule`: the ledger's id of the rule that judged it."""
    return Record(*answer[1:5], answer.dest_identity, rule, *answer.facts, answer.problem)


class Recorder:
    """Writes rows for one run. Every method belongs inside a transaction of the caller."""

    def __init__(self, run: ActiveRun, rules: RuleSet) -> None:
        self._run, self._rules = run, rules
        zones = run.ctx.settings.zones
        self._raw = zones.raw.rstrip("/") + "/"
        self._validated = zones.validated.rstrip("/") + "/"
        self._ids: dict[str, int] = {}
        self._former = True  # whether there may be rows that an undo has to put back
        self._holds = True
        self._verified = True

    def register_rules(self, connection: sqlite3.Connection) -> None:
        """Every rule that judges this run, by fingerprint, with when and whose."""
        now, who = timestamp(self._run.ctx.env.now()), self._run.ctx.env.who
        for rule in self._rules.rules:
            connection.execute(
                "INSERT OR IGNORE INTO rules (fingerprint, name, schema_sha256, document, first_run, first_at,"
                " first_by) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    rule.fingerprint,
                    rule.name,
                    rule.schema_sha256,
                    json.dumps(rule.document),
                    self._run.seq,
                    now,
                    who.login or who.user,
                ],
            )
        self._ids = dict(connection.execute("SELECT fingerprint, id FROM rules").fetchall())
        known = "SELECT EXISTS (SELECT 1 FROM files) OR EXISTS (SELECT 1 FROM sidecars)"
        self._former = bool(connection.execute(known).fetchone()[0])
        self._holds = connection.execute("SELECT 1 FROM holds LIMIT 1").fetchone() is not None
        self._verified = connection.execute("SELECT 1 FROM verified LIMIT 1").fetchone() is not None

    def rule_id(self, path: str) -> int | None:
        """The ledger's id of the rule for a raw file (path relative to the raw zone)."""
        rule = self._rules.rule_for(path)
        return None if rule is None else self._ids[rule.fingerprint]

    def _source(self, path: str) -> str:
        head, slash, _ = path[len(self._raw) :].partition("/")
        return head if slash else "."

    def published(self, connection: sqlite3.Connection, done: list[tuple[PublishItem, bool]], now: str) -> None:
        """Files and sidecars that were renamed into place."""
        seq, counts = self._run.seq, self._run.counts
        files: list[tuple[Any, ...]] = []
        sidecars: list[tuple[Any, ...]] = []
        outcomes: list[tuple[Any, ...]] = []
        for item, replaced in done:
            record = item.record if isinstance(item.record, Record) else Record._make(item.record)  # of an intent
            path, source = item.path, self._source(item.path)
            if record.kind == "sidecar":
                counts.sidecars += 1
                sidecars.append((path, source, item.dest, *record[1:4], item.sha256, record.problem, seq))
                outcome = "sidecar"
            else:
                self._run.done_files += 1
                self._run.done_bytes += item.size
                counts.processed += 1
                outcome = "replaced" if replaced else "published"
                columns = orjson.dumps(record.columns).decode() if record.columns else None
                files.append(
                    (
                        *(path, source, item.dest, *record[1:4], item.sha256, *record[5:8], columns, record.warnings),
                        *(now, seq, seq, *record.dest_identity),
                    )
                )
            backup = item.backup if replaced else ""
            outcomes.append((path, outcome, item.dest, item.size, item.sha256, item.replaces, backup, record.problem))
        self._remember(connection, "files", [row[0] for row in files])
        self._remember(connection, "sidecars", [row[0] for row in sidecars])
        self._let_go(connection, [row[0] for row in (*files, *sidecars)])
        connection.executemany(_FILE, files)
        connection.executemany(_SIDECAR, sidecars)
        if self._any_failures(connection):
            connection.executemany("DELETE FROM failures WHERE path = ?", [(row[0],) for row in files])
        self._run.outcomes_in(connection, outcomes)

    def _remember(self, connection: sqlite3.Connection, table: str, paths: list[str]) -> None:
        """What an undo of this run puts back; the first run of all has nothing to remember."""
        if self._former and paths:
            remember_former(connection, self._run.seq, table, paths)

    def _let_go(self, connection: sqlite3.Connection, paths: list[str]) -> None:
        """What is published is held no more, its source or its rule changed; and nobody has verified it yet."""
        if self._verified and paths:
            dests = [(self._validated + path[len(self._raw) :],) for path in paths]
            connection.executemany("DELETE FROM verified WHERE path = ?", [(path,) for path in paths] + dests)
        if self._holds and paths:
            remember_former(connection, self._run.seq, "holds", paths)
            connection.executemany("DELETE FROM holds WHERE path = ?", [(path,) for path in paths])

    def _any_failures(self, connection: sqlite3.Connection) -> bool:
        return connection.execute("SELECT 1 FROM failures LIMIT 1").fetchone() is not None

    def _sidecar(self, path: str, dest: str, identity: Any, sha256: str, problem: str) -> tuple[Any, ...]:
        return (path, self._source(path), dest, *identity, sha256, problem, self._run.seq)

    def refused(self, connection: sqlite3.Connection, refused: list[tuple[PublishItem, str]], now: str) -> None:
        """Staged files that could not be renamed into place."""
        for item, reason in refused:
            record = Record._make(item.record)
            if record.kind == "sidecar":
                self._run.outcomes_in(
                    connection,
                    [(item.path, Outcome.FAILED, item.dest, item.size, item.sha256, "", "", reason)],
                )
                continue
            answer = Staged(item.path[len(self._raw) :], "unreadable", *record[1:4], reason=reason)
            self.others(connection, [answer], now)

    def others(self, connection: sqlite3.Connection, answers: list[Staged], now: str) -> None:
        """Everything that was not renamed: revalidated, unchanged, failed."""
        for answer in answers:
            path = self._raw + answer.path
            if answer.kind == "sidecar":  # the same bytes stand there already
                dest = self._validated + answer.path
                connection.execute(_SIDECAR, self._sidecar(path, dest, answer[2:5], answer.sha256, answer.problem))
                continue
            if answer.kind == "sidecar-left":  # logged; a sidecar never fails the run
                continue
            self._run.done_files += 1
            self._run.done_bytes += answer.size
            if answer.kind == "revalidated":
                self._revalidated(connection, answer, path, now)
            elif answer.kind == "unchanged":
                self._run.counts.skipped += 1
                connection.execute(
                    "UPDATE files SET size = ?, mtime_ns = ?, inode = ? WHERE path = ?", [*answer[2:5], path]
                )
                connection.execute("DELETE FROM failures WHERE path = ?", [path])
            else:
                self._failed(connection, answer, path, now)

    def _revalidated(self, connection: sqlite3.Connection, answer: Staged, path: str, now: str) -> None:
        """Judged again, the same bytes stand there: the time of publication stays what it was."""
        self._run.counts.revalidated += 1
        facts = answer.facts
        dest = self._validated + answer.path
        before = connection.execute("SELECT run, processed_at FROM files WHERE path = ?", [path]).fetchone()
        run, processed_at = (before[0], before[1]) if before else (self._run.seq, now)
        columns = orjson.dumps(facts.columns).decode() if facts.columns else None
        self._remember(connection, "files", [path])
        if before is None:  # it stood there, and no run of ours knew of it
            connection.execute(
                "INSERT OR IGNORE INTO former (run, kind, path) VALUES (?, 'files', ?)", [self._run.seq, path]
            )
        self._let_go(connection, [path])
        connection.execute(
            _FILE,
            (
                path,
                self._source(path),
                dest,
                *answer[2:5],
                answer.sha256,
                self.rule_id(answer.path),
                facts.records,
                facts.format,
                columns,
                facts.warnings,
                processed_at,
                self._run.seq,
                run,
                *answer.dest_identity,
            ),
        )
        connection.execute("DELETE FROM failures WHERE path = ?", [path])
        self._run.outcomes_in(connection, [(path, Outcome.REVALIDATED, dest, answer.size, answer.sha256, "", "", "")])

    def _first_seen(self, connection: sqlite3.Connection, answer: Staged, path: str) -> str:
        """The checksum that a failure is remembered with: of damage that of the bytes before it, which verify needs."""
        if answer.kind != "damaged":
            return answer.sha256
        row = connection.execute(
            "SELECT sha256 FROM failures WHERE path = ?1 AND sha256 <> '' AND (size, mtime_ns, inode) = (?2, ?3, ?4)"
            " UNION ALL SELECT sha256 FROM files WHERE path = ?1",
            [path, *answer[2:5]],
        ).fetchone()
        return str(row[0]) if row else answer.sha256

    def _failed(self, connection: sqlite3.Connection, answer: Staged, path: str, now: str) -> None:
        self._run.counts.failed += 1
        shown = recordable(path)
        self._run.outcomes_in(
            connection,
            [
                (
                    shown,
                    _FAILED.get(answer.kind, Outcome.FAILED),
                    "",
                    answer.size,
                    answer.sha256,
                    "",
                    "",
                    answer.reason,
                )
            ],
        )
        if answer.kind == "changed-since-plan":
            return  # nobody judged it: it waits for the next run
        verdict = answer.verdict
        document = orjson.dumps(verdict.to_json() if verdict else {"reason": answer.reason}).decode()
        kind = "records" if answer.kind == "failed" and verdict else answer.kind
        row = connection.execute(
            _FAILURE,
            [
                shown,
                recordable(self._source(path)),
                *_remembered(answer),
                self._first_seen(connection, answer, path),
                self.rule_id(answer.path),
                kind,
                self._run.seq,
                self._run.seq,
                now,
                verdict.records if verdict else 0,
                verdict.failed_records if verdict else 0,
                verdict.errors if verdict else 1,
                document,
            ],
        ).fetchone()
        causes = verdict.causes if verdict and verdict.causes else ((_kind_cause(answer, kind), 0, 1),)
        connection.execute("DELETE FROM failure_causes WHERE failure = ?", [row[0]])
        connection.executemany(
            "INSERT INTO failure_causes (failure, cause, records, errors) VALUES (?, ?, ?, ?)",
            [(row[0], cause, records, errors) for cause, records, errors in causes],
        )


def _kind_cause(answer: Staged, kind: str) -> str:
    """How failures that are not about records group."""
    return "warnings" if kind == "records" else "name" if answer.kind == "failed" else kind


def _remembered(answer: Staged) -> tuple[int, int, int]:
    """The identity by which a failure is remembered; what is no verdict on bytes is tried again by the next run."""
    if answer.kind in ("unreadable", "changed-while-read"):
        return (answer.size, answer.mtime_ns, -1)
    return (answer.size, answer.mtime_ns, answer.inode)
