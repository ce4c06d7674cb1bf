"""Published files: some picked at random, and those of the last run, read again from the disk."""

from __future__ import annotations

import os
import random
import sqlite3

from console.engine.checks.probes.look import NO_LEDGER, Finding, Look
from console.engine.model import Check
from console.engine.records.judge import Judge
from console.engine.records.rules import Rule
from console.engine.text import plural, size
from console.engine.transfer.publish import hash_file

_DAMAGED = "`opsconsole verify` reads all, `opsconsole verify --repair` puts back what has a good copy"
_EXCERPT = 200  # bytes of a file that are shown


def spot_check(look: Look, *, files: int) -> Finding:
    """Files picked at random: bytes as recorded, good by today's rule, and their first bytes to look at.

    Fails for other bytes, warns for what today's rule refuses, unknown where nothing is published or one cannot be
    read.
    """
    found = _ledger(look)
    if isinstance(found, Finding):
        return found
    rows = _picked(found, files, int(look.ctx.env.token(6), 16))
    if not rows:
        return Finding(Check.UNKNOWN, "nothing is published yet", "`opsconsole migrate`")
    for problem in look.rules.problems:
        return Finding(Check.UNKNOWN, problem.what, problem.next_step)
    judge = Judge(look.rules, look.ctx.settings, now=lambda: look.now)
    raw = look.ctx.settings.zones.raw.rstrip("/") + "/"
    differ, refused, unread, lines = [], [], [], []
    for row in rows:
        if look.cancelled():
            return Finding(Check.UNKNOWN, "interrupted")
        path, dest = row["path"], row["dest"]
        place = str(look.ctx.workspace.path(dest))
        try:
            sha256 = hash_file(place)
        except FileNotFoundError:
            differ.append(f"{dest}: it is not there")
            continue
        except OSError as error:
            unread.append(f"{dest}: {error.strerror or error}")
            continue
        if sha256 != row["sha256"]:
            differ.append(f"{dest}: Checksum mismatch")
            continue
        rule = look.rules.rule_for(path[len(raw) :]) if path.startswith(raw) else None
        try:
            why = _why_not(judge, rule, place) if rule is not None else "no rule matches it any more"
            lines.append(f"{dest}: {size(os.stat(place).st_size)}, {plural(row['records'], 'record')}, {_shown(place)}")
        except OSError as error:
            unread.append(f"{dest}: {error.strerror or error}")
            continue
        if why:
            refused.append(f"{dest}: {why}")
    details = (*differ, *unread, *refused, *lines)
    if differ:
        return Finding(Check.FAIL, f"{len(differ)} of {plural(len(rows), 'file')}: {differ[0]}", _DAMAGED, details)
    if unread:
        return Finding(Check.UNKNOWN, f"cannot be read: {unread[0]}", "`opsconsole permissions check`", details)
    if refused:
        step = "`opsconsole reprocess --stale-schema` judges by today's rules"
        return Finding(Check.WARN, f"{len(refused)} of {plural(len(rows), 'file')}: {refused[0]}", step, details)
    return Finding(
        Check.PASS, f"{plural(len(rows), 'file')} read: bytes as recorded, good by today's rule", "", details
    )


def _ledger(look: Look) -> sqlite3.Connection | Finding:
    if (trouble := look.unreadable()) is not None:
        return trouble
    return look.connection or Finding(Check.UNKNOWN, NO_LEDGER, "`opsconsole migrate`")


def _picked(connection: sqlite3.Connection, files: int, seed: int) -> list[sqlite3.Row]:
    """Some published files. By numbers of rows: to shuffle a million would take as long as to check them."""
    sql = "SELECT id, path, dest, sha256, records FROM files WHERE id >= ? AND status = 'processed' ORDER BY id LIMIT ?"
    first, last = connection.execute("SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM files").fetchone()
    return _by_chance(connection, sql, [], (first, last), files, random.Random(seed))


