"""ChangeView: what an action that is made of changes would do; rollback, archive, repair and their like."""

from __future__ import annotations

from textual.content import Content

from console.engine.actions.change.model import ChangePlan
from console.engine.text import count, plural, size
from widgets.look import bar, fit
from widgets.plan.handover import _block, _View
from widgets.plan.view import LABEL, gate_rows, labelled

EXAMPLES = 3
_WORDS = {"left_alone": "left as they are"}


class ChangeView(_View):
    """Attributes in, by `show`: plan (None: nothing is known yet), done and files (how far the planning is), note."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.prefixes: tuple[str, ...] = ()  # of paths, what nobody needs to read: the zones
        self._plan: ChangePlan | None = None
        self._done = self._files = 0

    def show(self, plan: ChangePlan | None, note: str = "", *, done: int = 0, files: int = 0) -> None:
        """Draw this plan, or how far its making is."""
        self._plan, self._done, self._files = plan, done, files
        self._again(note)

    def _rows(self, room: int) -> list[Content]:
        plan = self._plan
        if plan is None:
            return [self._reading()] if self._done else []
        rows: list[Content] = []
        for label, value in plan.facts:
            rows += _block(label.capitalize(), [value], room)
        if plan.files or not plan.unsettled:
            rows += [self._files_row(plan), *self._examples(plan, room)]
        if plan.unsettled:
            rows += _block("Would do" if not plan.files else "and", [plan.unsettled_words], room, "! ", "warn")
        rows += self._left(plan, room)
        for text in plan.recovery:
            rows += _block("First", [text], room, "! ", "warn")
        for text in plan.notes:
            rows += _block("Note", [text], room, "! ", "warn")
        rows += _block("Undo", [plan.undo], room)
        return [*rows, *gate_rows(plan.gate, room)]

    def _reading(self) -> Content:
        if not self._files:
            return labelled("Looking", f"{count(self._done)} files")
        full, rest = bar(min(1.0, self._done / self._files), 16)
        return labelled("Looking", (full, "running"), (rest, "dim"), f" {count(self._done)}/{count(self._files)}")

    def _files_row(self, plan: ChangePlan) -> Content:
        if plan.unread is not None:
            return labelled("Would do", ("not known: the ledger cannot be read", "bad"))
        if not plan.files:
            return labelled("Would do", ("nothing", "dim"))
        parts = [f"{count(number)} {_word(name)}" for name, number in plan.counts.items() if number]
        return labelled("Would do", (" · ".join(parts), "strong"), (f"   {size(plan.bytes)}", "dim"))

    def _examples(self, plan: ChangePlan, room: int) -> list[Content]:
        texts = [f"{item.what} {_short(item.path, self.prefixes)}" for item in plan.items[:EXAMPLES]]
        if plan.items and plan.files > EXAMPLES:
            texts.append(f"and {count(plan.files - EXAMPLES)} more: f shows them")
        return [labelled("", (_cut(text, room - LABEL), "dim")) for text in texts]

    def _left(self, plan: ChangePlan, room: int) -> list[Content]:
        if not plan.left_files:
            return []
        rows = [labelled("Left alone", ("! ", "warn"), plural(plan.left_files, "file"))]
        for path, reason in plan.left[:EXAMPLES]:
            rows += [
                labelled("", (_cut(_short(path, self.prefixes), room - LABEL), "dim")),
                labelled("", _cut(f"  {reason}", room - LABEL)),
            ]
        return rows


def _short(path: str, prefixes: tuple[str, ...]) -> str:
    return next((path[len(prefix) :] for prefix in prefixes if path.startswith(prefix)), path)


def _word(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _cut(text: str, room: int) -> str:
    return fit(text, room, cut="middle").rstrip()


def change_lines(plan: ChangePlan, prefixes: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Every file that the plan names, for a text to read: (text, tone) each. prefixes: as ChangeView has them."""
    shown: list[tuple[str, str]] = []
    if plan.left:
        shown.append((f"{plural(plan.left_files, 'file')} left as they are", "strong"))
        for path, reason in plan.left:
            shown += [(f"  {_short(path, prefixes)}", ""), (f"      {reason}", "warn")]
        shown += _more(plan.left_files - len(plan.left))
    if plan.items:
        shown.append((f"{plural(plan.files, 'file')} to change", "strong"))
        for item in plan.items:
            shown.append((f"  {item.what} {_short(item.path, prefixes)}", ""))
            if item.detail:
                shown.append((f"      {item.detail}", "dim"))
        shown += _more(plan.files - len(plan.items))
    if plan.unsettled:
        shown.append((plan.unsettled_words, "warn"))
    return shown or [("nothing would change", "dim")]


def _more(number: int) -> list[tuple[str, str]]:
    return [(f"  and {count(number)} more", "dim")] if number > 0 else []
