"""The keys of the log pane, and what `?` says about it."""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding("up,k", "cursor(-1)", "Up", show=False),
    Binding("down,j", "cursor(1)", "Down", show=False),
    Binding("pageup,b", "page(-1)", "Page up", show=False),
    Binding("pagedown,space", "page(1)", "Page down", show=False),
    Binding("g,home", "start", "To the beginning", show=False),
    Binding("G,end", "end", "To the end, follow", show=False),
    Binding("left", "sideways(-1)", "Left", show=False),
    Binding("right", "sideways(1)", "Right", show=False),
    Binding("f", "follow", "Follow or pause"),
    Binding("l", "level(1)", "Level"),
    Binding("L", "everything", "All lines again", show=False),
    # priority: handled before the next key is passed on, so that what is typed ahead lands in the prompt
    Binding("slash", "search", "Find", priority=True),
    Binding("ampersand", "filter", "Filter", priority=True),
    Binding("v", "invert", "Turn the newest filter round", show=False),
    Binding("backspace", "less", "Without the newest filter", show=False),
    Binding("t", "time", "To a time", show=False, priority=True),
    Binding("n", "again(False)", "Next match", show=False),
    Binding("N", "again(True)", "Previous match", show=False),
    Binding("e", "error(False)", "Next error", show=False),
    Binding("E", "error(True)", "Previous error", show=False),
    Binding("p", "file", "Its file in State", show=False),
    Binding("P", "only_file", "Only lines about its file", show=False),
    Binding("u", "run", "Its run in Runs", show=False),
    Binding("U", "only_run", "Only lines of its run", show=False),
    Binding("m", "mark", "Mark this line", show=False),
    Binding("apostrophe", "to_mark", "Back to the mark", show=False),
    Binding("c", "copy", "Copy", show=False),
    Binding("S", "save", "Save to a file", show=False, priority=True),
    Binding("w", "wrap", "Wrap long lines", show=False),
    Binding("s", "short", "Short or whole lines", show=False),
    Binding("o", "files", "Other logs"),
    Binding("enter", "record", "Whole record"),
    Binding("escape", "back", "Back", show=False),
]

HELP = """\
# Logs
One log, or all of them merged by time, opened at the end. A full page
moves up by a third at once, so that what you read stands still.

up down j k      the line under the cursor; moving up pauses
PageUp b         a page up
PageDown space   a page down; arriving at the end follows again
g G Home End     beginning; end, and follow
f                follow or pause; paused, new lines are counted
o                other logs: all by time, structured, rotated, of runs

# Find
/                a text; Ctrl+R: a regular expression;
                 capitals count as soon as you type one
n N              next and previous match in what is shown
e E              next and previous error in what is shown
t                to a time: 03:12, 03-04 03:12, 2026-03-04, -2h
                 (s m h d w); Z behind it: UTC

# Filter
&                show only lines with a text; Ctrl+R: an expression;
                 Ctrl+N: lines without it. Again: one filter more
v  Backspace     turn the newest filter round; take it off
l                info, warning, error and above
U P              only lines of this line's run; about its file
L                all lines again: no filter is left

# This line
Enter            the whole record, laid out
u p              its run in Runs; its file in State
m '              mark it; back to the mark, and forth
c S              copy it, save it; or all from the mark to here,
                 as far as it is shown. A saved file has the bytes
                 as they are, a copy has controls made visible
s                short or whole lines; all logs by time open short:
                 time, level, what, file, why
left right w     sideways in long lines; wrap them
Esc              back; then drop a search and the mark

✗ error or worse   ! warning   · debug   * from the mark to here
▸ what happened to the file: rotated, truncated, replaced, gone
Controls and bytes that are no text are shown as ␛, \\x9b, \\xff;
nothing in a log is ever carried out.
"""
