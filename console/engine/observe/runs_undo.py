"""Whether a run can be taken back, in a sentence for whoever looks at it; the plan of the rollback says the rest."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

from console.engine.actions.registry import ACTIONS
from console.engine.actions.rollback.page import UNDOABLE
from console.engine.actions.rollback.plan import NOT_UNDONE
from console.engine.actions.rollback.undo import pruned_words, undone_by
from console.engine.context import Context
from console.engine.ledger.store import reading
from console.engine.model import RunRow
from console.engine.runs.query import is_alive
from console.engine.runs.unsettled import InHand, in_hand, is_unsettled
from console.engine.text import plural

_NOTHING = "it changed nothing that could be put back"
_OTHERWISE = {
    "adopt": "a rollback does not take it back; `opsconsole leave` gives the workspace back",
    "leave": "a rollback does not take it back; `opsconsole adopt` takes the workspace over again",
    "upgrade": "none: the ledger of before is kept beside the new one",
}


@dataclass(frozen=True, slots=True)
class UndoWords:
    """possible: a rollback of it can be planned. words: what that would be, or why there is none and what helps.
    held: something that this run took back is held still.
    """

    possible: bool
    words: str
    held: bool = False


def undo_words(ctx: Context, run: RunRow) -> UndoWords:
    """What can be undone of this run now. One look into an index, for a rollback one at what is held. Raises
    LedgerError."""
    no = _never(run)
    if no:
        return UndoWords(False, no)
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return UndoWords(False, "none: there is no ledger")
        found = _looked_up(connection, run)
        if run.action != "rollback":
            return found
        return replace(found, held=_holds(connection, run.seq))


def _holds(connection: sqlite3.Connection, seq: int) -> bool:
    """Whether something that this rollback took back is held. One that takes a redo back puts the holds of the first
    rollback there again, under the name of that one."""

    def target(by: int) -> int:
        row = connection.execute("SELECT run FROM undone WHERE by = ?", [by]).fetchone()
        return int(row[0]) if row else 0

    while seq:
        if connection.execute("SELECT 1 FROM holds WHERE run = ? LIMIT 1", [seq]).fetchone() is not None:
            return True
        seq = target(target(seq))
    return False


def _looked_up(connection: sqlite3.Connection, run: RunRow) -> UndoWords:
    by = undone_by(connection, run.seq)
    if by:
        row = connection.execute("SELECT id FROM runs WHERE seq = ?", [by]).fetchone()
        taker = str(row[0]).rsplit("-", 1)[-1] if row else "?"
        return UndoWords(False, f"was rolled back by {taker}; rolling {taker} back does it again")
    outcomes = ", ".join(f"'{outcome}'" for outcome in UNDOABLE)
    many = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM outcomes WHERE run = ? AND outcome IN ({outcomes}) LIMIT 100001)",
        [run.seq],
    ).fetchone()[0]
    hand = in_hand(connection, run.seq)
    if not many and not hand.files:
        died = is_unsettled(run)
        return UndoWords(False, "none: " + ("it died before it changed a file" if died else _NOTHING))
    pruned = pruned_words(connection, run.seq)
    return UndoWords(True, f"b: plan the rollback of {_what(many, hand)}" + (f"; {pruned}" if pruned else ""))


def _what(many: int, hand: InHand) -> str:
    """many: changes that are recorded, at most 100,001 counted."""
    known = "the files that it changed" if many > 100_000 else plural(many, "change") if many else ""
    if not hand.files:
        return known
    return f"{known}{' and ' if known else ''}{hand.up_to} that it had in hand; they are settled first"


def _never(run: RunRow) -> str:
    """Why a run of this kind or in this state is not taken back; '' where it may be."""
    if is_alive(run):
        return "when it has ended; what it did stays consistent if it is cancelled"
    if run.action in NOT_UNDONE and run.action in _OTHERWISE:
        return _OTHERWISE[run.action]
    action = next((action for action in ACTIONS if action.name == run.action), None)
    if action is not None and action.undo == "none":
        return f"none: {action.summary}" if ";" in action.summary else f"none: {run.action} has no undo"
    return f"a rollback does not take {run.action} back" if run.action in NOT_UNDONE else ""
