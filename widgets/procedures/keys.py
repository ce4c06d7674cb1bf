"""The keys of the Procedures pane, and what `?` says about it."""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding("v", "read", "Read all steps", show=False),
    Binding("d", "ask('do')", "Do it", show=False),
    Binding("l", "ask('look')", "Look again", show=False),
    Binding("enter,t", "tick", "Tick, go on", show=False),
    Binding("n", "ask('note')", "Note", show=False),
    Binding("s", "ask('skip')", "Skip", show=False),
    Binding("o", "ask('override')", "Override", show=False),
    Binding("b", "ask('back')", "Step back", show=False),
    Binding("h", "ask('hand-over')", "Hand over", show=False),
    Binding("x", "ask('abandon')", "Abandon", show=False),
    Binding("r", "ask('report')", "Report", show=False),
    Binding("e", "ask('evidence')", "Evidence", show=False),
]

FILTER_HINT = "part of a name, a title, a symptom; Esc: all"

HELP = """# Procedures
What to do, step by step: each shows what is true now, does its part
through the engine, and is ticked only when its checks are good.

In the list: what today's alerts suggest, what is open, all there are
Enter    start it, or go on with it; a session is kept on disk, so that
         any terminal and any operator goes on where it stands
v        read all steps first              /   filter

In a session: ✓ done   ▶ this one   ! overridden   – skipped
d        do it: the plan of its action, its command, a note. Each asks
         before anything happens, with Cancel in focus
l        look again at everything that the step asks
Enter t  tick it and go on; in a choice Enter takes the branch under the
         cursor, in a field what is typed or the offer under the cursor
n        a note, kept with who and when
s o      skip it, override its checks: both with a reason, recorded
b        back to the step before; what was done stays done
h        hand over, with what the next one should know
x        abandon it, with a reason
r e      the report; everything that was seen and done
Tab      to the buttons; PageUp, PageDown: the text where it has no room
Esc      out of a field (what is typed stays), then back to the list

A run that a step started is waited for, and goes on when this console
closes. Procedures of your own: config/procedures/NAME.toml, read again
when they change.
On the command line: opsconsole procedure list | start | resume | report
"""
