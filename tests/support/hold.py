"""Holding a run still where others can go on: not in the middle of a transaction, where they would wait for it."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path


def _ledger_is_free(root: Path) -> bool:
    """Whether others can write."""
    with closing(sqlite3.connect(root / ".opsconsole/ledger.sqlite", timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.rollback()
        return True


def _turns(pid: int) -> int:
    """How often the process got and gave up a processor (proc(5), status)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


def stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def hold(pid: int, root: Path, seconds: float = 30) -> None:
    """Stop the process between two transactions. Raises AssertionError where that does not come about."""
    until = time.monotonic() + seconds
    while True:
        os.kill(pid, signal.SIGSTOP)
        while not stopped(pid):
            assert time.monotonic() < until, "it does not stop"
        if _ledger_is_free(root):
            return
        turns = _turns(pid)
        os.kill(pid, signal.SIGCONT)
        while _turns(pid) == turns:  # on a busy machine it would be stopped again before it had a turn
            assert time.monotonic() < until, "it does not go on"
        assert time.monotonic() < until, "it is always in a transaction"
