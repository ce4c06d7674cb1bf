"""What happens to a workspace, and what one probe has to say of it at each point: the frame of the stories."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from console.engine.checks.checklists import ask, looking
from console.engine.checks.kept import Result
from console.engine.runs.query import process_started
from console.engine.settings.checklists import ItemSetting, read_probe
from tests.engine.checks.site import LEDGER, Site
from tests.support import make_workspace, valid_record

GOOD = {f"alpha/{n}.json": valid_record(n) for n in range(3)} | {"beta/a.csv": [valid_record(9)]}
SCHEMA = "config/schemas/small.json"
ALPHA = "data/raw/funding_sources/alpha"


CRON = "etc-crontab"  # beside the workspaces of a story: what cron is told


def cron(place: Path, lines: str) -> None:
    (place / CRON).write_text(lines)


def real_now(**later: float) -> str:
    """The time that the inodes of this moment have."""
    return (datetime.now(UTC) + timedelta(**later)).isoformat()


class Scene(NamedTuple):
    """The probe is asked now: verdict, a part of its evidence, its parameters."""

    site: Site
    verdict: str
    part: str
    given: dict[str, Any] = {}  # noqa: RUF012 - never changed
    read_only: bool = False


Story = Callable[[Path], Iterator[Scene]]
STORIES: dict[str, Story] = {}


def story(probe: str) -> Callable[[Story], Story]:
    def keep(function: Story) -> Story:
        assert probe not in STORIES
        STORIES[probe] = function
        return function

    return keep


def asked(site: Site, probe: str, given: dict[str, Any], *, read_only: bool = False, stop: bool = False) -> Result:
    """What the probe says; stop: nobody waits for the answer."""
    _, parameters = read_probe({"probe": probe, "parameters": given}, "a test", "given")
    with looking(site.ctx(read_only=read_only), lambda: stop) as look:
        return ask(look, "procedure", ItemSetting(probe, probe, "probe", probe, parameters))


def fresh(place: Path, files: dict[str, Any] | None = None, **config: Any) -> Site:
    """Nothing was run here yet."""
    return Site(make_workspace(place, GOOD if files is None else files, config))


def published(place: Path, files: dict[str, Any] | None = None, **config: Any) -> Site:
    """One migrate has published what could be."""
    site = fresh(place, files, **config)
    site.migrate()
    return site.later(minutes=5)


def sql(site: Site, statement: str, *values: Any) -> None:
    """What no program of ours does to a ledger."""
    with closing(sqlite3.connect(site.root / LEDGER)) as connection, connection:
        connection.execute(statement, values)


@contextmanager
def closed(path: Path) -> Iterator[None]:
    """Nobody may look into it, and whoever asks is somebody whom permissions bind."""
    mode, root = path.stat().st_mode, os.geteuid() == 0
    os.chmod(path, 0)
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        os.chmod(path, mode)


@contextmanager
def broken_ledger(site: Site) -> Iterator[None]:
    """No ledger at all."""
    ledger = site.root / LEDGER
    kept = ledger.read_bytes()
    ledger.write_bytes(b"no ledger at all" * 1000)
    try:
        yield
    finally:
        ledger.write_bytes(kept)


@contextmanager
def running(site: Site) -> Iterator[None]:
    """The newest run goes on: in this process, as far as anybody can tell."""
    with closing(sqlite3.connect(site.root / LEDGER)) as connection:
        seq, status, pid, began = connection.execute(
            "SELECT seq, status, pid, pid_started FROM runs ORDER BY seq DESC LIMIT 1"
        ).fetchone()
    change = "UPDATE runs SET status = ?, pid = ?, pid_started = ?, host = ? WHERE seq = ?"
    sql(site, change, "running", os.getpid(), process_started(os.getpid()), os.uname().nodename, seq)
    try:
        yield
    finally:
        sql(site, change, status, pid, began, os.uname().nodename, seq)


def disk(place: Path, of: Path) -> None:
    """A machine whose file system lies on the second partition of /dev/sdx, as /sys shows it."""
    number = os.stat(of).st_dev
    whole = place / "sys/devices/block/sdx"
    (whole / "sdx2").mkdir(parents=True)
    (whole / "sdx2/partition").write_text("2\n")
    (place / "sys/dev/block").mkdir(parents=True)
    os.symlink(whole / "sdx2", place / f"sys/dev/block/{os.major(number)}:{os.minor(number)}")


def smartctl(place: Path, says: Any, *, status: int = 0) -> None:
    """A smartctl that says this of every disk."""
    program = place / "bin/smartctl"
    program.parent.mkdir(exist_ok=True)
    (place / "said").write_text(says if isinstance(says, str) else json.dumps(says))
    program.write_text(f"#!/bin/sh\n/bin/cat {place}/said\nexit {status}\n")
    program.chmod(0o755)
