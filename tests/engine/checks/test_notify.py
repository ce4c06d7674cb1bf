"""Telling people of runs and alerts: what they get, and that nothing they do to it breaks a run."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from console.engine.checks.alerts.notify import notify_alerts
from console.engine.checks.alerts.settle import settled
from tests.engine.checks.alert_site import DAY, HOUR, Site
from tests.engine.checks.test_alert_rules import bad, good
from tests.support import run_cli, valid_record

KEEP = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"


def told(path: Path) -> list[dict[str, Any]]:
    """What the command was given since this was asked last."""
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def site_with(tmp_path: Path, command: list[str], files: dict[str, object] | None = None, **notify: Any) -> Site:
    given = {"command": command, **notify}
    return Site(tmp_path / "ws", files or {**good(2), **bad(1)}, notify=given)


def test_who_is_told_of_runs_and_of_what_is_new(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    site = site_with(tmp_path, [sys.executable, "-c", KEEP, str(heard)])
    site.migrate()
    (first,) = told(heard)
    assert (first["event"], first["action"], first["status"], first["exit_status"]) == (
        "run-end",
        "migrate",
        "partial",
        1,
    )
    assert (first["workspace"], first["host"], first["by"]) == ("ws", "testhost", "ana")
    assert [alert["key"] for alert in first["alerts"]] == ["failing"]
    assert "1 file fails" in first["text"] and first["title"] == "ws: migrate partial"
    site.later(60)
    site.migrate()
    (second,) = told(heard)
    assert second["alerts"] == []  # everybody knows
    site.later(2 * DAY)
    site.put("alpha/new.json", [valid_record(9)])
    assert notify_alerts(site.ctx, settled(site.ctx)) == ""
    (overdue,) = told(heard)
    assert (overdue["event"], [alert["key"] for alert in overdue["alerts"]]) == ("alert", ["no-migration"])
    site.later(HOUR)
    assert notify_alerts(site.ctx, settled(site.ctx)) == "" and told(heard) == []
    site.later(2 * DAY)
    assert notify_alerts(site.ctx, settled(site.ctx)) == ""
    (worse,) = told(heard)
    assert [(alert["key"], alert["verdict"]) for alert in worse["alerts"]] == [("no-migration", "fail")]
    site.migrate()
    assert [alert["key"] for alert in told(heard)[0]["alerts"]] == []
    site.later(2 * DAY)
    site.put("alpha/newer.json", [valid_record(10)])
    assert notify_alerts(site.ctx, settled(site.ctx)) == ""
    assert [alert["key"] for alert in told(heard)[0]["alerts"]] == ["no-migration"]  # it was over, and is news again


def test_check_tells_and_a_failing_command_is_told_and_tried_again(tmp_path: Path) -> None:
    site = site_with(tmp_path, ["sh", "-c", "echo 'no \x1b[31mroute' >&2; exit 7"], on=["alert"])
    assert site.migrate() == 1  # as without anybody to tell
    log = [json.loads(line) for line in site.log().read_text().splitlines()]
    (line,) = [record for record in log if record["message"] == "Notification failed"]
    assert line["level"] == "WARNING" and "exit status 7: no ␛[31mroute" in line["detail"]
    done = run_cli(site.root, "check", "--notify", "--format", "nagios")
    assert done.returncode == 1 and done.stdout.startswith("OPSCONSOLE WARNING")
    assert "exit status 7" in done.stderr and "\x1b" not in done.stderr
    heard = tmp_path / "heard"
    text = (site.root / "config/console.toml").read_text()
    site.config["notify"]["command"] = [sys.executable, "-c", KEEP, str(heard)]
    (site.root / "config/console.toml").write_text(text.replace("exit 7", f"cat >'{heard}'"))
    assert run_cli(site.root, "check", "--notify").stderr == ""
    assert [alert["key"] for alert in told(heard)[0]["alerts"]] == ["failing"]  # nobody had heard of it


@pytest.mark.parametrize("command", [["/no/such/program"], ["sh", "-c", "sleep 600 & sleep 600"]])
def test_no_program_and_one_that_hangs_fail_no_run(tmp_path: Path, command: list[str]) -> None:
    site = site_with(tmp_path, command, good(2), timeout_seconds=0.5)
    began = time.monotonic()
    assert site.migrate() == 0
    assert time.monotonic() - began < 60  # not 600
    trouble = [json.loads(line).get("detail", "") for line in site.log().read_text().splitlines()][-1]
    assert "No such file" in trouble or "not done after 0.5 s, and ended" in trouble
    # with all that it has started
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and _runs_in(pid, site.root)]


def _runs_in(pid: str, folder: Path) -> bool:
    try:
        stopped = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        return not stopped and int(pid) != os.getpid() and os.readlink(f"/proc/{pid}/cwd") == str(folder)
    except OSError:
        return False


def test_apprise_gets_the_words_and_its_addresses_stay_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the library: what we hand to it, and what is said where it is not there or refuses."""
    library = tmp_path / "library"
    library.mkdir()
    heard = tmp_path / "heard"
    monkeypatch.setenv("PYTHONPATH", f"{library}:{Path(__file__).parents[3]}")
    site = Site(tmp_path / "ws", good(1), notify={"apprise": ["mailto://ana:secret@example.org"]})
    (library / "apprise.py").write_text("raise ImportError")
    assert site.migrate() == 0
    (library / "apprise.py").write_text(
        "import json\nclass Apprise:\n"
        "    def add(self, url): self.url = url; return True\n"
        "    def notify(self, title, body):\n"
        f"        json.dump([self.url, title, body], open({str(heard)!r}, 'w'))\n"
        "        return True\n"
    )
    assert site.migrate() == 0
    url, title, body = json.loads(heard.read_text())
    assert url == "mailto://ana:secret@example.org" and title == "ws: migrate done" and body.startswith("migrate 000")
    (library / "apprise.py").write_text("class Apprise:\n    def add(self, url): return False\n")
    assert site.migrate() == 0
    details = [json.loads(line).get("detail", "") for line in site.log().read_text().splitlines()]
    said = [detail for detail in details if "Apprise" in detail]
    assert len(said) == 2 and "pip install 'opsconsole[apprise]'" in said[0] and "address 1 of" in said[1]
    assert "secret" not in "".join(details)
