"""What people and scripts read after a run: failures, state, runs, explain."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.harness import Terminal, lines_of, rows
from tests.support import RAW, VALIDATED, invalid_record, make_workspace, run_cli, valid_record, write_raw
from tests.support.cli import cli_environment

BAD = f"{RAW}/beta/dumps/2024-01-06_120000/data.json"
GOOD = f"{RAW}/alpha/dumps/2024-01-01_000000/data.json"


@pytest.fixture
def done(ws: Path) -> Path:
    """The workspace after one migrate."""
    result = run_cli(ws, "migrate", "--yes")
    assert result.returncode == 1, result.stderr
    return ws


def test_failures_by_cause_source_and_file(done: Path) -> None:
    causes = [line.split("\t") for line in run_cli(done, "failures", "list").stdout.splitlines()]
    assert sorted(row[-2] for row in causes) == ["minimum:amount", "required:date"] or len(causes) >= 1
    assert all(row[0] == "1" for row in causes)
    by_source = run_cli(done, "failures", "list", "--by", "source").stdout
    assert by_source.split("\t")[-1].strip() == "beta"
    by_file = run_cli(done, "failures", "list", "--by", "file").stdout
    assert by_file.count("\n") == 1
    assert by_file.split("\t")[1] == BAD
    (row,) = lines_of(run_cli(done, "failures", "list", "--by", "file", "--json").stdout)
    assert row["path"] == BAD
    assert row["failed_records"] == 2
    assert run_cli(done, "failures", "list", "--by", "file", "--source", "alpha").stdout == ""


def test_accepting_needs_a_reason_and_something_to_accept(done: Path) -> None:
    assert run_cli(done, "failures", "accept", BAD).returncode == 2
    assert run_cli(done, "failures", "accept", "--reason", "why").returncode == 2
    assert run_cli(done, "failures", "accept", GOOD, "--reason", "why").returncode == 2
    assert run_cli(done, "failures", "accept", BAD, "--reason", "why", "--until", "soon").returncode == 2
    assert run_cli(done, "failures", "accept", BAD, "--reason", "why", "--until", "2001-01-01").returncode == 2
    assert run_cli(done, "migrate", "--yes").returncode == 1


def test_an_accepted_failure_no_longer_fails_the_run(done: Path) -> None:
    shown = run_cli(done, "failures", "accept", BAD, "--reason", "known", "--dry-run")
    assert BAD in shown.stdout
    assert run_cli(done, "migrate", "--yes").returncode == 1
    accepted = run_cli(done, "failures", "accept", BAD, "--reason", "known gap", "--until", "2999-01-01")
    assert accepted.returncode == 0, accepted.stderr
    assert BAD in accepted.stdout
    again = run_cli(done, "migrate", "--yes")
    assert again.returncode == 0
    assert "1 failing, accepted" in again.stdout
    assert "known gap" in run_cli(done, "state", "show", BAD).stdout
    assert run_cli(done, "failures", "list", "--by", "file", "--accepted").stdout.startswith("accepted\t")
    assert run_cli(done, "failures", "list", "--by", "file", "--open").stdout == ""


def test_an_earlier_acceptance_is_left_alone_and_counted(done: Path) -> None:
    assert run_cli(done, "failures", "accept", BAD, "--reason", "the first").returncode == 0
    second = run_cli(done, "failures", "accept", BAD, "--reason", "the second")
    assert (second.returncode, second.stdout) == (0, "")
    assert "0 accepted" in second.stderr and "1 was accepted before" in second.stderr and "--again" in second.stderr
    shown = run_cli(done, "failures", "accept", BAD, "--reason", "the second", "--dry-run")
    assert (shown.returncode, shown.stdout) == (0, "")
    (summary,) = lines_of(run_cli(done, "failures", "accept", "--all", "--reason", "the second", "--json").stdout)
    assert summary["counts"] == {"accepted": 0, "already_accepted": 1}
    assert "the first" in run_cli(done, "state", "show", BAD).stdout
    replaced = run_cli(done, "failures", "accept", BAD, "--reason", "the second", "--again")
    assert replaced.stdout.strip() == BAD
    assert "the second" in run_cli(done, "state", "show", BAD).stdout


@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["done", "dry"])
def test_the_other_causes_of_what_a_cause_selects_are_named(done: Path, more: list[str]) -> None:
    accepted = run_cli(done, "failures", "accept", "--cause", "required:date", "--reason", "asked them", *more)
    assert accepted.returncode == 0
    assert "1 of them fails for other causes too" in accepted.stderr
    assert "1 file  enum:category  category is none of the allowed values" in accepted.stderr


def test_read_only_accepts_nothing(done: Path) -> None:
    refused = run_cli(done, "--read-only", "failures", "accept", BAD, "--reason", "why")
    assert refused.returncode == 4
    assert run_cli(done, "migrate", "--yes").returncode == 1


def test_failures_as_data(done: Path) -> None:
    lines = lines_of(run_cli(done, "failures", "export").stdout)
    assert {line["file"] for line in lines} == {BAD}
    assert {"record", "field", "rule", "value", "message"} <= set(lines[0])
    assert json.loads(run_cli(done, "failures", "export", "--format", "json").stdout) == lines
    table = list(csv.DictReader(io.StringIO(run_cli(done, "failures", "export", "--format", "csv").stdout)))
    assert len(table) == len(lines)
    assert json.loads(run_cli(done, "failures", "export", "--format", "json", "--source", "alpha").stdout) == []


def test_state_is_tabs_elsewhere_and_a_table_on_a_terminal(done: Path) -> None:
    listed = [line.split("\t") for line in run_cli(done, "state", "list").stdout.splitlines()]
    assert len(listed) == 5
    assert {row[0] for row in listed} == {"processed", "failed"}
    assert [row[1] for row in listed] == sorted(row[1] for row in listed)
    status, shown = Terminal(done, "state", "list", env={"NO_COLOR": "1"}).end()
    assert status == 0
    lines = shown.splitlines()
    assert lines[0].startswith("status")
    assert max(map(len, lines)) < 80
    assert "gamma/manual/one.json" in shown, "without the raw zone, which is the same for all"
    assert run_cli(done, "explain", "gamma/manual/one.json").returncode == 0


def test_state_is_narrowed_and_paged(done: Path) -> None:
    def paths(*args: str) -> list[str]:
        return [row["path"] for row in lines_of(run_cli(done, "state", "list", "--json", *args).stdout)]

    every = paths()
    assert paths("--limit", "2") == every[:2]
    assert paths("--after", every[1]) == every[2:]
    assert paths("--status", "failed") == [BAD]
    assert len(paths("--source", "alpha")) == 2
    assert paths("--source", f"{RAW}/gamma") == [f"{RAW}/gamma/manual/one.json"]
    assert len(paths("--filter", "*.csv")) == 1
    assert run_cli(done, "state", "list", "--status", "wonderful").returncode == 2


def test_state_of_one_file_from_any_folder(done: Path) -> None:
    folder = done / RAW / "beta/dumps/2024-01-06_120000"
    shown = run_cli(done, "state", "show", "data.json", cwd=folder)
    assert shown.returncode == 0, shown.stderr
    assert BAD in shown.stdout
    assert "date" in shown.stdout
    document = json.loads(run_cli(done, "state", "show", GOOD, "--json").stdout)
    assert document["status"] == "processed"
    assert document["history"][0]["outcome"] == "published"
    assert run_cli(done, "state", "show", "no/such/file").returncode == 2


def test_state_as_data_in_the_state_files_own_form(done: Path) -> None:
    kept = json.loads((done / "logs/migration/.migration_state.json").read_text())
    exported = json.loads(run_cli(done, "state", "export", "--format", "mirror").stdout)
    assert exported["processed_files"] == kept["processed_files"]
    assert list(exported) == list(kept)
    as_list = json.loads(run_cli(done, "state", "export", "--format", "json").stdout)
    assert as_list == lines_of(run_cli(done, "state", "export").stdout)
    assert len(as_list) == 5
    one = run_cli(done, "state", "export", "--format", "mirror", "--source", "gamma").stdout
    assert list(json.loads(one)["processed_files"]) == [f"{RAW}/gamma/manual/one.json"]


def test_the_exported_state_file_carries_on_what_nobody_adopted(done: Path) -> None:
    with closing(sqlite3.connect(done / ".opsconsole/ledger.sqlite")) as connection, connection:
        connection.execute(
            "INSERT INTO foreign_entries VALUES ('elsewhere/x.json', '{\"checksum\": \"0\"}', 'missing')"
        )
    exported = json.loads(run_cli(done, "state", "export", "--format", "mirror").stdout)["processed_files"]
    assert exported["elsewhere/x.json"] == {"checksum": "0"} and len(exported) > 1
    some = json.loads(run_cli(done, "state", "export", "--format", "mirror", "--source", "alpha").stdout)
    assert "elsewhere/x.json" not in some["processed_files"]


def test_state_export_of_nothing_is_still_json(ws: Path) -> None:
    assert json.loads(run_cli(ws, "state", "export", "--format", "mirror").stdout)["processed_files"] == {}
    assert json.loads(run_cli(ws, "state", "export", "--format", "json").stdout) == []
    assert run_cli(ws, "state", "list").stdout == ""
    assert run_cli(ws, "failures", "list").returncode == 0


def test_runs_by_any_end_of_their_id(done: Path) -> None:
    run = rows(done, "SELECT id FROM runs")[0][0]
    listed = run_cli(done, "runs", "list").stdout.split("\t")
    assert listed[0] == run
    assert listed[3] == "partial"
    for name in (run, run[-4:], run[-8:]):
        shown = run_cli(done, "runs", "show", name)
        assert shown.returncode == 0
        assert run in shown.stdout
    assert BAD in run_cli(done, "runs", "show", run).stdout, "what failed is named"
    document = json.loads(run_cli(done, "runs", "show", run, "--json").stdout)
    assert document["counts"]["processed"] == 4
    files = lines_of(run_cli(done, "runs", "show", run, "--json", "--files").stdout)[1:]
    assert sum(event["outcome"] == "published" for event in files) == 4
    assert files[0]["outcome"] == "failed", "what needs somebody comes first"
    assert run_cli(done, "runs", "show", run, "--files").stdout.partition("\nfailed\t")[0].count("published\t") == 0
    failed = run_cli(done, "runs", "show", run, "--files", "--outcome", "failed").stdout
    assert f"failed\t{BAD}\t" in failed
    assert run_cli(done, "runs", "show", "zzzz").returncode == 2


def test_the_report_is_the_file_that_the_run_wrote(done: Path) -> None:
    run = rows(done, "SELECT id FROM runs")[0][0]
    shown = run_cli(done, "runs", "report", run[-4:])
    assert shown.returncode == 0
    assert shown.stdout == (done / f".opsconsole/runs/{run}/report.md").read_text()
    (done / f".opsconsole/runs/{run}/report.md").unlink()
    again = run_cli(done, "runs", "report", run)
    assert again.returncode == 0
    assert run in again.stdout


def test_attach_to_a_run_that_is_over_and_to_none(done: Path) -> None:
    assert run_cli(done, "runs", "attach").returncode == 0
    over = run_cli(done, "runs", "attach", rows(done, "SELECT id FROM runs")[0][0])
    assert over.returncode == 1
    assert "4 published" in over.stdout
    assert run_cli(done, "runs", "cancel", rows(done, "SELECT id FROM runs")[0][0]).returncode == 2


def test_an_older_run_keeps_to_the_reasons_of_then(tmp_path: Path) -> None:
    bad, other = "beta/one.json", "beta/two.json"
    ws = make_workspace(tmp_path / "ws", {bad: [invalid_record(3)], other: [invalid_record(6)]})
    assert run_cli(ws, "migrate", "--yes").returncode == 1
    then = rows(ws, "SELECT path, reason FROM outcomes WHERE outcome = 'failed'")
    (run,) = rows(ws, "SELECT id FROM runs")[0]
    write_raw(ws, bad, [{**valid_record(1), "amount": "much"}])
    assert run_cli(ws, "migrate", "--yes").returncode == 1
    for command in ("attach", "show"):
        shown = run_cli(ws, "runs", command, run).stdout
        assert all(f"{path}\n    {reason}" in shown for path, reason in then), shown
        assert "amount is text" not in shown
    attached = run_cli(ws, "runs", "attach", run).stdout
    assert "not judged again since, by cause" in attached and "date is missing" in attached
    newest = rows(ws, "SELECT id FROM runs ORDER BY seq DESC LIMIT 1")[0][0]
    assert "amount is text" in run_cli(ws, "runs", "attach", newest).stdout
    write_raw(ws, other, [valid_record(2)])
    assert run_cli(ws, "migrate", "--yes").returncode == 1
    attached = run_cli(ws, "runs", "attach", run).stdout
    assert "by cause" not in attached
    assert all(f"{path}\n    {reason}" in attached for path, reason in then)


def test_explain_answers_for_every_kind_of_file(done: Path) -> None:
    answer = run_cli(done, "explain", BAD)
    assert answer.returncode == 0, answer.stderr
    assert "not published" in answer.stdout
    assert "record 2" in answer.stdout
    assert "[required]" in answer.stdout
    assert ", published" in run_cli(done, "explain", GOOD).stdout
    assert ", published" in run_cli(done, "explain", GOOD.replace(RAW, VALIDATED)).stdout
    assert "ignored" in run_cli(done, "explain", f"{RAW}/alpha/README.md").stdout
    document = json.loads(run_cli(done, "explain", BAD, "--json").stdout)
    assert document["published"] is False
    assert document["verdict"]["failed_records"] == 2
    assert run_cli(done, "explain", "/etc/passwd").returncode == 2


@pytest.mark.parametrize("more", [[], ["--json"]], ids=["text", "json"])
def test_explaining_what_nobody_knows_is_wrong_usage(done: Path, more: list[str]) -> None:
    for given in (f"{RAW}/no/such.json", "no/such.json"):
        answer = run_cli(done, "explain", given, *more)
        assert (answer.returncode, answer.stdout) == (2, "")
        assert given in answer.stderr
    answer = run_cli(done, "explain", BAD.replace("data.json", "dta.json"), *more)
    assert f"did you mean {BAD}?" in answer.stderr


def test_tab_completes_runs_and_causes(done: Path) -> None:
    def complete(words: str) -> list[str]:
        env = {"_OPSCONSOLE_COMPLETE": "bash_complete", "COMP_WORDS": words}
        env["COMP_CWORD"] = str(len(words.split(" ")) - 1)
        shown = run_cli(None, cwd=done, env=env)
        return [line.partition(",")[2] for line in shown.stdout.splitlines()]

    run = rows(done, "SELECT id FROM runs")[0][0]
    assert complete("opsconsole runs show ") == [run[-4:]]
    assert complete(f"opsconsole runs report {run[:6]}") == [run]
    assert "required:date" in complete("opsconsole failures list --cause ")


def test_a_list_into_head_ends_quietly(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws", {f"alpha/{n:04d}.json": [invalid_record(n)] for n in range(300)})
    assert run_cli(root, "migrate", "--yes").returncode == 1
    for args in ("state list", "failures list --by file", "failures export", "state export --format json"):
        pipeline = f'"$@" {args} | head -1; exit ${{PIPESTATUS[0]}}'
        result = subprocess.run(
            ["bash", "-c", pipeline, "bash", sys.executable, "-P", "-m", "console"],
            cwd=root,
            env=cli_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, args
        assert result.stderr == "" or "may be more" in result.stderr


def test_reading_commands_write_nothing(done: Path) -> None:
    def tree() -> dict[str, tuple[int, int]]:
        facts = {str(path): path.lstat() for path in done.rglob("*")}
        return {name: (fact.st_size, fact.st_mtime_ns) for name, fact in facts.items()}

    run = lines_of(run_cli(done, "runs", "list", "--json").stdout)[0]["id"]
    before = tree()
    for args in (
        ["state", "list"],
        ["state", "show", GOOD],
        ["state", "export"],
        ["failures", "list"],
        ["runs", "list"],
        ["runs", "show", run],
        ["runs", "report", run],
        ["explain", BAD],
        ["doctor"],
        ["migrate", "--dry-run"],
    ):
        assert run_cli(done, "--read-only", *args).returncode in (0, 1), args
        assert tree() == before, args


def test_a_new_version_of_a_failing_file_is_told(done: Path) -> None:
    write_raw(done, BAD.removeprefix(f"{RAW}/"), [valid_record(50)])
    answer = run_cli(done, "explain", BAD).stdout
    assert "changed" in answer
    assert run_cli(done, "migrate", "--yes").returncode == 0
