"""PlanView: what a run would do, in the order an operator asks: what, what fails, what is kept, may it, how long."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from console.engine.model import GateItem, Plan
from console.engine.records.words import cause_in_words
from console.engine.text import count, duration, plural, size
from widgets.look import CHECK_SIGNS, Cell, bar, fit, lines, marked, paint, width_of, wrap

LABEL = 12


class PlanView(Widget):
    """Attributes in: plan, judged (done, total) while the full plan is being made, note (one line, '' for none)."""

    DEFAULT_CSS = "PlanView { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._plan: Plan | None = None
        self._judged: tuple[int, int] | None = None
        self._note = ""

    def show(self, plan: Plan | None, judged: tuple[int, int] | None = None, note: str = "") -> None:
        """Draw this plan; `judged`: files judged so far and in all."""
        self._plan, self._judged, self._note = plan, judged, note
        self.refresh(layout=True)

    def render(self) -> Content:
        room = max(24, self.size.width or 76)
        if self._plan is None:
            return paint((self._note or "looking…", "dim"))
        plan = self._plan
        rows = [*self._what(plan), *self._failing(plan, room), *self._rest(plan, room)]
        rows += self._room_and_time(plan, room)
        warned = [*plan.recovery, *([plan.beside] if plan.beside else [])]
        rows += [paint(("! ", "warn"), text) for item in warned for text in wrap(item, room - 2)]
        rows += self._gate(plan, room)
        if self._note:
            rows += [paint((text, "warn")) for text in wrap(self._note, room)]
        return lines(rows)

    def _label(self, label: str, *cells: Cell) -> Content:
        return labelled(label, *cells)

    def _what(self, plan: Plan) -> list[Content]:
        counts = plan.counts
        if plan.unread is not None:
            return [self._label("Would do", ("not known: the ledger cannot be read", "bad"))]
        if not plan.files:
            why = "no file is new, changed or missing" if plan.action == "migrate" else "no file is like that"
            return [self._label("Would do", (f"nothing: {why}", "good"))]
        kinds: list[Cell] = []
        for key, word in (
            ("again", "judged again"),
            ("new", "new"),
            ("changed", "changed"),
            ("missing", "missing"),
            ("damaged", "damaged"),
            ("stale", "by an older rule"),
        ):
            if counts.get(key):
                kinds += [" · " if kinds else "", f"{count(counts[key])} {word}"]
        if counts.get("sidecars"):
            kinds += [(f"   with {plural(counts['sidecars'], 'sidecar')}", "dim")]
        return [self._label("Would read", (plural(plan.files, "file"), "strong"), f", {size(plan.bytes)}   ", *kinds)]

    def _failing(self, plan: Plan, room: int) -> list[Content]:
        counts = plan.counts
        if plan.depth != "full":
            if not plan.files:
                return []
            if self._judged is None:
                return [self._label("Would fail", ("not judged: the run itself will tell", "dim"))]
            done, total = self._judged
            full, rest = bar(done / total if total else 0, 16)
            return [
                self._label(
                    "Would fail", "judging… ", (full, "running"), (rest, "dim"), f" {count(done)}/{count(total)}"
                )
            ]
        rows: list[Content] = []
        good = counts.get("publish", 0)
        again = counts.get("revalidate", 0)
        cells: list[Cell] = [(f"{count(good)} published", "good" if good else "dim")]
        if again:
            cells += ["   ", f"{count(again)} revalidated"]
        if counts.get("withdraw"):
            cells += ["   ", (f"{count(counts['withdraw'])} withdrawn", "warn")]
        if plan.files:
            rows.append(self._label("Would end", *cells, "   ", *_failed_cells(counts.get("fail", 0))))
        causes = [f"{cause_in_words(cause)} {count(files)}" for cause, files, _ in plan.failing]
        for number, text in enumerate(fill(causes, room - LABEL, 2)):
            rows.append(self._label("" if number else "  because", (text, "warn")))
        return rows

    def _rest(self, plan: Plan, room: int) -> list[Content]:
        counts = plan.counts
        parts = [
            f"{count(counts[key])} {word}"
            for key, word in (
                ("unchanged", "unchanged"),
                ("known_failed", "failed before"),
                ("accepted", "accepted"),
                ("held", "held"),
                ("adopted", "adopted"),
                ("waiting", "waiting for a migrate"),
            )
            if counts.get(key)
        ]
        if plan.ignored:
            parts.append(f"{count(len(plan.ignored))} ignored")
        if plan.vanished:
            parts.append(f"{count(len(plan.vanished))} published whose raw file is gone")
        rows = [
            self._label("" if number else "Left alone", text)
            for number, text in enumerate(fill(parts, room - LABEL, 2))
        ]
        if plan.unreadable:
            rows.append(self._label("", (f"✗ {plural(len(plan.unreadable), 'file')} cannot be read", "bad")))
        backups = counts.get("backups", 0)
        if backups:
            rows.append(self._label("Backed up", f"{plural(backups, 'file')} first, {size(plan.backup_bytes)}"))
        return rows

    def _room_and_time(self, plan: Plan, room: int) -> list[Content]:
        rows: list[Content] = []
        for number, space in enumerate(plan.space if plan.files else ()):
            tight = space.need_bytes > space.free_bytes or 0 <= space.free_inodes < space.need_inodes
            inodes = "" if space.free_inodes < 0 else f", {count(space.need_inodes)} inodes"
            rows.append(
                self._label(
                    "" if number else "Needs",
                    (f"{'✗ ' if tight else ''}{size(space.need_bytes)}{inodes}", "bad" if tight else ""),
                    (f" of {size(space.free_bytes)} free", "dim"),
                    (f"   {fit(', '.join(space.zones), max(0, room - LABEL - 40)).rstrip()}", "dim"),
                )
            )
        if plan.files:
            known = (
                f"about {duration(plan.seconds)}, from the last {plural(plan.seconds_from, 'run')}"
                if plan.seconds is not None
                else "not known yet: no earlier run to go by"
            )
            rows.append(self._label("Takes", (known, "" if plan.seconds is not None else "dim")))
        return rows

    def _gate(self, plan: Plan, room: int) -> list[Content]:
        return gate_rows(plan.gate, room)


def gate_rows(items: Sequence[GateItem], room: int) -> list[Content]:
    """The checks before a run: what passes in short, what does not with what helps."""
    rows: list[Content] = []
    passed = [f"✓ {item.name}" for item in items if item.verdict == "pass"]
    for number, text in enumerate(fill(passed, room - LABEL, 3, between="  ")):
        rows.append(labelled("" if number else "Pre-flight", (text, "good")))
    for item in sorted(items, key=lambda item: not item.refuses):  # what holds it comes first
        if item.verdict != "pass":
            rows += [
                labelled("" if rows or number else "Pre-flight", *cells)
                for number, cells in enumerate(gate_lines(item, room - LABEL))
            ]
    return rows


def labelled(label: str, *cells: Cell) -> Content:
    """A line with a word at its left."""
    return paint((fit(label, LABEL), "dim"), *cells)


def gate_lines(item: GateItem, room: int) -> list[list[Cell]]:
    """A gate item that did not pass: sign, name, what it means for the run, evidence, what helps."""
    sign, word, tone = CHECK_SIGNS[item.verdict]
    if item.overridden:
        tone, meaning = "warn", f"overridden: {item.overridden}"
    elif item.refuses:
        tone, meaning = "bad", "refuses the run"
    else:
        meaning = word
    head = f"{sign} {item.name}"
    rows: list[list[Cell]] = []
    for number, text in enumerate(wrap(f"{meaning}: {item.evidence}", room - 2 - width_of(item.name) - 1)):
        lead: Cell = (f"{head} ", tone) if not number else " " * (width_of(head) + 1)
        rows.append([lead, text])
    if item.next_step and not item.overridden:
        rows += [["  ", *marked(text, "dim")] for text in wrap(item.next_step, room - 2)]
    return rows


def _failed_cells(number: int) -> list[Cell]:
    return [(f"{plural(number, 'file')} would fail", "bad")] if number else [("none fails", "good")]


def fill(parts: list[str], room: int, most: int, between: str = " · ") -> list[str]:
    """The parts in at most `most` lines of `room` cells; what does not fit is counted at the end."""
    out: list[str] = []
    for at, part in enumerate(parts):
        joined = out[-1] + between + part if out else part
        if out and width_of(joined) <= room:
            out[-1] = joined
        elif len(out) < most:
            out.append(fit(part, min(room, width_of(part))))
        else:
            more = f" +{len(parts) - at}"
            out[-1] = fit(out[-1], min(width_of(out[-1]), room - len(more))).rstrip() + more
            break
    return out
