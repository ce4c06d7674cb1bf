"""`opsconsole disk`: usage with its growth, the tree, JSON; hostile names, read-only, nothing there."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.engine.observe_disk.trees import du, grow
from tests.support import make_workspace, run_cli


def documents(root: Path, *args: str) -> list[dict[str, Any]]:
    done = run_cli(root, "disk", "--json", *args)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "ws")


def test_without_a_ledger_it_says_how_full_and_that_there_is_no_history(root: Path) -> None:
    done = run_cli(root, "disk")
    assert done.returncode == 0
    assert "all zones" in done.stdout and "free" in done.stdout and "no history yet" in done.stdout
    assert not (root / ".opsconsole").exists()


def test_growth_and_days_until_full(root: Path) -> None:
    assert run_cli(root, "migrate", "--yes").returncode == 0
    with closing(sqlite3.connect(root / ".opsconsole/ledger.sqlite")) as connection:
        mount, used, total = connection.execute(
            "SELECT name, used, total FROM samples WHERE kind = 'filesystem'"
        ).fetchone()
        for day in range(1, 9):
            at = (datetime.now(UTC) - timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            values = [mount, at, used - day * 10**9, total]
            connection.execute("INSERT INTO samples VALUES ('filesystem', ?, ?, ?, ?, -1, -1)", values)
        connection.commit()
    (disk,) = [each for each in documents(root) if each["kind"] == "filesystem"]
    assert disk["growth_per_day"] == pytest.approx(1e9, rel=0.05) and disk["days_of_history"] == 9
    assert disk["days_until_full"] == pytest.approx(disk["free"] / 1e9, rel=0.1) and disk["first_full"] == "bytes"
    text = run_cli(root, "disk").stdout
    assert "+1.0 GB a day" in text and "in about" in text


def test_the_tree_is_what_du_says(root: Path) -> None:
    grow(root)
    said = {each["path"]: each for each in documents(root, "--tree", "--depth", "2") if each["kind"] == "folder"}
    for name in ("links", "links/two", "sparse", "hostile"):
        assert said[str(root / name)]["size"] == du(root / name)
    assert said[str(root / "links")]["frees"] < said[str(root / "links")]["size"]
    assert str(root / "links/two/deep") not in said
    text = run_cli(root, "disk", "--tree").stdout
    assert f"{said[str(root)]['files']} files" in text and "Backups:" in text
    assert "\x1b" not in text and "\x9b" not in text


def test_it_is_kept_for_the_console_but_not_by_who_only_looks(root: Path) -> None:
    (root / ".opsconsole").mkdir()
    assert run_cli(root, "--read-only", "disk", "--tree").returncode == 0
    assert os.listdir(root / ".opsconsole") == []
    assert run_cli(root, "disk", "--tree").returncode == 0
    assert os.listdir(root / ".opsconsole") == ["disk.json"]


def test_depth_alone_is_wrong_usage(root: Path) -> None:
    done = run_cli(root, "disk", "--depth", "2")
    assert done.returncode == 2 and "--tree" in done.stderr
