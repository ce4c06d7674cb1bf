"""`opsconsole init`, as a newcomer and as the owner of an old workspace type it."""

from __future__ import annotations

from pathlib import Path

from tests.support import run_cli


def test_init_makes_a_workspace_and_says_what_next(tmp_path: Path) -> None:
    done = run_cli(None, "init", "my place", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cd 'my place' && opsconsole" in done.stdout
    assert (tmp_path / "my place/config/console.toml").is_file()
    assert run_cli(tmp_path / "my place", "runs", "list").returncode == 0


def test_a_dry_run_of_init_makes_nothing(tmp_path: Path) -> None:
    done = run_cli(None, "init", "place", "--sample", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    assert "config/console.toml" in done.stdout
    assert not (tmp_path / "place").exists()


def test_init_again_adds_nothing(tmp_path: Path) -> None:
    run_cli(None, "init", "place", cwd=tmp_path)
    done = run_cli(None, "init", "place", cwd=tmp_path)
    assert done.returncode == 0
    assert "Nothing was missing." in done.stdout


def test_init_on_a_file_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_cli(None, "init", "file", cwd=tmp_path)
    assert done.returncode == 2
    assert "file" in done.stderr


def test_read_only_init_is_refused(tmp_path: Path) -> None:
    done = run_cli(None, "--read-only", "init", "place", cwd=tmp_path)
    assert done.returncode == 4
    assert not (tmp_path / "place").exists()
