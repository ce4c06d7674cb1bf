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
    Binding("p", "procedure", "Its procedure", show=False),
    Binding("g", "causes", "What fails, by cause", show=False),
    Binding("f", "next_filter", "Which files", show=False),
]

FILTER_HINT = "action:migrate  status:failed,partial  by:ann, or any word; Esc: all"

HELP = """# Runs
Every execution of an action, newest first. The ledger keeps them all.

Enter   go into the run: numbers, checks, what it did to each file
Esc     back
t       attach to the run in progress: bar, time left, files as they come
m       mark the run; once more takes the mark off
c       compare the marked run with this one; without a mark this one
        with the last one of the same action before it
r l     the report of the run as text; its lines in the log
b       the plan of rolling it back; the run itself says what that would
        undo, or why it cannot be
g       what fails now, by cause, in State
p       the procedure that helps after this run
/       filter: action:migrate status:failed,partial by:ann or any word;
        parts are enough, a comma means or

In a run, in a comparison
f       which files are listed: all, or one kind of them
Enter   on a file: why it failed, where it lies, checksum and backup
s       the file in State: the record that fails, its history
Tab     to the buttons, or to what differs of the runs themselves

A run in progress goes on when this console closes. [ Cancel this run ]
asks once more; what was done by then stays done and consistent.
On the command line: opsconsole runs list | show | compare | report |
attach | cancel
"""
