"""`opsconsole validate`: in a workspace, outside one, in scripts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.harness import lines_of
from tests.support import RAW, SMALL_SCHEMA, VALIDATED, invalid_record, run_cli, shared_corpus, valid_record
from tests.support.cli import cli_environment
from tests.support.workspace import encode

BAD = f"{RAW}/beta/dumps/2024-01-06_120000/data.json"


def test_a_failing_file_is_told_record_by_record(ws: Path) -> None:
    done = run_cli(ws, "validate", BAD)
    assert done.returncode == 1
    assert BAD in done.stdout
    assert "record 2, line" in done.stdout
    assert "date [required]" in done.stdout
    assert "1 file: 0 pass, 1 fail; 3 records, 2 fail" in done.stdout
    assert not (ws / ".opsconsole").exists()


def test_a_folder_names_every_file_the_ignored_too(ws: Path) -> None:
    done = run_cli(ws, "validate", "--directory", RAW)
    assert done.returncode == 1
    assert f"ignored {RAW}/alpha/README.md" in done.stdout
    assert done.stdout.count("\nok") + done.stdout.startswith("ok") >= 4
    quiet = run_cli(ws, "validate", "--directory", RAW, "--quiet").stdout
    assert "ok " not in quiet
    assert BAD in quiet


def test_a_named_schema_is_that_of_the_data_not_of_the_sidecars(ws: Path) -> None:
    schema = "config/schemas/small.json"
    done = run_cli(ws, "validate", "--directory", f"{RAW}/alpha", "--schema", schema)
    assert done.returncode == 0, done.stdout
    assert f"ignored {RAW}/alpha/dumps/2024-01-01_000000/_metadata.json: sidecar" in done.stdout
    named = f"{RAW}/alpha/dumps/2024-01-01_000000/_metadata.json"
    assert run_cli(ws, "validate", named, "--schema", schema).returncode == 1, "whoever names it means it"


def test_without_arguments_it_is_the_validated_zone(ws: Path) -> None:
    empty = run_cli(ws, "validate")
    assert empty.returncode == 0
    assert "No data file" in empty.stderr
    run_cli(ws, "migrate", "--yes")
    done = run_cli(ws, "validate")
    assert done.returncode == 0
    assert f"{VALIDATED}/gamma/manual/one.json" in done.stdout


def test_outside_a_workspace_with_a_schema(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(SMALL_SCHEMA))
    (tmp_path / "good.jsonl").write_bytes(encode("good.jsonl", [valid_record(n) for n in range(3)]))
    (tmp_path / "bad.csv").write_bytes(encode("bad.csv", [invalid_record(1)]))
    done = run_cli(None, "validate", "--schema", "schema.json", "good.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = run_cli(None, "validate", "--schema", "schema.json", "good.jsonl", "bad.csv", cwd=tmp_path)
    assert done.returncode == 1
    assert "amount [minimum]" in done.stdout
    assert run_cli(None, "validate", "good.jsonl", cwd=tmp_path).returncode == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "good.jsonl", "schema.json"]


def test_paths_are_shown_as_they_were_typed(ws: Path) -> None:
    below = ws / RAW
    done = run_cli(ws, "validate", "gamma/manual/one.json", cwd=below)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ok      gamma/manual/one.json: 1 record")
    done = run_cli(ws, "validate", "--directory", "gamma", cwd=below)
    assert done.stdout.startswith("ok      gamma/manual/one.json: 1 record")


@pytest.mark.parametrize(
    "args",
    [
        ("no/such/file.json",),
        ("--directory", "no/such/folder"),
        ("--schema", "no/such/schema.json", BAD),
        ("--directory", RAW, BAD),
        ("--directory", BAD),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(ws: Path, args: tuple[str, ...]) -> None:
    done = run_cli(ws, "validate", *args)
    assert done.returncode == 2, done.stdout
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_json_has_one_object_a_file_and_the_summary(ws: Path) -> None:
    done = run_cli(ws, "validate", "--directory", RAW, "--json", "--limit", "1")
    *files, summary = lines_of(done.stdout)
    assert done.returncode == summary["exit_status"] == 1
    assert summary["counts"]["failed"] == 1
    failing = next(file for file in files if file["path"] == BAD)
    assert failing["verdict"]["failed_records"] == 2
    assert len(failing["verdict"]["failing"]) == 1, "up to the limit"
    error = failing["verdict"]["failing"][0]["errors"][0]
    assert {"rule", "field", "value", "message", "cause"} <= set(error)


def test_the_limit_is_said_with_the_rest(ws: Path) -> None:
    one = run_cli(ws, "validate", BAD, "--limit", "1").stdout
    assert "and 1 more failing record" in one
    none = run_cli(ws, "validate", BAD, "--limit", "0").stdout
    assert "and 2 more failing records" in none
    assert "record 2" not in none


def test_into_head_it_ends_quietly_with_the_true_status(ws: Path) -> None:
    pipeline = f'"$@" validate --directory {RAW} | head -1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", pipeline, "bash", sys.executable, "-P", "-m", "console"],
        cwd=ws,
        env=cli_environment({"PYTHONUNBUFFERED": "1"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == ""


@pytest.mark.corpus
def test_the_shared_corpus_fails_and_passes_as_it_says(tmp_path: Path) -> None:
    raw = shared_corpus("funding")
    schema = shared_corpus("incumbent/config/schemas/funding_data_v1.json")
    found = run_cli(None, "validate", "--schema", str(schema), "--directory", str(raw / "raw"), "--json", cwd=tmp_path)
    files = [event for event in lines_of(found.stdout)[:-1] if not event["ignored"]]
    assert sum(event["ok"] for event in files) == 40
    assert sum(not event["ok"] for event in files) == 37


@pytest.mark.bench
def test_a_large_file_is_faster_than_ajv(tmp_path: Path) -> None:
    if shutil.which("ajv") is None:
        pytest.skip("not shown here: ajv (npm ajv-cli) is not installed")
    (tmp_path / "schema.json").write_text(json.dumps(SMALL_SCHEMA))
    (tmp_path / "data.json").write_text(json.dumps([valid_record(n) for n in range(100_000)]))
    (tmp_path / "list.json").write_text(json.dumps({"type": "array", "items": SMALL_SCHEMA}))

    def best(command: list[str]) -> float:
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            subprocess.run(command, cwd=tmp_path, env=cli_environment(), capture_output=True, check=True)
            times.append(time.perf_counter() - begin)
        return min(times)

    ours = best([sys.executable, "-P", "-m", "console", "validate", "--schema", "schema.json", "data.json"])
    assert ours < best(["ajv", "validate", "-s", "list.json", "-d", "data.json", "--strict=false"])
