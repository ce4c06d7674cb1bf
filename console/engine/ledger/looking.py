"""Which ledgers this process only looks at. Light: whoever starts a run loads no database for it."""

from __future__ import annotations

# Paths of ledgers of read-only sessions: their readers write nothing at all, not even SQLite's shared index.
looked_at_only: set[str] = set()
