"""Alerts over time: raised and over, acknowledged and back again, one line a cause, no history and no alert."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.engine.checks.alerts.answers import acknowledge
from console.engine.checks.alerts.disk import disk
from console.engine.checks.alerts.settle import settled
from console.engine.context import Context, open_context
from console.engine.errors import ReadOnlyError, UsageError
from console.engine.model import ActionParams, Check
from console.engine.observe.alerts import Cause
from console.engine.observe.disk import ZoneDisk
from console.engine.observe.failures import FailureSelection
from console.engine.observe.failures_accept import accept
from console.engine.observe.logs_errors import log_errors
from console.engine.runs.start import run_foreground
from tests.engine.checks.alert_site import DAY, HOUR, Site
from tests.engine.checks.test_alert_rules import bad, good
from tests.support import fixed_environment, make_workspace, shared_corpus, valid_record
from tests.support.their_workspace import incumbent_workspace

STATE = "logs/migration/.migration_state.json"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return open_context(make_workspace(tmp_path_factory.mktemp("plain") / "ws"), env=fixed_environment())


def filled(percent: float, inodes: float = 1.0) -> ZoneDisk:
    used, nodes = round(percent * 1000), round(inodes * 1000)
    return ZoneDisk(("raw",), "/srv", "ext4", 100_000, used, 100_000 - used, 100_000, 100_000 - nodes, used / 1000)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([10.0, 76.9, 77.1, 79.9, 80.0, 80.1, 94.9, 95.0, 100.0]), max_size=20), st.booleans())
def test_a_disk_that_was_raised_is_over_only_well_below(plain: Context, percents: list[float], by_inodes: bool) -> None:
    raised: list[str] = []
    expected = False
    for percent in percents:
        one = filled(1.0, percent) if by_inodes else filled(percent)
        (reading,) = disk(plain, None, before=raised, disks=[one])
        expected = percent > 80 or (expected and percent > 77)
        assert reading.alerts == expected
        assert (reading.verdict == Check.FAIL) == (percent >= 95)
        raised = [reading.key] if reading.alerts else []


def test_files_that_fail_and_their_rate_are_one_line(tmp_path: Path) -> None:
    """As bad as the worse of the two, and back when it is; answered for file by file, the rate needs nobody."""
    site = Site(tmp_path / "ws", {**bad(4), **good(9)}, {"off": ["disk", "errors"]})
    site.migrate()
    (one,) = site.alerts().values()
    assert (one.verdict, one.text) == (
        Check.WARN,
        "4 files fail and nobody answered; 31 % of files judged in 7 days failed: 4 of 13",
    )
    acknowledge(site.ctx, [one], "asked the source")
    assert not site.alerts()
    for path, content in bad(9, "gamma").items():
        site.put(path, content)
    site.migrate()
    worse = next(alert for alert in site.alerts().values() if alert.cause == Cause.FAILING)
    assert worse.verdict == Check.FAIL and "59 %" in worse.text
    accept(site.ctx, FailureSelection(everything=True), "they are like that")
    assert Cause.FAILURE_RATE not in [alert.cause for alert in site.alerts().values()]
    assert any("each is answered for" in alert.text for alert in settled(site.ctx).overview.alerts)


def test_an_acknowledged_alert_comes_back_only_when_it_is_worse(tmp_path: Path) -> None:
    site = Site(tmp_path / "ws", bad(6), {"errors": 4, "errors_critical": 30, "off": ["disk", "failure-rate"]})
    site.migrate()
    standing = site.alerts()
    (key,) = [key for key in standing if key.startswith("errors:")]
    with pytest.raises(UsageError):
        acknowledge(site.ctx, [standing[key]], "  ")
    with pytest.raises(ReadOnlyError):
        acknowledge(dataclasses.replace(site.ctx, read_only=True), [standing[key]], "the funder knows")
    site.later(60)
    acknowledge(site.ctx, standing.values(), "the funder knows")
    assert site.alerts() == {}
    # the files still fail; of the errors none is left that nobody has answered for
    (note,) = [alert for alert in settled(site.ctx).overview.alerts if alert.answer]
    assert (note.cause, note.next_step[:19]) == (Cause.FAILING, "acknowledged by ana")
    # four more are no more than the limit; the files that fail are more than they were, which is another cause
    site.later(60)
    for path, content in bad(4, "gamma").items():
        site.put(path, content)
    site.migrate()
    assert key not in site.alerts()
    site.later(60)
    for path, content in bad(4, "delta").items():
        site.put(path, content)
    site.migrate()
    assert site.alerts()[key].measure == 8  # since it was acknowledged
    site.later(25 * HOUR)
    assert key not in site.alerts()  # over by itself


def test_worse_is_a_higher_verdict_too(tmp_path: Path) -> None:
    site = Site(tmp_path / "ws", good(3))
    site.migrate()
    site.later(25 * HOUR)
    site.put("alpha/new.json", [valid_record(7)])
    # it came long ago, says its source; the file itself came just now
    acknowledge(site.ctx, [site.alerts()["no-migration"]], "the timer is off until Monday")
    site.later(20 * HOUR)
    assert "no-migration" not in site.alerts()
    site.later(30 * HOUR)
    assert site.alerts()["no-migration"].verdict == Check.FAIL
    acknowledge(site.ctx, [site.alerts()["no-migration"]], "still off")
    assert "no-migration" not in site.alerts()
    site.migrate()
    assert site.alerts() == {}
    site.later(25 * HOUR)
    site.put("alpha/newer.json", [valid_record(8)])
    assert site.alerts()["no-migration"].verdict == Check.WARN  # it began anew


def test_one_line_a_cause_however_often_it_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path / "ws", {**good(30), **bad(15, "one"), **bad(15, "two")}, {"collecting_days": 0})
    site.migrate()
    (errors,) = [alert for key, alert in site.alerts().items() if key.startswith("errors:")]
    assert errors.text.startswith("30 errors")
    for number in range(2):  # another program alters the state file, again and again
        document = json.loads((site.root / STATE).read_bytes())
        document["processed_files"][list(document["processed_files"])[number]]["checksum"] = "0" * 64
        (site.root / STATE).write_text(json.dumps(document))
        assert [alert.cause for alert in site.alerts().values()].count(Cause.STATE_FILE) == 1
        site.migrate()
    (site.root / STATE).write_text("{torn")
    site.put("one/new.json", [valid_record(1)])
    monkeypatch.setattr("console.engine.ledger.mirror_find.PATIENCE", 0.1)  # nobody is writing it
    for _ in range(2):
        assert site.migrate() == 5
        site.later(40 * HOUR)
    causes = [alert.cause for alert in site.alerts().values()]
    assert causes.count(Cause.BROKEN_STATE_FILE) == 1
    # whether files wait cannot be told then; that is the same trouble
    assert Cause.NO_MIGRATION not in causes
    assert len(causes) == len(set(causes))


def test_a_week_after_adoption_what_needs_history_is_no_alert(tmp_path: Path) -> None:
    incumbent_workspace(tmp_path / "ws")
    config = tmp_path / "ws/config/console.toml"
    config.parent.mkdir(exist_ok=True)
    site = Site(tmp_path / "ws", {"waiting/new.json": [valid_record(1)]})
    assert run_foreground(site.ctx, "adopt", ActionParams()) == 0
    site.later(6 * DAY)
    assert site.alerts() == {}
    for rule in ("no-migration", "failure-rate", "time-per-file", "mismatch", "schema"):
        (reading,) = site.ask(rule)
        assert (reading.verdict, reading.collecting) == (Check.UNKNOWN, True)
    (late,) = site.ask("no-migration")
    assert "collecting: since 6 days, of 7 days" in late.text
    site.later(2 * DAY)
    assert list(site.alerts()) == ["no-migration"]


def test_errors_of_twelve_runs_are_counted_as_grep_counts_them(tmp_path: Path) -> None:
    """The real log, whole and in segments as rotation leaves it; every error belongs to a cause."""
    lines = (shared_corpus("logs/migration") / "migration.json").read_bytes().splitlines(keepends=True)
    root = make_workspace(tmp_path / "ws")
    folder = root / "logs/migration"
    third = len(lines) // 3
    (folder / "migration.json.2").write_bytes(b"".join(lines[:third]))
    (folder / "migration.json.1").write_bytes(b"".join(lines[third : 2 * third]))
    (folder / "migration.json").write_bytes(b"".join(lines[2 * third :]))
    found = log_errors(open_context(root, env=fixed_environment()))
    assert found.lines == grep(folder, '"level": "ERROR"') == 809
    assert len(found.groups) == 19
    for group in found.groups:
        # what differs from file to file stands as an ellipsis in our words
        message, cause = (".*".join(map(re.escape, text.split("…"))) for text in (group.message, group.cause))
        assert group.count == grep(folder, f'"level": "ERROR".*"{message}".*"{cause}'), group
    errors = {group.message for group in found.groups}
    assert errors >= {"Validation failed", "Copy operation failed", "Backup failed"} and len(errors) == 5


def grep(folder: Path, pattern: str) -> int:
    """How many lines of all segments match, as grep counts them."""
    files = [str(file) for file in folder.glob("migration.json*")]
    done = subprocess.run(["grep", "-h", "-c", "-P", "--", pattern, *files], capture_output=True, check=False)
    return sum(map(int, done.stdout.split()))
