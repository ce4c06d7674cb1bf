"""`opsconsole init`: adds what is missing, overwrites nothing, and can be typed again."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from console.engine.errors import ConfigurationError, EngineError, UsageError
from console.engine.settings import load_settings
from console.engine.workspace.default_config import console_toml
from console.engine.workspace.entry_points import MARK, entry_point
from console.engine.workspace.init import perform_init, plan_init
from tests.support import PROJECT, RAW, make_workspace, shared_corpus

MIGRATE = "scripts/migration/migrate.py"
VALIDATE = "scripts/validation/validate_funding.py"
CONFIG = "scripts/migration/config.json"


def tree(root: Path) -> dict[str, bytes | None]:
    """Every path below root; a file's bytes, None for a folder, a link's target."""
    found: dict[str, bytes | None] = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(folder, name)
            relative = str(path.relative_to(root))
            found[relative] = (
                os.readlink(path).encode() if path.is_symlink() else None if path.is_dir() else path.read_bytes()
            )
    return found


def init(folder: Path, sample: bool = False, systemd: bool = False) -> list[str]:
    return perform_init(plan_init(folder, sample, systemd=systemd))


def test_planning_changes_nothing(tmp_path: Path) -> None:
    plan = plan_init(tmp_path / "new", True, systemd=True)
    assert tree(tmp_path) == {}
    done = perform_init(plan)
    assert len(done) == len(plan.steps)
    assert [word.split(" ", 1)[1] for word in done] == [word.split(" ", 1)[1] for word in plan.steps]


def test_a_new_workspace(tmp_path: Path) -> None:
    root = tmp_path / "deep/new"
    init(root)
    settings = load_settings(root)
    for folder in settings.folders:
        assert (root / folder).is_dir()
    assert (root / "config/console.toml").read_bytes() == (PROJECT / "config/console.toml").read_bytes()
    assert (root / settings.rules[0].schema).is_file() and (root / settings.sidecar.schema).is_file()
    assert not os.listdir(root / RAW)
    assert not (root / ".opsconsole").exists()
    # both configurations say the same, so that cron and console judge by one rule
    other = load_settings(root, CONFIG)
    assert (other.zones, other.rules, other.state_file) == (settings.zones, settings.rules, settings.state_file)


def test_typed_again_it_does_nothing(tmp_path: Path) -> None:
    init(tmp_path / "ws", sample=True, systemd=True)
    before = tree(tmp_path)
    plan = plan_init(tmp_path / "ws", True, systemd=True)
    assert plan.steps == [] and perform_init(plan) == []
    assert tree(tmp_path) == before


def test_only_what_is_missing_is_added(tmp_path: Path) -> None:
    root = tmp_path / "ws"
    init(root)
    (root / "config/console.toml").write_text('name = "mine"')
    (root / CONFIG).write_text("{}")
    os.remove(root / VALIDATE)
    shutil.rmtree(root / "logs")
    done = init(root)
    assert done == ["made logs/migration/", f"wrote {VALIDATE}"]
    assert (root / "config/console.toml").read_text() == 'name = "mine"'
    assert (root / CONFIG).read_text() == "{}"


def test_a_run_that_was_cut_short_is_finished_by_the_next(tmp_path: Path) -> None:
    plan = plan_init(tmp_path / "ws", True)
    perform_init(plan_init(tmp_path / "whole", True))
    whole = tree(tmp_path / "whole")
    for count in range(0, len(plan.actions), 5):
        root = tmp_path / f"cut{count}"
        cut = plan_init(root, True)
        perform_init(type(cut)(cut.root, cut.actions[:count], []))
        init(root, sample=True)
        assert tree(root) == whole


def test_a_file_that_appeared_meanwhile_is_left(tmp_path: Path) -> None:
    plan = plan_init(tmp_path / "ws")
    (tmp_path / "ws/config").mkdir(parents=True)
    (tmp_path / "ws/config/console.toml").write_text("# somebody's")
    done = perform_init(plan)
    assert (tmp_path / "ws/config/console.toml").read_text() == "# somebody's"
    assert "wrote config/console.toml" not in done


# -- an incumbent's workspace ------------------------------------------------------------------------------


def test_an_incumbents_workspace_keeps_everything(tmp_path: Path) -> None:
    root = tmp_path / "ws"
    shutil.copytree(shared_corpus("incumbent"), root, copy_function=shutil.copyfile)
    subprocess.run(["chmod", "-R", "u+w", root], check=True)
    (root / MIGRATE).write_text("print('the old one')\n")
    before = tree(root)
    done = init(root)
    after = tree(root)
    assert f"kept {MIGRATE} as {MIGRATE}.incumbent" in done
    assert after[f"{MIGRATE}.incumbent"] == before.pop(MIGRATE)
    assert {path: after[path] for path in before} == before
    ours, theirs = load_settings(root), load_settings(root, CONFIG)
    assert (ours.zones, ours.rules, ours.log_dir) == (theirs.zones, theirs.rules, theirs.log_dir)
    assert ours.sidecar == theirs.sidecar


def test_its_configuration_becomes_ours(tmp_path: Path) -> None:
    said = {
        "source_dir": "in",
        "dest_dir": str(tmp_path / "not-mounted/out"),
        "backup_dir": 'kept "x" \\ é',
        "log_dir": "log",
        "state_file": "log/s.json",
        "required_columns": ["id", 'a"]b'],
        "validation_schema": "s.json",
        "fail_on_warning": True,
        "create_backups": False,
        "operation": "move",
    }
    root = tmp_path / "ws"
    (root / "scripts/migration").mkdir(parents=True)
    (root / CONFIG).write_text(json.dumps(said))
    init(root)
    theirs, ours = load_settings(root, CONFIG), load_settings(root)
    for name in ("zones", "rules", "log_dir", "state_file", "fail_on_warning", "create_backups", "operation"):
        assert getattr(ours, name) == getattr(theirs, name), name
    text = (root / "config/console.toml").read_text()
    assert text.count("#") == console_toml().count("#")  # the comments are still there
    assert not (tmp_path / "not-mounted").exists()


def test_an_incumbents_wrong_configuration_is_an_error_before_anything(tmp_path: Path) -> None:
    (tmp_path / "scripts/migration").mkdir(parents=True)
    (tmp_path / CONFIG).write_text('{"operation": "steal"}')
    before = tree(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        plan_init(tmp_path)
    assert (caught.value.file, caught.value.key) == (CONFIG, "operation")
    assert tree(tmp_path) == before


def test_scripts_are_kept_under_names_of_their_own(tmp_path: Path) -> None:
    root = make_workspace(tmp_path)
    for number in (1, 2):
        (root / MIGRATE).parent.mkdir(parents=True, exist_ok=True)
        (root / MIGRATE).write_text(f"print({number})")
        init(root)
    assert (root / f"{MIGRATE}.incumbent").read_text() == "print(1)"
    assert (root / f"{MIGRATE}.incumbent-2").read_text() == "print(2)"
    assert MARK in (root / MIGRATE).read_text()


def test_our_script_of_another_installation_is_renewed_in_place(tmp_path: Path) -> None:
    root = make_workspace(tmp_path)
    init(root)
    (root / MIGRATE).write_bytes(entry_point("migrate", "/gone/python", "/gone/console"))
    (done,) = init(root)
    assert MIGRATE in done and sys.executable in done
    assert (root / MIGRATE).read_bytes() == entry_point("migrate")
    assert not (root / f"{MIGRATE}.incumbent").exists()


# -- the sample --------------------------------------------------------------------------------------------


def test_the_sample_is_the_repositorys_own_data(tmp_path: Path) -> None:
    init(tmp_path / "ws", sample=True)
    made, here = tree(tmp_path / "ws/data/raw/funding_sources"), tree(PROJECT / RAW)
    assert {path: data for path, data in made.items()} == {path: data for path, data in here.items()}
    assert (tmp_path / "ws/data/README.md").is_file()
    assert {Path(path).suffix for path in made} >= {".json", ".jsonl", ".csv", ".md"}
    assert sum(len(data) for data in made.values() if data) < 1_500_000


def test_every_sample_file_names_its_origin_and_licence() -> None:
    page = (PROJECT / "data/README.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for path, data in tree(PROJECT / RAW).items():
        if data is not None and not path.endswith("_metadata.json"):
            assert f"| {len(data):,} |" in rows[path], path
            assert "CC0-1.0" in rows[path] or "MIT" in rows[path], path
            del rows[path]
    assert rows == {}


def test_the_sample_is_the_corpus_byte_for_byte() -> None:
    corpus = shared_corpus("funding") / "raw/funding_sources"
    for path, data in tree(PROJECT / RAW).items():
        if data is not None and not path.endswith("README.md"):
            assert (corpus / path).read_bytes() == data, path


def test_an_installed_wheel_has_the_same_sample(tmp_path: Path) -> None:
    """The layout that pyproject.toml gives a wheel: config and data inside the package."""
    wheel = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    site = tmp_path / "site"
    shutil.copytree(PROJECT / "console", site / "console", ignore=shutil.ignore_patterns("__pycache__"))
    for source, target in wheel["force-include"].items():
        copy = shutil.copytree if (PROJECT / source).is_dir() else shutil.copyfile
        (site / target).parent.mkdir(parents=True, exist_ok=True)
        copy(PROJECT / source, site / target)
    made = subprocess.run(
        [sys.executable, "-P", "-m", "console", "init", "--sample", str(tmp_path / "ws")],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert str(site / "console") in (tmp_path / "ws" / MIGRATE).read_text()
    assert tree(tmp_path / "ws" / RAW) == tree(PROJECT / RAW)
    assert (tmp_path / "ws/config/console.toml").read_bytes() == (PROJECT / "config/console.toml").read_bytes()


def test_the_sample_never_mixes_with_real_sources(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"mine/data.json": []})
    before = tree(root)
    with pytest.raises(UsageError, match="mine") as caught:
        plan_init(root, True)
    assert RAW in caught.value.file
    assert tree(root) == before


def test_the_sample_goes_into_its_own_raw_zone_only(tmp_path: Path) -> None:
    make_workspace(tmp_path, config={"zones": {"raw": "in"}})
    with pytest.raises(UsageError, match="in"):
        plan_init(tmp_path, True)


# -- places where nothing can be made ----------------------------------------------------------------------


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    for name in ("x", "x/y"):
        with pytest.raises((UsageError, EngineError)):
            init(tmp_path / name)
    assert (tmp_path / "x").read_text() == ""


@pytest.mark.parametrize("link", ["config", "scripts", "scripts/migration", "data"])
def test_nothing_is_written_through_a_link_out_of_the_root(tmp_path: Path, link: str) -> None:
    root, out = tmp_path / "ws", tmp_path / "out"
    (root / link).parent.mkdir(parents=True)
    out.mkdir()
    (root / link).symlink_to(out)
    with pytest.raises(UsageError, match="link"):
        plan_init(root, True, systemd=True)
    assert os.listdir(out) == []


def test_a_zone_that_is_a_link_is_the_operators_choice(tmp_path: Path) -> None:
    root, out = tmp_path / "ws", tmp_path / "out"
    (root / "data/transformed").mkdir(parents=True)
    out.mkdir()
    (root / "data/transformed/validated").symlink_to(out)
    (root / "data/serveable").symlink_to(tmp_path / "not-mounted")
    init(root)
    assert os.listdir(out) == []
    assert not (tmp_path / "not-mounted").exists()


def test_an_error_names_the_file_at_which_it_stopped(tmp_path: Path) -> None:
    plan = plan_init(tmp_path / "ws")
    (tmp_path / "ws").write_text("in the way")
    with pytest.raises(EngineError) as caught:
        perform_init(plan)
    assert caught.value.file.startswith(str(tmp_path / "ws"))
    assert caught.value.next_step


def test_what_is_made_takes_the_folders_group_and_mode(tmp_path: Path) -> None:
    root = tmp_path / "ws"
    root.mkdir()
    group = 4711 if os.geteuid() == 0 else os.getegid()
    os.chown(root, -1, group)
    root.chmod(0o2770)
    old = os.umask(0o077)
    try:
        init(root, sample=True)
    finally:
        os.umask(old)
    for path in tree(root):
        about = (root / path).stat()
        assert about.st_gid == group, path
        mode = stat.S_IMODE(about.st_mode)
        if stat.S_ISDIR(about.st_mode):
            assert mode == 0o2770, (path, oct(mode))
        else:
            assert mode == (0o770 if path in (MIGRATE, VALIDATE) else 0o660), (path, oct(mode))


def test_a_new_folder_below_tmp_is_nobody_elses(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    old = os.umask(0o022)
    try:
        init(tmp_path / "ws")
    finally:
        os.umask(old)
    for path in ["", *tree(tmp_path / "ws")]:
        mode = stat.S_IMODE((tmp_path / "ws" / path).stat().st_mode)
        assert not mode & (stat.S_IWOTH | stat.S_IWGRP | stat.S_ISVTX), path