def _by_chance(
    connection: sqlite3.Connection,
    sql: str,
    values: list[object],
    span: tuple[int, int],
    files: int,
    chance: random.Random,
) -> list[sqlite3.Row]:
    """Up to `files` rows, in the order of their paths. sql: the rows from an id on, so many at most; values: what it
    wants before these two. span: the first and the last id."""
    first, last = span
    rows = connection.execute(sql, [*values, first, 4 * files + 1]).fetchall()
    if len(rows) <= 4 * files:  # so few: all are there to choose from
        rows = chance.sample(rows, min(files, len(rows)))
    else:
        found: dict[int, sqlite3.Row] = {}
        for _ in range(4 * files):
            row = connection.execute(sql, [*values, chance.randint(first, last), 1]).fetchone()
            if row is not None and len(found) < files:
                found[row["id"]] = row
        rows = list(found.values())
    return sorted(rows, key=lambda row: str(row["path"]))


def _why_not(judge: Judge, rule: Rule, place: str) -> str:
    with open(place, "rb") as stream:
        return judge.judge_stream(rule, stream.read, os.path.splitext(place)[1].lower()).reason()


def _shown(place: str) -> str:
    with open(place, "rb") as stream:
        data = stream.read(_EXCERPT)
    return " ".join(data.decode("utf-8", "replace").split())


def checksums_kept(look: Look, *, files: int) -> Finding:
    """Each file that the last run published has a recorded checksum; up to `files` of them are read again from disk.

    Fails for one without a checksum or with other bytes, warns where later runs have changed some of them; unknown
    where there is no such run or a file cannot be read.
    """
    found = _ledger(look)
    if isinstance(found, Finding):
        return found
    run = look.last_run()
    if run is None:
        return Finding(Check.UNKNOWN, "no migration has come to its end yet", "`opsconsole migrate`")
    name = f"run {run.short}"
    published = "run = ? AND outcome IN ('published', 'replaced', 'revalidated')"
    total, without = found.execute(
        f"SELECT count(*), total(length(sha256) <> 64) FROM outcomes WHERE {published}", [run.seq]
    ).fetchone()
    if without:
        return Finding(Check.FAIL, f"{name}: {plural(int(without), 'file')} recorded without a checksum", _DAMAGED)
    if not total:
        return Finding(Check.PASS, f"{name} published nothing: there is nothing to compare")
    differ, unread, read, later = [], [], 0, 0
    chance = random.Random(int(look.ctx.env.token(6), 16))
    span = found.execute(f"SELECT min(id), max(id) FROM outcomes WHERE {published}", [run.seq]).fetchone()
    sql = f"SELECT id, path, dest, sha256 FROM outcomes WHERE {published} AND id >= ? ORDER BY id LIMIT ?"
    for row in _by_chance(found, sql, [run.seq], tuple(span), files, chance):
        now = found.execute("SELECT sha256, dest FROM files WHERE path = ?", [row["path"]]).fetchone()
        if now is None or now["sha256"] != row["sha256"]:
            later += 1  # a later run has replaced it or taken it back
            continue
        try:
            read += 1
            if hash_file(str(look.ctx.workspace.path(now["dest"]))) != row["sha256"]:
                differ.append(now["dest"])
        except FileNotFoundError:
            differ.append(f"{now['dest']} is not there")
        except OSError as error:
            unread.append(f"{now['dest']}: {error.strerror or error}")
    if differ:
        return Finding(Check.FAIL, f"{name}: Checksum mismatch: {', '.join(differ[:3])}", _DAMAGED, tuple(differ))
    if unread:
        return Finding(Check.UNKNOWN, f"{name}: cannot be read: {unread[0]}", "`opsconsole permissions check`")
    said = f"{name}: {plural(int(total), 'checksum')} recorded"
    if not read:
        return Finding(Check.UNKNOWN, f"{said}; later runs have changed every file that was picked", _DAMAGED)
    said += f", {plural(read, 'file')} read again and equal"
    if later:
        return Finding(Check.WARN, f"{said}; {plural(later, 'file')} changed by later runs, not compared")
    return Finding(Check.PASS, said)
