"""Opening a runbook from the palette in a real terminal: its file, its sections, a session in the Procedures pane."""

from __future__ import annotations

from pathlib import Path

from tests.support import make_workspace, valid_record
from tests.terminal.screen import Terminal

BOOK = """\
# Desk

## Look

```bash
ls data/raw/funding_sources/[source_name]
```

## Hard

```bash
rm -rf x
```
"""


def test_a_runbook_is_opened_from_the_palette_and_walked(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws", {"alpha/x.json": [valid_record(1)]})
    (root / "book.md").write_text(BOOK)
    with Terminal(root) as terminal:
        terminal.wait("Waiting", 30)
        terminal.press(":")
        terminal.wait("Search", 20)
        terminal.send(b"open a run")
        terminal.wait("walk a section", 20)
        terminal.press("enter")
        terminal.wait("Read it", 20)
        terminal.send(b"none.md\t\t\r")
        terminal.wait("the runbook cannot be read", 20)
        terminal.press(":")
        terminal.wait("Search", 20)
        terminal.send(b"open a run")
        terminal.wait("walk a section", 20)
        terminal.press("enter")
        terminal.wait("Read it", 20)
        terminal.send(b"book.md\t\t\r")
        terminal.wait("Hard  (1 block: deletes)", 20)
        terminal.send(b"look\t\t\r")
        terminal.wait("What is [source_name]", 20)
        terminal.wait("alpha", 20)
    (journal,) = (root / ".opsconsole/sessions").glob("*.jsonl")
    assert "runbook-look" in journal.name
