"""Runs and trends in a real terminal: two weeks on the Overview, runs filtered, compared, attached to, led from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.engine.context import open_context
from console.engine.ledger.store import transaction
from tests.cli.harness import HELD, held_run, start
from tests.engine.ledger.filled import add_run, opened
from tests.support import invalid_record, make_workspace, run_cli, valid_record, write_raw
from tests.terminal.screen import Terminal
from tests.terminal.test_hostile import ACTS, NAME

STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"
WHO = "[@click=app.quit]\x1b]52;c;aGFja2Vk\x07\u202eana"


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """Runs of five earlier days by somebody whose name would act, then two of today: after the second one file newly
    fails, one has other bytes, one with a name that would act is new."""
    root = make_workspace(tmp_path / "ws", {"src/one.json": [valid_record(1)], "src/two.json": [valid_record(2)]})
    ctx = open_context(root)
    ctx.workspace.private.mkdir()
    with opened(ctx) as connection, transaction(connection):
        for seq in range(1, 6):
            begun = datetime.now(UTC) - timedelta(days=7 - seq)
            add_run(
                connection,
                seq,
                status="partial" if seq == 3 else "done",
                who=json.dumps({"login": WHO}),
                started_at=begun.strftime(STAMP),
                ended_at=(begun + timedelta(seconds=40)).strftime(STAMP),
                counts=json.dumps({"processed": 100 * seq, "failed": 100 if seq == 3 else 0}),
            )
            # fuller than the disk that the test runs on
            disk = ["/[b]\x1b[2J", begun.strftime(STAMP), seq * 10**9, 53 * 10**8]
            connection.execute("INSERT INTO samples VALUES ('filesystem', ?, ?, ?, ?, -1, -1)", disk)
    assert run_cli(root, "migrate", "--yes").returncode == 0
    write_raw(root, "src/one.json", [invalid_record(0)])
    write_raw(root, "src/two.json", [valid_record(3)])
    write_raw(root, f"src/{NAME}", [valid_record(4)])
    assert run_cli(root, "migrate", "--yes").returncode == 1
    return root


def cursor_at(t: Terminal, line: int) -> None:
    t.wait(lambda: t.lines[line].startswith("▸"))


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 40), marks=pytest.mark.soak)])
def test_filtered_compared_led_from_and_attached_to(ran: Path, size: tuple[int, int]) -> None:
    with Terminal(ran, size=size) as t:
        t.wait("14 days")
        t.wait("at most 500, 1,504 in all")
        t.wait("4 today")
        t.wait("20 % today")
        t.wait("25 %, 101 in all")
        assert ("+4.0 GB in 4 days" in t.page and "/[b]␛[2J" in t.page) or size[0] == 80
        t.press("6")
        t.wait("m: mark")
        t.send(b"/by:ana status:part\r")  # typed ahead of the field, which is made when it is asked for first
        t.wait("1 of 7 runs   by:ana status:part")
        cursor_at(t, 5)
        t.press("esc")
        t.wait("m: mark")
        t.press("/")
        t.wait("action:migrate")  # how a filter is written
        t.press("esc")
        t.gone("action:migrate")
        t.press("\x1b[H")
        cursor_at(t, 5)
        t.press("m")
        t.wait("● migrate ")
        t.press("down")
        cursor_at(t, 6)
        t.press("c")
        t.wait("1 newly failing, 1 other checksum, 1 new")
        t.wait("one.json")
        assert "before" in t.lines[3] and "after" in t.lines[4] and "record fails" in t.page
        t.press("enter")
        t.wait("▐3 State▌")
        t.wait("Record 1")
        t.press("6")
        t.wait("files stand otherwise")
        t.press("esc")
        t.wait("c: compare with it")
        t.press("esc")
        t.wait("m: mark")
        t.press("up")
        cursor_at(t, 5)
        t.press("enter")
        t.wait("plan the rollback of")
        t.press("b")
        t.wait("[ Roll back 2 files ]")
        t.press("esc")
        t.gone("[ Roll back 2 files ]")
        t.press("r")
        t.wait("Report of")
        t.press("esc")
        t.gone("Report of")
        t.press("c")
        t.wait("files stand otherwise")
        t.press("esc")
        t.wait("Enter: why and where")
        t.press("g")
        t.wait("▐3 State▌")
        t.wait("1 cause")
        attach(t, ran)
        t.press("ctrl+q")
        assert t.ended(10) == 0
        assert not any(bytes_ in t.raw for bytes_ in ACTS)


def attach(t: Terminal, root: Path) -> None:
    """A run that somebody else started is followed to its end."""
    for number in range(60):
        write_raw(root, f"src/more/{number:02}.json", [valid_record(100 + number)])
    other = start(root, "migrate", "--yes", env=HELD)
    try:
        with held_run(root):
            t.press("6")
            t.wait("▐6 Runs▌")
            if t.columns == 80:  # else the list stands beside it
                t.press("esc")
            t.wait("t: attach")
            assert "[ Cancel this run ]" not in t.page
            t.press("t")
            t.wait("[ Cancel this run ]")
            t.wait("/60")
        t.wait("60 published")
        t.wait("b: plan the rollback of 60 changes")
        t.gone("[ Cancel this run ]")
        other.communicate(timeout=60)
    finally:
        other.kill()
        other.communicate()
