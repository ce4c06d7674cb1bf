"""`report`, `trends` and `alerts` on a workspace with a past, and with names that would like to do something."""

from __future__ import annotations

import csv
import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from console.engine.actions.rollback.model import RollbackParams
from console.engine.checks.alerts.answers import acknowledge
from console.engine.model import MigrateParams
from console.engine.observe.overview import overview
from console.engine.runs.start import run_foreground
from tests.engine.checks.alert_site import DAY, HOUR, Site
from tests.engine.checks.test_alert_rules import bad, good
from tests.support import run_cli, valid_record

FORMULA = "=cmd|' /C calc'!A0 <script>alert(1)</script> | x\x1b[31m\u202e"
LINK = "[click](javascript:alert(1)) ![x](http://evil/x.png) `a` | b\n# Not a title"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Five days: published and failed, repaired two days later, taken back, refused, overridden, acknowledged."""
    site = Site(tmp_path_factory.mktemp("audit") / "<b>ws</b>", {**good(3), **bad(2)})
    site.clock.time -= 5 * (site.clock.time - site.clock.time.replace(hour=0)) / 5  # midnight: days are whole
    site.later(-5 * DAY + HOUR)
    site.migrate()
    site.later(2 * DAY)
    site.put("beta/dumps/0/data.json", [valid_record(3)])
    site.migrate()
    last = overview(site.ctx).last_run
    assert last is not None
    site.later(DAY)
    run_foreground(site.ctx, "rollback", RollbackParams(last.id))
    shutil.rmtree(site.root / "data/raw/funding_sources/alpha")
    assert site.migrate() == 4
    assert run_foreground(site.ctx, "migrate", MigrateParams(), overrides={"source-empty": FORMULA}) == 1
    acknowledge(site.ctx, [site.alerts()["failing"]], LINK)
    return site


def report(site: Site, form: str) -> str:
    done = run_cli(site.root, "report", "--since", "2020-01-01", "--format", form)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_numbers_are_what_happened(site: Site) -> None:
    said = json.loads(report(site, "json"))
    sections: dict[str, list[dict[str, Any]]] = said["sections"]
    summary = {entry["what"]: (entry["number"], entry["note"]) for entry in sections["summary"]}
    assert summary == {
        "runs": (5, ""),
        "files published": (4, ""),
        "files that failed": (2, "33.3 % of 6 judged"),
        "failures repaired": (1, "median 2 days, longest 2 days"),
        "runs undone": (1, ""),
        "checks overridden": (1, ""),
        "open exceptions": (2, ""),
    }
    assert [(entry["who"], entry["what"], entry["number"]) for entry in sections["people"]] == [
        ("ana", "migrate", 4),
        ("ana", "rollback", 1),
    ]
    assert [entry["what"] for entry in sections["stopped"]] == ["migrate refused"]
    assert [entry["what"] for entry in sections["undone"]] == ["migrate undone"]
    assert sections["overridden"][0]["note"].startswith("=cmd|")
    assert [entry["what"] for entry in sections["acknowledged"]] == ["1 file fails and nobody answered"]
    assert [entry["number"] for entry in sections["open"]] == [1, 1]
    # what was before the day that is asked for is not told, what is still open is
    now = datetime.now(UTC).isoformat()
    later = json.loads(run_cli(site.root, "report", "--since", now, "--format", "json").stdout)["sections"]
    assert (later["people"], len(later["open"])) == ([], 2)
    assert run_cli(site.root, "report", "--since", "yesterday-ish").returncode == 2
    assert "still to come" in (to_come := run_cli(site.root, "report", "--since", "2100-01-01")).stderr
    assert to_come.returncode == 2


def test_nothing_in_the_page_acts(site: Site) -> None:
    page = report(site, "md")
    assert "\x1b" not in page and "\u202e" not in page
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(page)
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= {
        "h1", "h2", "p", "code", "table", "thead", "tbody", "tr", "th", "td"
    }  # fmt: skip
    assert html.count("<h1>") == 1 and html.count("<h2>") == 10
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert html.count("<tr>") == len([line for line in rows if not re.fullmatch(r"[|: -]+", line)])
    assert "&lt;script&gt;" in html and "javascript:alert" in html  # there, as what it is: text


def test_the_same_as_csv_for_a_spreadsheet(site: Site) -> None:
    text = report(site, "csv")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == sum(len(entries) for entries in json.loads(report(site, "json"))["sections"].values())
    for row in rows:
        assert all(not (cell or "").startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
    assert "\x1b" not in text and {row["section"] for row in rows} >= {"summary", "people", "overridden", "open"}


def test_trends_are_whole_days_and_add_up(site: Site) -> None:
    days = 40
    done = run_cli(site.root, "trends", "--days", str(days), "--format", "json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(found) == days
    assert sum(day["runs"] for day in found) == 5 and sum(day["files"] for day in found) == 4
    worked = [day for day in found if day["judged"]]
    assert [(day["files"], day["failed"], day["failure_percent"]) for day in worked] == [(3, 2, 40.0), (1, 0, 0.0)]
    assert worked[0]["logs_bytes"] > 0 and worked[0]["disk_percent"] > 0
    assert found[0]["disk_percent"] is None  # nobody has looked then: no number is no zero
    rows = list(csv.reader(run_cli(site.root, "trends", "--days", "7").stdout.splitlines()))
    assert len(rows) == 8 and all(len(row) == len(rows[0]) for row in rows)
    assert rows[0] == list(found[0])


def test_alerts_are_listed_and_acknowledged_by_the_beginning_of_their_key(tmp_path: Path) -> None:
    site = Site(tmp_path / "ws", bad(2))
    site.migrate()
    listed = run_cli(site.root, "alerts", "list", "--json")
    (alert,) = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (listed.returncode, alert["key"], alert["acknowledged"]) == (1, "failing", None)
    assert run_cli(site.root, "alerts", "ack", "nothing", "--note", "x y z").returncode == 2
    assert run_cli(site.root, "--read-only", "alerts", "ack", "failing", "--note", "known").returncode != 0
    done = run_cli(site.root, "alerts", "ack", "fail", "--note", "the funder knows")
    assert (done.returncode, done.stdout) == (0, "acknowledged failing: 2 files fail and nobody answered\n")
    again = run_cli(site.root, "alerts", "list")
    assert again.returncode == 0 and "the funder knows" in again.stdout
