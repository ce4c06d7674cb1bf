"""SessionButtons: what can be done in a session, by the kind of its step and the room there is."""

from __future__ import annotations

from textual.app import ComposeResult

from console.engine.procedures.session import Session
from widgets.push import Push, PushRow

READS = ("report", "evidence", "look")  # what writes nothing
_FIRST = ("do", "look", "tick", "note", "override")  # what stays where there is little room
_DOES = ("action", "command", "manual", "record")
_LABELS = (
    ("do", "Do it", "d"),
    ("look", "Look", "l"),
    ("tick", "Tick", "t"),
    ("note", "Note", "n"),
    ("skip", "Skip", "s"),
    ("override", "Override", "o"),
    ("back", "Back", "b"),
    ("hand-over", "Hand over", "h"),
    ("abandon", "Abandon", "x"),
    ("report", "Report", "r"),
    ("evidence", "Evidence", "e"),
)


class SessionButtons(PushRow):
    """`show(session, low, read_only)`. Each button's id is `procedure-` and what it asks for."""

    def compose(self) -> ComposeResult:
        for name, label, key in _LABELS:
            yield Push(label, hint=key, id=f"procedure-{name}")

    def show(self, session: Session | None, *, low: bool, read_only: bool) -> None:
        """Those that do something now."""
        kind = session.step.kind if session is not None and session.step is not None else ""
        for name, label, _ in _LABELS:
            push = self.query_one(f"#procedure-{name}", Push)
            push.display = _fits(name, session, kind, read_only) and not (low and name not in _FIRST)
            push.label = _label(name, label, kind, session)


def _fits(name: str, session: Session | None, kind: str, read_only: bool) -> bool:
    if session is None:
        return False
    step = session.step
    if name in ("report", "evidence"):
        return True
    if step is None or (read_only and name not in READS):
        return False
    if name == "do":
        return kind in _DOES
    if name == "look":
        return any(True for _ in step.conditions())
    if name == "back":
        return len(session.way) > 1
    return not (kind == "choose" and name in ("skip", "override", "tick"))


def _label(name: str, label: str, kind: str, session: Session | None) -> str:
    if name == "do":
        return {"manual": "Note it", "record": "Write it"}.get(kind, label)
    if name == "tick" and kind == "input":
        return "Take it"
    if name == "evidence" and session is not None and session.evidence:
        return f"{label} {session.evidence}"
    return label
