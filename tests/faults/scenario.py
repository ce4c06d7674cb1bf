"""Workspaces with a past and something waiting, real processes on them, and what must hold afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import checker
from tests.faults.checker import BACKUPS, RAW, VALIDATED, Expected
from tests.faults.people import Person
from tests.support import invalid_record, make_workspace, valid_record, write_raw
from tests.support.cli import cli_environment
from tests.support.workspace import encode

MARK = "OPSCONSOLE_TEST_MARK"  # in the environment of everything we start: finds what outlives its parent


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended: exit status (negative: killed by that signal), its output, its JSON lines."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    @property
    def summary(self) -> dict[str, Any]:
        """The last JSON line, which is the summary; empty where the command died before it."""
        events = self.events
        return events[-1] if events and events[-1].get("event") == "summary" else {}

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass(slots=True)
class Started:
    """A command on its way, in a process group of its own."""

    process: subprocess.Popen[str]
    mark: str
    began: float

    def finish(self, timeout: float = 60) -> Done:
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            end_all(self.mark)
            out, err = self.process.communicate()
            raise AssertionError(f"still running after {timeout} s\n{out}\n{err}") from None
        return Done(self.process.returncode, out, err, time.monotonic() - self.began)


def start(
    root: Path,
    *args: str,
    failpoint: str = "",
    prefix: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
    who: Person | None = None,
) -> Started:
    """`python -m console --root ROOT ARGS...`; prefix: a wrapper such as strace; before: runs in it.

    who: another user than the one who runs the tests; the wrapper is then that user's as well.
    """
    mark = secrets.token_hex(8)
    environ = cli_environment({**(who.environ() if who else {}), **(env or {})}) | {MARK: mark}
    if failpoint:
        environ["OPSCONSOLE_FAILPOINT"] = failpoint
    began = time.monotonic()
    process = subprocess.Popen(
        [*prefix, who.python if who else sys.executable, "-P", "-m", "console", "--root", str(root), *args],
        cwd=root,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="surrogateescape",
        start_new_session=True,
        preexec_fn=before,  # noqa: PLW1509 - this process has no threads
        **(who.rights() if who else {}),
    )
    return Started(process, mark, began)


def run(root: Path, *args: str, timeout: float = 60, **more: Any) -> Done:
    """Start a command and wait for its end."""
    return start(root, *args, **more).finish(timeout)


def migrate(root: Path, *args: str, **more: Any) -> Done:
    """`migrate --yes --json ARGS...`, to its end."""
    return run(root, "migrate", "--yes", "--json", *args, **more)


def alive(mark: str) -> list[int]:
    """The processes that carry a mark, zombies left out."""
    found = []
    wanted = f"{MARK}={mark}".encode()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if wanted in Path("/proc", entry, "environ").read_bytes().split(b"\0"):
                    found.append(int(entry))
            except OSError:
                continue  # gone, or another's
    return found


def end_all(mark: str) -> None:
    """Kill what carries a mark: only our own children and theirs."""
    for pid in alive(mark):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Look until `condition` holds; fails saying what was waited for."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.005)


@dataclass(slots=True)
class Scenario:
    """A workspace, every version each destination may have, and its raw zone before the fault."""

    root: Path
    known: dict[str, frozenset[str]]
    raw: dict[str, checker.RawFile] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()
    restored: bool = False

    def copy(self, place: Path) -> Scenario:
        """The same workspace elsewhere, times kept, inodes new: as a restored one is."""
        shutil.copytree(self.root, place, symlinks=True)
        return Scenario(place, self.known, restored=True).remember()

    def remember(self) -> Scenario:
        """Take the raw zone and the folders as they are now for what must not change."""
        self.raw = checker.snapshot_raw(self.root)
        self.folders = checker.snapshot_folders(self.root)
        return self

    def expected(self, **more: Any) -> Expected:
        return Expected(self.known, self.raw, self.folders, restored=self.restored, **more)

    def examine(self, *, settled: bool = True, **more: Any) -> list[str]:
        """The checker's findings as text."""
        found = checker.examine(self.root, self.expected(**more), settled=settled)
        return [str(finding) for finding in found]


def end_state(root: Path) -> dict[str, Any]:
    """What runs that converged have in common: published tree, backups whichever run made them, mirror."""
    backups = {}
    for path in checker.walk_files(root / BACKUPS):
        backups[path.relative_to(root / BACKUPS).as_posix().split("/", 1)[1]] = checker.sha256_of(path)
    state = root / checker.STATE
    entries = json.loads(state.read_bytes())["processed_files"] if state.exists() else {}
    return {
        "validated": checker.tree(root),
        "backups": backups,
        "raw": checker.tree(root, RAW),
        "mirror": {name: (entry["checksum"], entry["dest_path"]) for name, entry in entries.items()},
    }


