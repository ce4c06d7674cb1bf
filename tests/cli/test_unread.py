"""Without a ledger no plan claims to know what would change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import make_workspace, run_cli, valid_record

PLANS = (
    ("archive", "--match", "a/**", "--label", "old", "--reason", "superseded"),
    ("archive", "restore", "old"),
    ("backups", "prune", "--keep-last", "1"),
    ("logs", "archive", "--to", "kept"),
    ("logs", "trim", "--keep-lines", "10"),
    ("permissions", "repair"),
    ("rollback", "--last"),
    ("state", "clear", "--all", "--reason", "a new start"),
    ("verify",),
    ("verify", "--repair"),
)


@pytest.mark.parametrize("words", PLANS, ids=[" ".join(words[:2]) for words in PLANS])
def test_a_dry_run_ends_as_the_run_would(tmp_path: Path, words: tuple[str, ...]) -> None:
    root = make_workspace(tmp_path / "ws", {"a/1.json": [valid_record(1)]})
    (root / "kept").mkdir()
    (root / ".opsconsole").mkdir()
    (root / ".opsconsole/ledger.sqlite").write_bytes(b"no ledger at all" * 1000)
    done = run_cli(root, *words, "--dry-run")
    said = done.stdout + done.stderr
    assert done.returncode == 5, said
    assert "the ledger cannot be read: file is not a database" in said
    assert "nothing to do" not in said
