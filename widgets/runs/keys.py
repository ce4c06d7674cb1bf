"""The keys of the Runs pane, and what `?` says about it."""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding("m", "mark", "Mark", show=False),
    Binding("c", "compare", "Compare", show=False),
    Binding("t", "attach", "Attach", show=False),
    Binding("r", "report", "Report", show=False),
    Binding("l", "log", "Log", show=False),
    Binding("b", "rollback", "Roll back", show=False),
    Binding("g", "causes", "What fails, by cause", show=False),
    Binding("f", "next_filter", "Which files", show=False),
]

FILTER_HINT = "action:migrate  status:failed,partial  by:ann, or any word; Esc: all"

HELP = """# Runs
Every execution of an action, newest first. The ledger keeps them all.

Enter            go into the run: its numbers, its checks, what it did to each file
Esc              back to the list
t                attach to the run in progress: its bar, its time left, its files as they come
m                mark the run; m on it again takes the mark off
c                compare the marked run with this one; without a mark this one with the last one
                 of the same action before it
r                the report of the run, as text
l                its lines in the log
b                the plan of rolling it back; the detail says what that would undo, or why nothing
g                what fails now, by cause, in State
/                filter: action:migrate status:failed,partial by:ann, or any word. Parts are enough,
                 a comma means or. Enter keeps it, Esc drops it

In a run
f                which files are listed: all, failed, published, replaced
Enter on a file  why it failed, where it lies, its checksum and backup
s                the file in State: the record that fails, its history

In a comparison
f                which files are listed: all that stand otherwise, or one kind of them
Enter or s       the file in State
Tab              to what differs of the runs themselves

A run in progress shows its bar and the time left. It goes on when this console closes. [ Cancel this run ]
asks once more; what was done by then stays done and consistent.

On the command line: opsconsole runs list | show RUN | compare RUN RUN | report RUN | attach RUN | cancel RUN
"""