def dump(source: str, number: int, suffix: str) -> str:
    """The path of a data file below the raw zone."""
    return f"{source}/dumps/2024-01-{number % 28 + 1:02d}_{number:06d}/data.{suffix}"


def first_name(number: int) -> str:
    """The path of a file of the first version: two sources by turns, all formats."""
    return dump(("alpha", "beta")[number % 2], number, ("json", "jsonl", "csv")[number // 2 % 3])


# The raw file whose second version fails: its first one stays published.
SPOILT = first_name(1)


def first_version(files: int) -> dict[str, object]:
    """`files` data files of two sources in all formats, a sidecar beside every third; two of them fail."""
    content: dict[str, object] = {}
    for number in range(files):
        path, source = first_name(number), ("alpha", "beta")[number % 2]
        content[path] = [valid_record(1000 * number + n) for n in range(3)]
        if number % 3 == 0:
            content[path.rsplit("/", 1)[0] + "/_metadata.json"] = {"source_name": source, "version": 1}
    content["gamma/manual/bad.json"] = [invalid_record(1), valid_record(2)]
    content["gamma/manual/torn.jsonl"] = b'{"grant_id": "x"'
    return content


def second_version(files: int) -> dict[str, object]:
    """What comes later: a third replaced, one of them by a version that fails, as many new ones, sidecars."""
    content: dict[str, object] = {}
    for number in range(0, files, 3):
        path, source = first_name(number), ("alpha", "beta")[number % 2]
        content[path] = [valid_record(1000 * number + 500 + n) for n in range(4)]
        content[path.rsplit("/", 1)[0] + "/_metadata.json"] = {"source_name": source, "version": 2}
        content[dump("delta", number, "json")] = [valid_record(1000 * number + 900)]
        content[dump("delta", number, "json").rsplit("/", 1)[0] + "/_metadata.json"] = {"source_name": "delta"}
    content[SPOILT] = [invalid_record(6)]
    return content


def versions(*contents: Mapping[str, object]) -> dict[str, frozenset[str]]:
    """Destination -> digests of every version of it that may be published."""
    found: dict[str, frozenset[str]] = {}
    for content in contents:
        for path, value in content.items():
            dest = f"{VALIDATED}/{path}"
            digest = hashlib.sha256(encode(path, value)).hexdigest()
            found[dest] = found.get(dest, frozenset()) | {digest}
    return found


# Paths of the scenario whose content never may be published.
FAILING = frozenset({"gamma/manual/bad.json", "gamma/manual/torn.jsonl"})


def make_fresh(root: Path, files: int = 12, config: Mapping[str, Any] | None = None) -> Scenario:
    """A workspace in which nothing has run yet."""
    first = first_version(files)
    make_workspace(root, first, config)
    publishable = {path: value for path, value in first.items() if path not in FAILING}
    return Scenario(root.resolve(), versions(publishable)).remember()


def make_waiting(root: Path, files: int = 12, config: Mapping[str, Any] | None = None) -> Scenario:
    """A workspace in which one run has published the first version, and the second waits."""
    fresh = make_fresh(root, files, config)
    done = migrate(fresh.root)
    assert done.status == 1, done.text  # two files fail
    return add_second(fresh, files)


def make_died(
    root: Path, files: int = 12, config: Mapping[str, Any] | None = None, failpoint: str = "batch.renamed"
) -> tuple[Scenario, str]:
    """A workspace whose first migrate was killed when it had renamed every file of its batch into the zone: its intents
    name them, and no outcome is recorded. With the id of that run.
    """
    fresh = make_fresh(root, files, config)
    done = run(fresh.root, "migrate", "--yes", "--foreground", failpoint=failpoint)
    assert done.status == -signal.SIGKILL, done.text
    return fresh, ledger_rows(fresh.root, "SELECT id FROM runs ORDER BY seq DESC LIMIT 1")[0][0]


def ledger_rows(root: Path, sql: str) -> list[tuple[Any, ...]]:
    """What the ledger answers, as another program reads it."""
    with closing(sqlite3.connect(f"file:{root / checker.LEDGER}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def add_second(scenario: Scenario, files: int = 12) -> Scenario:
    """Put the second version into the raw zone, as a scraper does."""
    second = second_version(files)
    for path, value in second.items():
        write_raw(scenario.root, path, value)
    later = versions({path: value for path, value in second.items() if path != SPOILT})
    known = {
        dest: scenario.known.get(dest, frozenset()) | later.get(dest, frozenset())
        for dest in scenario.known.keys() | later.keys()
    }
    return Scenario(scenario.root, known).remember()


__all__ = [
    "RAW",
    "VALIDATED",
    "Done",
    "Scenario",
    "Started",
    "add_second",
    "alive",
    "end_all",
    "end_state",
    "ledger_rows",
    "make_died",
    "make_fresh",
    "make_waiting",
    "migrate",
    "run",
    "start",
    "wait_for",
]
