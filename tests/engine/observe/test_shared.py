"""What the overview says of a workspace that is shared with another program: one alert a cause."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from console.engine.context import Context, open_context
from console.engine.ledger.mirror import write_mirror
from console.engine.ledger.store import transaction
from console.engine.observe.alerts import Cause, Level
from console.engine.observe.overview import Overview, overview
from console.engine.observe.state_file import look_at_state_file, with_state_file
from tests.engine.ledger.filled import STATE, add_run, filled_workspace, opened
from tests.support import fixed_environment, make_workspace
from tests.support.another import foreign_entry, large_state, upgrade_beyond, write_as_another


@pytest.fixture
def bare(tmp_path: Path) -> Context:
    """A workspace without a ledger, a state file and published files."""
    return open_context(make_workspace(tmp_path / "ws"), env=fixed_environment())


@pytest.fixture
def ours(tmp_path: Path) -> Context:
    """A workspace of ours with a state file that we wrote."""
    ctx = filled_workspace(tmp_path / "ws")
    with opened(ctx) as connection:
        write_mirror(ctx, connection, 1)
    return ctx


def causes(seen: Overview) -> list[Cause]:
    return [alert.cause for alert in seen.alerts]


def looked(ctx: Context) -> Overview:
    return with_state_file(overview(ctx), look_at_state_file(ctx))


def test_a_state_file_is_counted_about_and_dated(bare: Context) -> None:
    root = bare.workspace.root
    large_state(root, 3000)
    os.utime(root / STATE, (1_700_000_000, 1_700_000_000))
    (root / "data/_backups/migration_1").mkdir()
    (root / "data/transformed/validated/a.json").write_text("{}")
    seen = overview(bare)
    assert causes(seen) == [Cause.ADOPTION] and seen.counted == 0
    offer = seen.alerts[0]
    assert offer.level == Level.OFFER
    number = int(offer.text.partition("about ")[2].partition(" ")[0].replace(",", ""))
    assert 2700 < number < 3300
    assert "1 published file" in offer.text and "1 backup" in offer.text
    assert offer.at == "2023-11-14T22:13:20.000000Z"
    assert not (root / ".opsconsole").exists()


def test_published_files_alone_are_found_and_many_are_not_counted_out(
    bare: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.engine.observe.others._COUNTED", 3)
    for name in "abcde":
        (bare.workspace.root / f"data/transformed/validated/{name}.json").write_text("{}")
    assert "3 or more published files" in overview(bare).alerts[0].text


def test_a_broken_state_file_of_another_program_is_said(bare: Context) -> None:
    (bare.workspace.root / STATE).write_text('{"processed_files": \n  {"a": nonsense}}')
    seen = looked(bare)
    assert causes(seen) == [Cause.BROKEN_STATE_FILE]
    assert "line 2, column 9" in seen.alerts[0].text


def test_a_broken_state_file_is_one_alert_with_its_repairs(ours: Context) -> None:
    root = ours.workspace.root
    good = (root / STATE).read_text()
    (root / f"{STATE}.bak").write_text(good)
    (root / STATE).write_text(good[:300])
    with opened(ours) as connection, transaction(connection):
        add_run(connection, 2, status="refused", message="refused: mirror: the state file does not parse")
    assert set(causes(overview(ours))) == {Cause.LAST_RUN, Cause.STATE_FILE}
    seen = looked(ours)
    assert causes(seen) == [Cause.BROKEN_STATE_FILE]
    text = " ".join(seen.alerts[0].details)
    assert "does not parse at line" in seen.alerts[0].text
    assert "cp " in text and "mv " in text and STATE in text


def test_another_writer_is_one_alert_that_says_what_it_wrote(ours: Context) -> None:
    write_as_another(ours.workspace.root)
    seen = looked(ours)
    assert causes(seen) == [Cause.STATE_FILE]
    assert seen.alerts[0].text.startswith("another program wrote the state file at ")
    assert "1 entry added" in seen.alerts[0].text
    assert any("late/data.json" in line for line in seen.alerts[0].details)


def test_an_edit_by_hand_is_told_from_another_writer(ours: Context) -> None:
    document = json.loads((ours.workspace.root / STATE).read_text())
    taken = next(iter(document["processed_files"]))
    del document["processed_files"][taken]
    (ours.workspace.root / STATE).write_text(json.dumps(document))
    alert = looked(ours).alerts[0]
    assert "was edited: 1 entry taken out" in alert.text and any(taken in line for line in alert.details)


def test_the_same_content_written_again_is_no_alert(ours: Context) -> None:
    state = ours.workspace.root / STATE
    state.write_bytes(state.read_bytes() + b" ")
    os.utime(state, (1, 1))
    assert causes(overview(ours)) == [Cause.STATE_FILE]
    assert causes(looked(ours)) == []


def test_what_was_found_stays_while_the_file_goes_on_changing(ours: Context) -> None:
    write_as_another(ours.workspace.root, "one")
    look = look_at_state_file(ours)
    write_as_another(ours.workspace.root, "two")
    seen = with_state_file(overview(ours), look)
    assert "1 entry added" in seen.alerts[0].text


def test_a_workspace_that_was_left_says_by_whom_and_nothing_else(ours: Context) -> None:
    note = {"run": "20260301T100000Z-leave-0009", "at": "2026-03-02T10:00:00.000000Z", "by": "bob"}
    with opened(ours) as connection:
        connection.execute("INSERT INTO meta VALUES ('left', ?)", [json.dumps(note)])
        with transaction(connection):
            add_run(connection, 2, status="refused", message="refused: adoption: this workspace was given back")
    write_as_another(ours.workspace.root)
    seen = looked(ours)
    assert causes(seen) == [Cause.LEFT]
    assert "given back to its own scripts by bob" in seen.alerts[0].text
    assert seen.alerts[0].at == note["at"]


def test_a_newer_ledger_is_read_and_names_the_program_that_is_needed(ours: Context) -> None:
    upgrade_beyond(ours.workspace.root)
    seen = overview(ours)
    assert causes(seen) == [Cause.NEWER_LEDGER] and seen.runs and seen.published == 4
    assert "opsconsole 0.9.0" in seen.refusal and "version 7" in seen.refusal


def test_a_newer_ledger_that_cannot_be_read_refuses_too(ours: Context) -> None:
    upgrade_beyond(ours.workspace.root)
    with opened_raw(ours) as connection:
        connection.execute("UPDATE meta SET value = '6' WHERE key = 'readable_from'")
    seen = overview(ours)
    assert causes(seen) == [Cause.NEWER_LEDGER] and not seen.runs and "0.9.0" in seen.refusal


def test_an_older_ledger_is_a_quiet_line(ours: Context) -> None:
    with opened(ours) as connection:
        for table in ("foreign_entries", "foreign_files", "visits"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 1")
    seen = overview(ours)
    assert causes(seen) == [Cause.OLDER_LEDGER] and seen.counted == 0 and not seen.refusal


def test_what_is_not_ours_is_one_quiet_line_with_names(ours: Context) -> None:
    with opened(ours) as connection:
        connection.executemany("INSERT INTO foreign_files VALUES (?, 1, 1)", [[f"f{n:02}.json"] for n in range(25)])
        value = json.dumps(foreign_entry(1))
        connection.execute("INSERT INTO foreign_entries (path, value, reason) VALUES ('x.json', ?, 'gone')", [value])
    (ours.workspace.root / "data/_backups/20260301T100000Z-migrate-0001").mkdir()
    (ours.workspace.root / "data/_backups/old\x1b[2J").mkdir()
    seen = overview(ours)
    assert causes(seen) == [Cause.OTHERS] and seen.counted == 0
    note = seen.alerts[0]
    assert note.text == "left alone, of another program: 25 files, 1 entry, 1 backup"
    said = "\n".join(note.details)
    assert "f00.json" in said and "and 5 more" in said and "x.json: gone" in said and "0001" not in said


def test_adoption_is_not_offered_while_a_run_is_in_progress(bare: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.engine.observe.overview.is_alive", lambda run: True)
    large_state(bare.workspace.root, 10)
    bare.workspace.private.mkdir()
    with opened(bare) as connection, transaction(connection):
        add_run(connection, 1, action="adopt", status="running", ended_at=None)
    assert causes(overview(bare)) == []
    with opened(bare) as connection:
        connection.execute("UPDATE runs SET status = 'cancelled', ended_at = '2026-03-01T10:00:04.000000Z'")
    seen = overview(replace(bare))
    assert causes(seen) == [Cause.ADOPTION] and seen.counted == 1


def opened_raw(ctx: Context):  # type: ignore[no-untyped-def]
    """The ledger as SQLite has it, whatever its version."""
    import sqlite3
    from contextlib import closing

    return closing(sqlite3.connect(ctx.workspace.ledger, isolation_level=None))
