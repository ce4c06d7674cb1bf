"""The keys of the State pane, and what `?` says about it."""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding("s", "choose('status')", "Status", show=False),
    Binding("o", "choose('order')", "Order", show=False),
    Binding("c", "group('causes')", "By cause", show=False),
    Binding("g", "group('sources')", "By source", show=False),
    Binding("f", "all_files", "All files", show=False),
    Binding("v", "fresh", "Changed since you were here", show=False),
    Binding("r", "reprocess", "Reprocess", show=False),
    Binding("A", "accept", "Accept", show=False),
    Binding("e", "export", "Export", show=False),
    Binding("l", "log", "Log lines", show=False),
    Binding("u", "run", "Its run", show=False),
    Binding("P", "procedure", "Its procedure", show=False),
    Binding("y", "copy", "Copy the path", show=False),
    Binding("n", "step(1)", "Next file", show=False),
    Binding("p", "step(-1)", "Previous file", show=False),
]

HELP = """# State
Every file that the ledger knows, a page at a time, however many there are.

Enter   deeper: from a cause to its files, from a file to the record that fails, the rule beside
        each field, the lines around it, why it was or was not published, checksums, history
Esc     back
/       only paths that hold this text; * ? [ ] make it a glob. Enter keeps it, Esc drops it
s       which status; there also what only the disk knows: new, changed, missing, ignored files
c       what files fail for: files, records, since which run, what changed before that began
g       by source
f       all files again
v       what runs changed since you were here last
o       in another order: newest, most errors, largest …
n p     in a file: the next one, the one before
u l     the run that judged it; its lines in the log
r       the plan of a reprocess of what is listed: a source, a cause, one file
A       answer for the failures that are listed, with a reason
e       export what is listed to a file
P       the procedure that helps with the file
y       copy the path

Status and counts are the ledger's; what somebody did to a file since the last run is seen in its
detail, and in the scan that the Overview makes.
On the command line: opsconsole state list | explain FILE | failures list | export | accept
"""
