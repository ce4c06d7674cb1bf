"""Each rule where it passes, warns, fails and cannot tell: made for real, clocks by injection."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.engine.model import Check
from tests.engine.checks.alert_site import DAY, HOUR, Site, flip_a_bit
from tests.support import VALIDATED, invalid_record, valid_record

PASS, WARN, FAIL, UNKNOWN = Check.PASS, Check.WARN, Check.FAIL, Check.UNKNOWN


def good(many: int, source: str = "alpha", start: int = 0) -> dict[str, object]:
    return {f"{source}/dumps/{n}/data.json": [valid_record(n)] for n in range(start, start + many)}


def bad(many: int, source: str = "beta") -> dict[str, object]:
    """Files that all fail by the same cause."""
    return {f"{source}/dumps/{n}/data.json": [invalid_record(3 * n)] for n in range(many)}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "ws", good(3))


def test_no_migration(site: Site) -> None:
    (young,) = site.ask("no-migration")
    assert (young.verdict, young.collecting, young.alerts) == (UNKNOWN, True, False)
    assert site.migrate() == 0
    site.later(20 * HOUR)
    assert site.verdict("no-migration") == PASS
    assert site.migrate() == 0  # finds nothing to do, and counts
    site.later(20 * HOUR)
    site.put("alpha/soon.json", [valid_record(6)])
    assert site.verdict("no-migration") == PASS
    assert site.migrate() == 0
    site.later(100 * HOUR)
    assert site.verdict("no-migration") == PASS  # no source has anything new
    site.put("alpha/new.json", [valid_record(7)])
    site.put("beta/newer.json", [valid_record(8)])
    (late,) = site.ask("no-migration")
    assert (late.verdict, late.measure) == (FAIL, 2) and "2 files wait: alpha, beta" in late.text
    # what one source got by itself counts for that source alone
    assert site.migrate(source="alpha") == 0
    (late,) = site.ask("no-migration")
    assert (late.verdict, late.measure) == (FAIL, 1) and "1 file waits: beta" in late.text
    assert site.migrate(source="beta") == 0
    assert site.verdict("no-migration") == PASS
    site.later(25 * HOUR)
    site.put("alpha/newest.json", [valid_record(9)])
    (late,) = site.ask("no-migration")
    assert (
        late.verdict == WARN and late.text.startswith("no successful migrate for 25 h") and "migrate" in late.next_step
    )
    site.clock.time -= timedelta(days=300)
    (wrong,) = site.ask("no-migration")
    assert wrong.verdict == UNKNOWN and wrong.alerts and "clock" in wrong.text
    assert list(site.alerts()) == ["clock"]  # whichever rules have seen it
    site.migrate()  # by a clock that is right again
    assert site.verdict("no-migration") == PASS and "clock" not in site.alerts()


def test_no_migration_is_not_known_where_the_raw_zone_cannot_be_read(site: Site) -> None:
    site.migrate()
    site.later(30 * HOUR)
    (site.root / "logs/migration/.migration_state.json").write_text("{torn")
    (reading,) = site.ask("no-migration")
    assert reading.verdict == UNKNOWN and reading.alerts and "not known" in reading.text


def test_failure_rate(site: Site) -> None:
    assert site.verdict("failure-rate") == UNKNOWN  # nothing was judged yet
    for path, content in good(20, start=100).items():
        site.put(path, content)
    site.migrate()
    assert site.verdict("failure-rate") == PASS
    for path, content in bad(5).items():
        site.put(path, content)
    assert site.migrate() == 1
    (warned,) = site.ask("failure-rate")
    assert (warned.verdict, warned.text) == (WARN, "18 % of files judged in 7 days failed: 5 of 28")
    site.later(8 * DAY)
    assert site.verdict("failure-rate") == PASS  # nothing was judged in these seven days, and there is a history
    for path, content in bad(4, "gamma").items():
        site.put(path, content)
    site.migrate()
    (few,) = site.ask("failure-rate")
    assert (few.verdict, few.collecting) == (UNKNOWN, True) and "too few" in few.text
    for path, content in bad(9, "delta").items():
        site.put(path, content)
    site.migrate()
    (failed,) = site.ask("failure-rate")
    assert (failed.verdict, failed.text) == (FAIL, "100 % of files judged in 7 days failed: 13 of 13")
    site.clock.time -= timedelta(days=300)
    assert site.verdict("failure-rate") == UNKNOWN


def test_errors_by_cause(tmp_path: Path) -> None:
    site = Site(tmp_path / "ws", {**bad(3), **good(1)}, {"errors": 4, "errors_critical": 12})
    (nothing,) = site.ask("errors")
    assert (nothing.verdict, nothing.collecting) == (UNKNOWN, True)
    site.migrate()
    assert site.verdict("errors") == PASS
    for path, content in bad(3, "gamma").items():
        site.put(path, content)
    site.migrate()
    (warned,) = site.ask("errors")  # one cause, one line, whatever the files and sources
    assert (warned.verdict, warned.measure) == (WARN, 6) and warned.text.startswith("6 errors in 24 h: ")
    assert "date" in warned.text
    for path, content in bad(9, "delta").items():
        site.put(path, content)
    site.migrate()
    assert site.verdict("errors") == FAIL
    site.later(25 * HOUR)
    assert site.verdict("errors") == PASS  # out of the window
    site.log().rename(site.log().with_name("away"))
    for rest in (site.root / "logs/migration").glob("migration.*"):
        rest.unlink()
    (gone,) = site.ask("errors")
    assert gone.verdict == UNKNOWN and gone.alerts  # runs have written one: it is no empty one


def test_mismatch_and_overdue_verification(site: Site) -> None:
    site.migrate()
    assert site.verdict("mismatch") == UNKNOWN  # nobody has compared anything
    assert site.verdict("verify-overdue") == PASS  # there is no backup
    site.put("alpha/dumps/0/data.json", [valid_record(50)])
    site.migrate()
    assert site.verdict("verify-overdue") == PASS
    site.later(9 * DAY)
    (warned,) = site.ask("verify-overdue")
    assert warned.verdict == WARN and warned.text == "backups not verified for 9 days"
    site.later(22 * DAY)
    assert site.verdict("verify-overdue") == FAIL
    assert site.verify() == 0
    assert (site.verdict("verify-overdue"), site.verdict("mismatch")) == (PASS, PASS)
    flip_a_bit(site.root / VALIDATED / "alpha/dumps/1/data.json")
    assert site.verify() == 1
    (found,) = site.ask("mismatch")  # critical from the first: this rule never only warns
    assert found.verdict == FAIL and "Checksum mismatch" in found.text and found.measure == 1
    site.clock.time -= timedelta(days=300)
    (wrong,) = site.ask("verify-overdue")
    assert wrong.verdict == UNKNOWN and wrong.alerts
    backups = site.root / "data/_backups"
    backups.rename(site.root / "data/away")
    backups.write_text("no folder")
    assert site.verdict("verify-overdue") == UNKNOWN


def test_schema(site: Site) -> None:
    assert site.verdict("schema") == UNKNOWN
    site.migrate()
    assert site.verdict("schema") == PASS
    file = site.root / "config/schemas/small.json"
    kept = file.read_bytes()
    file.write_bytes(kept.replace(b'"minLength": 1', b'"minLength": 2'))
    (stale,) = site.ask("schema")
    assert stale.verdict == WARN and "3 of 3 published files judged by an older one" in stale.text
    assert "reprocess --stale-schema" in stale.next_step
    file.write_bytes(kept.replace(b'"object"', b'"objekt"'))
    (broken,) = site.ask("schema")
    assert broken.verdict == FAIL and "config/schemas/small.json" in broken.text
    file.unlink()
    assert site.verdict("schema") == FAIL
    file.write_bytes(kept)
    assert site.verdict("schema") == PASS


def test_log_size(tmp_path: Path) -> None:
    site = Site(tmp_path / "ws", {}, {"log_bytes": 1000, "log_critical_bytes": 2000})
    assert site.verdict("log-size") == PASS
    more = site.root / "logs/migration/archive/old.log"
    more.parent.mkdir()
    more.write_bytes(b"x" * 1500)
    assert site.verdict("log-size") == WARN
    more.write_bytes(b"x" * 2500)
    assert site.verdict("log-size") == FAIL
    (site.root / "logs/migration").rename(site.root / "away")
    (site.root / "logs/migration").write_text("no folder")
    (reading,) = site.ask("log-size")
    assert reading.verdict == UNKNOWN and reading.alerts and "not known" in reading.text


def slow(site: Site, seconds: list[float]) -> None:
    """The runs' own times, as if these were what they took for 20 files each."""
    from tests.engine.ledger.filled import add_run, opened

    with opened(site.ctx) as connection:
        connection.execute("DELETE FROM runs")
        for seq, took in enumerate(seconds, 1):
            values: dict[str, Any] = {"counts": '{"processed": 20}', "timings": f'{{"files": {took}}}'}
            add_run(connection, seq, **values)
        connection.commit()


