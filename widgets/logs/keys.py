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
    Binding("L", "level(-1)", "All levels again", show=False),
    # priority: handled before the next key is passed on, so that what is typed ahead lands in the prompt
    Binding("slash", "search", "Find", priority=True),
    Binding("n", "again(False)", "Next match", show=False),
    Binding("N", "again(True)", "Previous match", show=False),
    Binding("e", "error(False)", "Next error", show=False),
    Binding("E", "error(True)", "Previous error", show=False),
    Binding("w", "wrap", "Wrap long lines", show=False),
    Binding("s", "short", "Short or whole lines", show=False),
    Binding("o", "files", "Other logs"),
    Binding("enter", "record", "Whole record"),
    Binding("escape", "back", "Back", show=False),
]

HELP = """\
# Logs
One log at a time, opened at its end. A full page moves up by a third at
once, so that what you read stands still.

up down j k      the line under the cursor; moving up pauses
PageUp PageDown  a page; arriving at the end follows again
g G Home End     beginning; end, and follow
f                follow or pause; paused, new lines are counted
l L              info, warning, error and above; all again
e E              next and previous error
/                find a text; Ctrl+R: a regular expression;
                 capitals count as soon as you type one
n N              next and previous match among what the level shows
s                short lines: time, level, what, file, why
left right w     sideways in long lines; wrap them
Enter            the whole record, laid out; Esc: back
o                other logs: structured, rotated, errors of runs

✗ error or worse   ! warning   · debug
▸ what happened to the file: rotated, truncated, replaced, gone
Controls and bytes that are no text are shown as ␛, \\x9b, \\xff;
nothing in a log is ever carried out.
"""
