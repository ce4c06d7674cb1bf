"""`opsconsole migrate` without a terminal: what cron and scripts see."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.cli.harness import FILES, HELD, big_workspace, catches, held_run, lines_of, rows, start, until
from tests.support import RAW, VALIDATED, invalid_record, make_workspace, run_cli, valid_record, write_raw
from tests.support.cli import cli_environment

COUNTS = ["processed", "skipped", "revalidated", "failed", "known_failed", "accepted", "ignored", "held"]
COUNTS += ["sidecars", "restored", "removed"]
FILE_EVENT = {
    "type": "object",
    "required": ["event", "run", "path", "outcome", "dest", "size", "sha256", "backup", "reason"],
    "properties": {
        "event": {"const": "file"},
        "run": {"type": "string", "pattern": "^\\d{8}T\\d{6}Z-migrate-[0-9a-f]{4}$"},
        "path": {"type": "string", "pattern": "^data/raw/"},
        "outcome": {"enum": ["published", "replaced", "revalidated", "failed", "sidecar", "damaged", "moved"]},
        "size": {"type": "integer"},
        "sha256": {"type": "string", "pattern": "^([0-9a-f]{64})?$"},
        "reason": {"type": "string"},
    },
}
SUMMARY = {
    "type": "object",
    "required": ["event", "run", "action", "status", "counts", "exit_status"],
    "properties": {
        "event": {"const": "summary"},
        "run": {"type": ["string", "null"]},
        "action": {"const": "migrate"},
        "status": {"enum": ["running", "done", "partial", "failed", "cancelled", "refused", "planned"]},
        "counts": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        "exit_status": {"type": "integer"},
    },
}
ENDED = {**SUMMARY, "properties": {**SUMMARY["properties"], "counts": {"required": COUNTS}}}  # type: ignore[dict-item]


def clean_workspace(root: Path) -> Path:
    return make_workspace(root, {"alpha/one.json": [valid_record(1)], "alpha/two.json": [valid_record(2)]})


def untouched(root: Path) -> bool:
    return not (root / ".opsconsole").exists() and not list((root / VALIDATED).iterdir())


def test_a_run_says_what_happened_why_and_what_next(ws: Path) -> None:
    done = run_cli(ws, "migrate", "--yes")
    assert done.returncode == 1, done.stderr
    first = done.stdout.splitlines()[0]
    assert "partial" in first
    assert "4 published" in first
    assert "1 failed" in first
    assert "beta/dumps/2024-01-06_120000/data.json" in done.stdout
    assert "failures list" in done.stdout
    assert "explain" in done.stdout
    report = next(line for line in done.stdout.splitlines() if line.startswith("Report"))
    assert (ws / report.split()[1]).is_file()
    assert "\x1b" not in done.stdout + done.stderr
    assert (ws / VALIDATED / "gamma/manual/one.json").is_file()


def test_all_done_is_0_and_nothing_to_do_too(tmp_path: Path) -> None:
    root = clean_workspace(tmp_path / "ws")
    done = run_cli(root, "migrate", "--yes")
    assert done.returncode == 0, done.stderr
    assert "2 published" in done.stdout
    again = run_cli(root, "migrate", "--yes")
    assert again.returncode == 0, again.stderr
    assert "2 unchanged" in again.stdout


def test_json_has_one_event_a_changed_file_and_the_summary_last(ws: Path) -> None:
    done = run_cli(ws, "migrate", "--yes", "--json")
    assert done.returncode == 1
    assert done.stdout.isascii()
    *events, summary = lines_of(done.stdout)
    for event in events:
        jsonschema.validate(event, FILE_EVENT)
    jsonschema.validate(summary, ENDED)
    assert summary["exit_status"] == 1
    assert summary["counts"]["processed"] == 4
    assert summary["counts"]["failed"] == 1
    outcomes = sorted(event["outcome"] for event in events)
    assert outcomes.count("published") == 4
    assert outcomes.count("failed") == 1
    assert {event["run"] for event in events} == {summary["run"]}
    again = lines_of(run_cli(ws, "migrate", "--yes", "--json").stdout)
    assert len(again) == 1, "the unchanged have no event"
    assert again[0]["counts"]["skipped"] == 4
    assert again[0]["counts"]["known_failed"] == 1
    assert again[0]["exit_status"] == 1


def test_a_dry_run_judges_everything_and_changes_nothing(ws: Path) -> None:
    done = run_cli(ws, "migrate", "--dry-run")
    assert done.returncode == 1
    assert "1 will fail" in done.stdout
    assert "beta/dumps/2024-01-06_120000/data.json" in done.stdout
    assert untouched(ws)
    write_raw(ws, "beta/dumps/2024-01-06_120000/data.json", [valid_record(20)])
    done = run_cli(ws, "migrate", "--dry-run")
    assert done.returncode == 0, done.stdout
    assert untouched(ws)


def test_a_dry_run_as_json_names_every_file(ws: Path) -> None:
    done = run_cli(ws, "migrate", "--dry-run", "--json")
    *events, summary = lines_of(done.stdout)
    jsonschema.validate(summary, SUMMARY)
    assert summary["exit_status"] == done.returncode == 1
    assert summary["run"] is None
    plans = [event for event in events if event["event"] == "plan"]
    assert sum(event["verdict"] == "fail" and event["reason"] != "" for event in plans) == 1
    assert len(plans) == 5
    ignored = [event for event in events if event["event"] == "ignored"]
    assert [(event["path"], event["reason"]) for event in ignored] == [(f"{RAW}/alpha/README.md", "documentation")]


def test_without_a_terminal_it_refuses_and_names_the_option(ws: Path) -> None:
    done = run_cli(ws, "migrate")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert untouched(ws)


def test_a_source_by_name_or_by_the_incumbents_path(ws: Path) -> None:
    for given in ("gamma", f"{RAW}/gamma", f"{RAW}/gamma/", str(ws / RAW / "gamma")):
        summary = lines_of(run_cli(ws, "migrate", "--source", given, "--dry-run", "--json").stdout)[-1]
        assert summary["counts"]["new"] == 1, given
    done = run_cli(ws, "migrate", "--source", f"{RAW}/beta", "--dest", f"{VALIDATED}/beta", "--yes")
    assert done.returncode == 1
    assert [path.name for path in (ws / VALIDATED).iterdir()] == ["beta"]


@pytest.mark.parametrize(
    "args",
    [
        ("--source", "nothing-of-that-name"),
        ("--source", "../.."),
        ("--source", f"{RAW}/beta/dumps"),
        ("--source", "beta", "--dest", f"{VALIDATED}/alpha"),
        ("--dest", "/tmp"),
        ("--override", "nonsense", "--reason", "why"),
    ],
    ids=" ".join,
)
def test_wrong_selections_are_wrong_usage(ws: Path, args: tuple[str, ...]) -> None:
    done = run_cli(ws, "migrate", *args, "--yes", "--json")
    assert done.returncode == 2, done.stderr
    assert lines_of(done.stdout)[-1]["exit_status"] == 2
    assert not list((ws / VALIDATED).iterdir())


def test_pattern_sample_and_checksum(ws: Path) -> None:
    summary = lines_of(run_cli(ws, "migrate", "--pattern", "**/*.csv", "--yes", "--json").stdout)[-1]
    assert summary["counts"]["processed"] == 1
    summary = lines_of(run_cli(ws, "migrate", "--sample", "1", "--yes", "--json").stdout)[-1]
    assert summary["counts"]["processed"] == 1
    summary = lines_of(run_cli(ws, "migrate", "--checksum", "--yes", "--json").stdout)[-1]
    assert summary["counts"]["processed"] == 2
    assert run_cli(ws, "migrate", "--operation", "move", "--yes").returncode == 1
    command = rows(ws, "SELECT command FROM runs ORDER BY seq DESC LIMIT 1")[0][0]
    assert "--operation move" in command


def test_detached_it_comes_back_at_once_and_can_be_attached_to(ws: Path) -> None:
    done = run_cli(ws, "migrate", "--yes", "--detach")
    assert done.returncode == 0, done.stderr
    run = done.stdout.strip()
    assert run.rsplit("-", 1)[-1] in done.stderr
    attached = run_cli(ws, "runs", "attach", run)
    assert attached.returncode == 1
    assert "4 published" in attached.stdout


def test_detached_json_says_that_it_runs(ws: Path) -> None:
    (summary,) = lines_of(run_cli(ws, "migrate", "--yes", "--detach", "--json").stdout)
    jsonschema.validate(summary, SUMMARY)
    assert summary["status"] == "running"
    run_cli(ws, "runs", "attach", summary["run"])


def test_in_the_foreground_it_is_one_process_with_the_same_result(ws: Path) -> None:
    process = start(ws, "migrate", "--yes", "--foreground", "--json")
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1, stderr
    *events, summary = lines_of(stdout)
    jsonschema.validate(summary, ENDED)
    assert len(events) >= 5
    assert rows(ws, "SELECT pid FROM runs") == [(process.pid,)]


def test_a_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    first = start(root, "migrate", "--yes", "--json", env=HELD)
    with held_run(root):
        second = run_cli(root, "migrate", "--yes", "--json")
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert second.returncode == 3, second.stderr
    run = rows(root, "SELECT id FROM runs")[0][0]
    assert run in second.stderr
    assert "runs attach" in second.stderr
    assert lines_of(second.stdout)[-1]["exit_status"] == 3
    assert lines_of(second.stdout)[-1]["status"] == "refused"


def test_a_brake_refuses_and_is_released_with_a_reason(tmp_path: Path) -> None:
    root = make_workspace(
        tmp_path / "ws",
        {"alpha/one.json": [valid_record(1)], "beta/two.json": [valid_record(2)]},
    )
    assert run_cli(root, "migrate", "--yes").returncode == 0
    (root / RAW / "beta/two.json").unlink()
    done = run_cli(root, "migrate", "--yes", "--json")
    assert done.returncode == 4, done.stdout
    assert "beta" in done.stderr
    assert lines_of(done.stdout)[-1]["exit_status"] == 4
    asked = run_cli(root, "migrate", "--dry-run")
    assert asked.returncode == 1
    assert "source-empty" in asked.stdout
    released = run_cli(root, "migrate", "--yes", "--override", "source-empty", "--reason", "it moved away")
    assert released.returncode == 0, released.stderr
    assert rows(root, "SELECT overrides FROM runs ORDER BY seq DESC LIMIT 1") == [
        (json.dumps({"source-empty": "it moved away"}),)
    ]


def test_a_ledger_that_cannot_be_read_is_5(ws: Path) -> None:
    assert run_cli(ws, "migrate", "--yes").returncode == 1
    for left in (ws / ".opsconsole").glob("ledger.sqlite-*"):
        left.unlink()
    (ws / ".opsconsole/ledger.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 9000)
    done = run_cli(ws, "migrate", "--yes", "--json")
    assert done.returncode == 5, done.stderr
    assert "ledger" in done.stderr
    assert lines_of(done.stdout)[-1]["exit_status"] == 5


@pytest.mark.parametrize("action", [("migrate",), ("reprocess", "--all")])
def test_without_a_ledger_a_dry_run_claims_nothing_and_is_5_too(ws: Path, action: tuple[str, ...]) -> None:
    """Files wait, and nobody can tell how many: that is no plan without files."""
    (ws / ".opsconsole").mkdir()
    (ws / ".opsconsole/ledger.sqlite").write_bytes(b"no ledger at all" * 1000)
    done = run_cli(ws, *action, "--dry-run")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "nothing to do" not in done.stdout + done.stderr
    assert "the ledger cannot be read" in done.stderr
    summary = lines_of(run_cli(ws, *action, "--dry-run", "--json").stdout)[-1]
    assert (summary["status"], summary["exit_status"]) == ("refused", 5)
    assert not any(summary["counts"].values())
    assert "ledger" in summary["message"]


def test_a_read_only_session_changes_nothing(ws: Path) -> None:
    done = run_cli(ws, "--read-only", "migrate", "--yes")
    assert done.returncode == 4
    assert "read-only" in done.stderr
    assert untouched(ws)
    assert run_cli(ws, "--read-only", "migrate", "--dry-run").returncode == 1
    assert untouched(ws)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_int_and_term_cancel_what_this_command_started(tmp_path: Path, number: int, status: int) -> None:
    root = big_workspace(tmp_path / "ws")
    process = start(root, "migrate", "--yes", "--json", env=HELD)
    with held_run(root):
        process.send_signal(number)
        until(lambda: rows(root, "SELECT 1 FROM runs WHERE cancel_at IS NOT NULL"), "the request to cancel")
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == status, stderr
    summary = lines_of(stdout)[-1]
    assert summary["status"] == "cancelled"
    assert summary["exit_status"] == status
    assert summary["counts"]["processed"] < FILES
    assert rows(root, "SELECT status, exit_status FROM runs") == [("cancelled", 130)]
    assert run_cli(root, "migrate", "--yes").returncode == 0


def test_in_the_foreground_term_cancels_and_hang_up_does_nothing(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    process = start(root, "migrate", "--yes", "--foreground", "--json", env=HELD)
    with held_run(root) as pid:
        assert pid == process.pid
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 143, stderr
    assert lines_of(stdout)[-1]["status"] == "cancelled"
    assert lines_of(stdout)[-1]["exit_status"] == 143


def test_a_hang_up_leaves_the_run_to_itself(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    process = start(root, "migrate", "--yes", "--json", env=HELD)
    with held_run(root):
        process.send_signal(signal.SIGHUP)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 129, stderr
    assert lines_of(stdout)[-1]["status"] == "running"
    until(lambda: rows(root, "SELECT 1 FROM runs WHERE status = 'done'"), "the run to end by itself")


def test_nohup_is_honoured(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    code = "import os, signal, sys\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\nos.execv(sys.argv[1], sys.argv[1:])\n"
    process = subprocess.Popen(
        [sys.executable, "-c", code, sys.executable, "-P", "-m", "console", "migrate", "--yes"],
        cwd=root,
        env=cli_environment(HELD),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    with held_run(root):
        process.send_signal(signal.SIGHUP)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"{FILES:,} published" in stdout


def test_another_cancel_reaches_it_and_attach_ends_with_its_status(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    process = start(root, "migrate", "--yes", "--json", env=HELD)
    with held_run(root):
        asked = run_cli(root, "runs", "cancel")
        assert asked.returncode == 0, asked.stderr
        watcher = start(root, "runs", "attach")
        until(lambda: catches(watcher, signal.SIGTERM), "the watcher to watch")
    process.communicate(timeout=60)
    watcher.communicate(timeout=60)
    assert process.returncode == 130
    assert watcher.returncode == 130


def test_turning_away_from_an_attached_run_does_not_cancel_it(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    process = start(root, "migrate", "--yes", "--json", env=HELD)
    with held_run(root):
        watcher = start(root, "runs", "attach", "--json")
        until(lambda: catches(watcher, signal.SIGTERM), "the watcher to watch")
        watcher.send_signal(signal.SIGTERM)
        watcher.communicate(timeout=60)
        assert watcher.returncode == 143
        assert not rows(root, "SELECT 1 FROM runs WHERE cancel_at IS NOT NULL")
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_dead_run_is_said_first_and_settled(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    first = run_cli(root, "migrate", "--yes", env={"OPSCONSOLE_FAILPOINT": "batch.intended:1"})
    assert first.returncode != 0
    assert "died" in first.stderr
    assert "Traceback" not in first.stderr
    second = run_cli(root, "migrate", "--yes")
    assert second.returncode == 0, second.stderr
    dead = rows(root, "SELECT id FROM runs ORDER BY seq LIMIT 1")[0][0]
    assert dead in second.stderr.splitlines()[0]


def test_a_reader_that_leaves_does_not_fail_a_finished_run(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    pipeline = 'set -o pipefail; "$@" migrate --yes --json | head -1; exit ${PIPESTATUS[0]}'
    done = subprocess.run(
        ["bash", "-c", pipeline, "bash", sys.executable, "-P", "-m", "console"],
        cwd=root,
        env=cli_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
    assert rows(root, "SELECT status FROM runs") == [("done",)]


@pytest.mark.parametrize("env", [{"LANG": "C", "LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}], ids=str)
def test_hostile_names_in_any_locale(tmp_path: Path, env: dict[str, str]) -> None:
    evil = "[@click=app.quit]x\n\x1b]52;c;aGk=\x07é日.json"
    root = make_workspace(tmp_path / "ws", {f"alpha/{evil}": [invalid_record(1)]})
    for args in (["migrate", "--dry-run"], ["migrate", "--yes"], ["runs", "list"]):
        done = run_cli(root, *args, env=env)
        assert done.returncode in (0, 1), done.stderr
        assert not set(done.stdout + done.stderr) & {"\x1b", "\x07", "\r"}
        assert "Traceback" not in done.stderr
    events = lines_of(run_cli(root, "migrate", "--dry-run", "--json", env=env).stdout)
    assert events[-1]["counts"]["known_failed"] == 1


def test_nothing_of_ours_is_left_in_the_way(tmp_path: Path) -> None:
    root = clean_workspace(tmp_path / "ws")
    run_cli(root, "migrate", "--yes")
    shutil.rmtree(root / ".opsconsole")
    done = run_cli(root, "runs", "list")
    assert done.returncode == 0
    assert not (root / ".opsconsole").exists(), "reading makes nothing"