def test_time_per_file(site: Site) -> None:
    site.migrate()
    slow(site, [10] * 5)
    (few,) = site.ask("time-per-file")
    assert (few.verdict, few.collecting) == (UNKNOWN, True)
    slow(site, [10] * 6)
    assert site.verdict("time-per-file") == PASS
    slow(site, [10, 11, 9, 10, 10, 25])
    (warned,) = site.ask("time-per-file")
    assert warned.verdict == WARN and "2.5 times the usual" in warned.text
    slow(site, [10] * 5 + [60])
    assert site.verdict("time-per-file") == FAIL
    slow(site, [0.1] * 5 + [1.5])
    assert site.verdict("time-per-file") == PASS  # fifteen times as slow, and nobody has lost five seconds
    site.clock.time -= timedelta(days=3000)
    assert site.verdict("time-per-file") == UNKNOWN


def test_a_ledger_that_cannot_be_read_is_one_alert_and_nothing_passes(site: Site) -> None:
    site.migrate()
    for name in ("ledger.sqlite-wal", "ledger.sqlite-shm"):
        (site.root / ".opsconsole" / name).unlink(missing_ok=True)
    (site.root / ".opsconsole/ledger.sqlite").write_bytes(b"SQLite format 3\0" + b"torn" * 400)
    assert list(site.alerts()) == ["ledger"]
    for rule in ("mismatch", "no-migration", "failure-rate", "schema", "verify-overdue", "time-per-file"):
        assert site.verdict(rule) == UNKNOWN


def test_a_row_that_no_program_of_ours_wrote_is_unknown(site: Site) -> None:
    site.migrate()
    from tests.engine.ledger.filled import opened

    with opened(site.ctx) as connection:
        connection.execute("UPDATE runs SET counts = '{\"failed\": \"many\"}', timings = '[]'")
        connection.commit()
    for rule in ("failure-rate", "time-per-file"):
        (reading,) = site.ask(rule)
        assert reading.verdict == UNKNOWN and "doctor" in reading.next_step
