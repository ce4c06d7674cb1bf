"""What `s` and `o` offer: statuses with their counts, orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from console.engine.model import FileStatus
from console.engine.observe.files_waiting import OnDisk
from console.engine.text import count
from widgets.look import Cell
from widgets.state.scope import FILES, Scope
from widgets.state.words import ON_DISK, ORDERS, STATUSES, status_cell


@dataclass(frozen=True, slots=True)
class Choice:
    """cells: as the table shows it; scope: what it lists, None for a line that is only read."""

    cells: Sequence[Cell]
    scope: Scope | None


def status_choices(scope: Scope, counts: Mapping[FileStatus, int] | None, disk: OnDisk) -> list[Choice]:
    """counts: None while they are counted."""

    def number(status: FileStatus) -> Cell:
        if counts is None:
            return ("…", "dim")
        return count(counts[status]) if counts.get(status) else ("–", "dim")

    plain = Scope(FILES, order=scope.order, descending=scope.descending)
    total: Cell = ("…", "dim") if counts is None else count(sum(counts.values()))
    found = [Choice(("all files", ("every file that the ledger knows", "dim"), total), plain)]
    for status, words in STATUSES:
        found.append(Choice((status_cell(status), (words, "dim"), number(status)), replace(plain, status=status.value)))
    found.append(
        Choice(("● fresh", ("a run changed it since you were here last", "dim"), ""), replace(plain, fresh=True))
    )
    for status, words in ON_DISK:
        sign, tone = status_cell(status)
        many = disk.counts.get(status, 0)
        cells = ((f"{sign}, on disk", tone), (words, "dim"), count(many) if many else ("–", "dim"))
        found.append(Choice(cells, Scope(FILES, disk=status.value)))
    return found


def order_choices(scope: Scope) -> list[Choice]:
    """The orders of a list of files."""
    here = replace(scope, view=FILES, cursor=0)
    return [Choice((words, "", ""), replace(here, order=order, descending=down)) for order, down, words in ORDERS]
