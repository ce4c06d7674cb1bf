"""AdoptView and LeaveView: what taking a workspace over would find, and what giving it back would do."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from textual.content import Content
from textual.widget import Widget

from console.engine.actions.adopt.compare import Found
from console.engine.actions.adopt.model import AdoptPlan
from console.engine.actions.leave.model import LeavePlan
from console.engine.text import count, plural, size
from widgets.look import Cell, bar, lines, marked, paint, short_time, wrap
from widgets.plan.view import LABEL, fill, gate_rows, labelled

_ADOPTED = (
    (Found.AGREES, "good", "✓", "as their entries say, by size and time"),
    (Found.SOURCE_CHANGED, "warn", "●", "whose source has changed since: the next migrate looks at it"),
    (Found.SOURCE_GONE, "warn", "●", "whose source is gone: the copy stays"),
)
_LEFT = (
    (Found.MISSING, "whose copy is missing"),
    (Found.DIFFERS, "whose copy has other bytes"),
    (Found.FOREIGN, "of another place or not understood"),
    (Found.SIDECAR, "of sidecars"),
)
_UNDO = "no published byte, no raw byte, no byte of the state file; `opsconsole leave` undoes it"


class _View(Widget):
    """Draws a plan line by line; `note` is one line below, '' for none."""

    DEFAULT_CSS = "_View { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._note = ""

    def _again(self, note: str) -> None:
        self._note = note
        self.refresh(layout=True)

    def _rows(self, room: int) -> list[Content]:
        raise NotImplementedError

    def render(self) -> Content:
        room = max(40, self.size.width or 76)
        tail = [paint((text, "warn")) for text in wrap(self._note, room)] if self._note else []
        return lines([*self._rows(room), *tail])


class AdoptView(_View):
    """Attributes in, by `show`: plan (None: nothing is known yet), complete, note; zone for the time."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.zone: tzinfo | None = None
        self._plan: AdoptPlan | None = None
        self._complete = False

    def show(self, plan: AdoptPlan | None, complete: bool = True, note: str = "") -> None:
        """Draw this plan. complete: it is not being made any more."""
        self._plan, self._complete = plan, complete
        self._again(note)

    def _rows(self, room: int) -> list[Content]:
        plan = self._plan
        if plan is None:
            return []
        rows = [self._state_file(plan), labelled("", (plan.state_file, "dim"))]
        rows += [*self._adopted(plan, room), *self._left(plan, room)]
        rows += _block("Changes", [_UNDO], room)
        return rows + (gate_rows(plan.gate, room) if self._complete else [])

    def _state_file(self, plan: AdoptPlan) -> Content:
        if not self._complete:
            share = min(1.0, plan.entries / plan.about) if plan.about else 0.0
            full, rest = bar(share, 16)
            about = f" of about {count(plan.about)}" if plan.about > plan.entries else ""
            return labelled("Reading", (full, "running"), (rest, "dim"), f" {count(plan.entries)}{about} entries")
        cells: list[Cell] = [(plural(plan.entries, "entry", "entries"), "strong")]
        if plan.last_updated:
            written = short_time(plan.last_updated, self.zone, datetime.now(UTC))
            cells += [(f", last written {written}" if written != "–" else "", "")]
        return labelled("State file", *cells)

    def _adopted(self, plan: AdoptPlan, room: int) -> list[Content]:
        rows: list[Content] = []
        for found, tone, sign, what in _ADOPTED:
            number = plan.found.get(found, 0)
            if number:
                texts = wrap(f"{plural(number, 'file')} {what}", room - LABEL - 2)
                rows += [
                    labelled("" if rows or at else "Adopts", ("  " if at else f"{sign} ", tone), text)
                    for at, text in enumerate(texts)
                ]
        if rows:
            rows.append(labelled("", (f"{size(plan.bytes)} of copies are read and compared by the run", "dim")))
        elif self._complete:
            rows.append(labelled("Adopts", ("no entry: none names a file that was published here", "warn")))
        return rows

    def _left(self, plan: AdoptPlan, room: int) -> list[Content]:
        parts = [
            f"{plural(plan.found[kind], 'entry', 'entries')} {what}" for kind, what in _LEFT if plan.found.get(kind)
        ]
        if plan.other_files:
            parts.append(f"{plural(plan.other_files, 'published file')} that no entry names")
        if plan.other_backups:
            parts.append(f"{plural(plan.other_backups, 'file')} in others' backups")
        return [
            labelled("" if number else "Left alone", text) for number, text in enumerate(fill(parts, room - LABEL, 4))
        ]


class LeaveView(_View):
    """Attributes in, by `show`: plan (None: nothing is known yet), note."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._plan: LeavePlan | None = None

    def show(self, plan: LeavePlan | None, complete: bool = True, note: str = "") -> None:
        """Draw this plan."""
        self._plan = plan
        self._again(note)

    def _rows(self, room: int) -> list[Content]:
        plan = self._plan
        if plan is None:
            return []
        nothing = ["nothing: the state file is as the other program reads it"]
        return [
            *_block("Puts back", plan.steps or nothing, room),
            *_block("Forgets", plan.unsaid, room, "! ", "warn"),
            *_block("Stays", ["all data, every published and every raw file", *plan.kept], room),
            *gate_rows(plan.gate, room),
        ]


def _block(label: str, texts: list[str], room: int, sign: str = "", tone: str = "") -> list[Content]:
    """Texts one under the other beside one label, each with its sign; `commands` stand out."""
    rows: list[Content] = []
    for text in texts:
        for at, part in enumerate(wrap(text, room - LABEL - len(sign))):
            lead = (" " * len(sign) if at else sign, tone)
            rows.append(labelled("" if rows else label, lead, *marked(part)))
    return rows


def example_lines(plan: AdoptPlan) -> list[tuple[str, str]]:
    """What was counted, by name: (text, tone) each."""
    shown: list[tuple[str, str]] = []
    for found in Found:
        examples = plan.examples.get(found, [])
        if not examples:
            continue
        number = plan.found.get(found, 0)
        what = "adopted all the same" if found.adopted else "left as they are"
        shown += [(f"{plural(number, 'entry', 'entries')}: {found}, {what}", "strong")]
        for key, reason in examples:
            shown += [(f"  {key}", ""), (f"      {reason}", "dim")]
        shown += [(f"  and {count(number - len(examples))} more", "dim")] if number > len(examples) else []
        shown += [("", "")]
    if plan.other_examples:
        shown += [(f"{plural(plan.other_files, 'published file')} that no entry names: never touched", "strong")]
        shown += [(f"  {path}", "") for path in plan.other_examples]
        more = plan.other_files - len(plan.other_examples)
        shown += [(f"  and {count(more)} more", "dim")] if more > 0 else []
    return shown or [("every entry agrees with what stands on the disk", "good")]
