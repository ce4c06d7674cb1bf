"""PatientTable: Enter pressed before the rows are there is not lost; it goes deeper as soon as they come."""

from __future__ import annotations

from widgets.table import VirtualTable


class PatientTable(VirtualTable):
    """expecting: rows have been asked for. pending: how often Enter was pressed meanwhile; moving forgets it."""

    expecting = False
    pending = 0

    def has_row(self) -> bool:
        """Whether the row under the cursor is here."""
        return bool(self.rows)

    def arrived(self) -> None:
        """Rows have come: do what was asked for before."""
        if self.pending and self.has_row():
            self.pending -= 1
            super().action_choose()

    def action_choose(self) -> None:
        if self.expecting and not self.has_row():
            self.pending += 1
        else:
            super().action_choose()

    def take_over(self, other: VirtualTable) -> None:
        """Enter was pressed more often than the table before this one could answer."""
        if isinstance(other, PatientTable):
            self.pending, other.pending = other.pending, 0

    def action_move(self, step: int) -> None:
        self.pending = 0
        super().action_move(step)

    def action_page(self, step: int) -> None:
        self.pending = 0
        super().action_page(step)

    def action_go(self, index: int) -> None:
        self.pending = 0
        super().action_go(index)
