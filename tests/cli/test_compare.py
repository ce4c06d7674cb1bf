"""`runs compare` and `runs list --by` as somebody types them: two real runs, between which a file came to fail."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.harness import lines_of
from tests.support import invalid_record, run_cli, write_raw


def test_two_runs_compared_and_runs_listed(ws: Path) -> None:
    assert run_cli(ws, "migrate", "--yes").returncode == 1
    write_raw(ws, "alpha/dumps/2024-01-01_000000/data.json", [invalid_record(0)])
    assert run_cli(ws, "migrate", "--yes").returncode == 1
    listed = [each for each in lines_of(run_cli(ws, "runs", "list", "--json").stdout) if "id" in each]
    later, before = (each["id"] for each in listed[:2])
    told = run_cli(ws, "runs", "compare", before, later)
    assert told.returncode == 0, told.stderr
    assert "newly failing" in told.stdout and "alpha/dumps/2024-01-01_000000/data.json" in told.stdout
    data = [json.loads(line) for line in run_cli(ws, "runs", "compare", before, later, "--json").stdout.splitlines()]
    assert any("newly-failing" in json.dumps(each) or "newly failing" in json.dumps(each) for each in data)
    assert run_cli(ws, "runs", "compare", before, "ffff").returncode == 2
    assert "No run" in run_cli(ws, "runs", "list", "--by", "nobody-of-this-name").stderr
