"""The two logs of a run: the incumbent's formats, one record one line, rotation, full and unwritable disks."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.context import Context, open_context
from console.engine.environment import Failpoints
from console.engine.errors import RefusedError
from console.engine.runs.migration_log import MigrationLog
from tests.support import fixed_environment, make_workspace, shared_corpus

RUN = "20260304T050607Z-migrate-7f3a"
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - migration - (INFO|WARNING|ERROR) - [^\n]+")


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return workspace(tmp_path / "ws")


def workspace(root: Path, **config: Any) -> Context:
    return open_context(make_workspace(root, config=config), env=fixed_environment())


def folder(ctx: Context) -> Path:
    return ctx.workspace.root / "logs/migration"


def text(ctx: Context) -> list[str]:
    return (folder(ctx) / "migration.log").read_text(encoding="utf-8").split("\n")[:-1]


def objects(ctx: Context) -> list[dict[str, Any]]:
    lines = (folder(ctx) / "migration.json").read_bytes().split(b"\n")
    assert lines.pop() == b""
    return [json.loads(line) for line in lines]


def all_of(ctx: Context, name: str) -> list[str]:
    """Every line of a log, rotated ones first."""
    paths = [folder(ctx) / f"{name}.{n}" for n in range(9, 0, -1)] + [folder(ctx) / name]
    return [line for path in paths if path.exists() for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def failing(ctx: Context, *failures: int) -> Context:
    """The context in which writing fails with these errors, one after another; 0 is a success."""

    left = list(failures)

    class Failing(Failpoints):
        def reach(self, name: str) -> None:
            number = left.pop(0) if left else 0
            if number:
                raise OSError(number, os.strerror(number))

    return replace(ctx, env=replace(ctx.env, failpoints=Failing()))


# --- form --------------------------------------------------------------------------------------------------


def test_the_text_log_names_file_and_reason(ctx: Context) -> None:
    log = MigrationLog(ctx, RUN)
    log.add("INFO", "Processing file", file="data/raw/a.json", checksum="ab")
    log.add("ERROR", "Validation failed", file="data/raw/a.json", detail="12 of 96 records fail")
    log.close()
    assert text(ctx) == [
        "2026-03-04 05:06:07 - migration - INFO - Processing file: data/raw/a.json",
        "2026-03-04 05:06:07 - migration - ERROR - Validation failed: data/raw/a.json: 12 of 96 records fail",
    ]
    assert log.lost == 0


@pytest.mark.corpus
def test_the_structured_log_has_the_incumbents_keys_in_its_order(ctx: Context) -> None:
    log = MigrationLog(ctx, RUN)
    log.add("INFO", "Processing file", file="data/raw/a.json", checksum="ab")
    log.close()
    ours = objects(ctx)[0]
    with (shared_corpus("logs") / "migration/migration.json").open() as lines:
        theirs = next(d for d in map(json.loads, lines) if d["message"] == "Processing file")
    assert [key for key in ours if key != "run"] == list(theirs)
    assert {key: type(ours[key]) for key in theirs} == {key: type(value) for key, value in theirs.items()}
    assert ours["timestamp"] == "2026-03-04T05:06:07.000000"
    assert len(ours["timestamp"]) == len(theirs["timestamp"])
    assert (ours["logger"], ours["operation"], ours["run"]) == ("migration", "migrate", RUN)


def test_text_is_in_the_workspaces_time_zone_and_json_in_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    ctx = workspace(tmp_path / "ws", time_zone="Europe/Berlin")
    moments = iter([datetime(2026, 3, 29, 0, 59, 59, 999999, UTC), datetime(2026, 3, 29, 1, 0, 0, 1, UTC)])
    log = MigrationLog(replace(ctx, env=replace(ctx.env, now=lambda: next(moments))), RUN)
    log.add("INFO", "before")
    log.add("INFO", "after")
    log.close()
    assert [line[:19] for line in text(ctx)] == ["2026-03-29 01:59:59", "2026-03-29 03:00:00"]
    assert [d["timestamp"] for d in objects(ctx)] == ["2026-03-29T00:59:59.999999", "2026-03-29T01:00:00.000001"]
    assert [d["asctime"] for d in objects(ctx)] == ["2026-03-29 01:59:59", "2026-03-29 03:00:00"]


HOSTILE = (
    "[@click=app.quit]x\n\x1b]52;c;aGk=\x07.json",
    "a\r\n2026-03-04 05:06:07 - migration - ERROR - forged",
    "nul\0tab\tdel\x7fcsi\x9b31mnel\x85ls\u2028ps\u2029rtl\u202ebom\ufefftag\U000e0041",
    "\udc80\udcff bytes",
    'quote " backslash \\ {"level": "ERROR"}',
)
ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u200b-\u200f\u2066-\u2069\ufeff\U000e0041]")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_or_value_forges_a_line_or_acts(ctx: Context, name: str) -> None:
    log = MigrationLog(ctx, RUN)
    log.add("INFO", "Processing file", file=name, detail=name, errors=[name, {name: name}], **{"extra": name})
    log.add("INFO", name)
    log.close()
    assert len(text(ctx)) == len(objects(ctx)) == 2
    for line in text(ctx):
        assert LINE.fullmatch(line)
    for log_name in ("migration.log", "migration.json"):
        data = (folder(ctx) / log_name).read_bytes().decode()
        assert not ACTS.search(data)
    if name.isprintable():
        assert objects(ctx)[0]["file"] == name


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.text(), st.text(), st.dictionaries(st.text(), st.text(), max_size=2)), max_size=5))
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, records: list[Any]) -> None:
    ctx = workspace(tmp_path_factory.mktemp("log") / "ws")
    log = MigrationLog(ctx, RUN)
    for file, detail, values in records:
        log.add("INFO", "Processing file", file=file, detail=detail, values=values)
    log.close()
    if not records:
        return
    found = objects(ctx)
    assert [(d.get("file", ""), d.get("detail", ""), d["values"]) for d in found] == [
        (file, detail, values) for file, detail, values in records
    ]
    assert len(text(ctx)) == len(records)
    assert all(LINE.fullmatch(line) for line in text(ctx))


def test_values_that_json_has_no_word_for_are_told_all_the_same(ctx: Context) -> None:
    log = MigrationLog(ctx, RUN)
    log.add("INFO", "odd", a=2**70, b=Path("x"), c={"k"}, d=b"\xff")
    log.close()
    assert objects(ctx)[0]["a"] == str(2**70)


# --- buffering and rotation --------------------------------------------------------------------------------


def test_nothing_is_written_before_a_flush_and_everything_at_close(ctx: Context) -> None:
    log = MigrationLog(ctx, RUN)
    log.add("INFO", "one")
    assert not (folder(ctx) / "migration.log").exists()
    log.flush()
    assert len(text(ctx)) == 1
    log.add("INFO", "two")
    log.close()
    log.close()
    assert len(text(ctx)) == len(objects(ctx)) == 2


def test_a_long_batch_is_written_in_pieces_so_that_memory_stays(ctx: Context) -> None:
    log = MigrationLog(ctx, RUN)
    for number in range(4000):
        log.add("INFO", "Processing file", file=f"{number:0200d}")
    assert len(text(ctx)) > 1000
    log.close()
    assert len(text(ctx)) == 4000


def test_rotation_loses_nothing_and_keeps_five(tmp_path: Path) -> None:
    ctx = workspace(tmp_path / "ws", logs={"rotate_bytes": 100_000, "keep": 5})
    log = MigrationLog(ctx, RUN)
    for number in range(3000):
        log.add("INFO", "Processing file", file=f"data/{number:06d}.json")
        if number % 97 == 0:
            log.flush()
    log.close()
    assert [line[-11:-5] for line in all_of(ctx, "migration.log")] == [f"{n:06d}" for n in range(3000)]
    sizes = {path.name: path.stat().st_size for path in folder(ctx).iterdir()}
    assert all(size <= 100_000 for size in sizes.values())
    assert "migration.log.1" in sizes
    for number in range(20_000):
        log = log if number else MigrationLog(ctx, RUN)
        log.add("INFO", "Processing file", file=f"data/{number:06d}.json")
    log.close()
    names = sorted(path.name for path in folder(ctx).iterdir())
    assert names == sorted(f"migration.{k}{n}" for k in ("log", "json") for n in ("", ".1", ".2", ".3", ".4", ".5"))
    last = [line[-11:-5] for line in all_of(ctx, "migration.log")]
    assert last == [f"{n:06d}" for n in range(20_000 - len(last), 20_000)]


def test_a_record_larger_than_a_log_is_written_whole(tmp_path: Path) -> None:
    ctx = workspace(tmp_path / "ws", logs={"rotate_bytes": 100_000, "keep": 5})
    log = MigrationLog(ctx, RUN)
    for size in (10, 200_000, 10):
        log.add("INFO", "x", errors="y" * size)
    log.close()
    found = [len(json.loads(line)["errors"]) for line in all_of(ctx, "migration.json")]
    assert found == [10, 200_000, 10]


def test_trimmed_moved_or_removed_under_us_it_is_opened_anew(ctx: Context) -> None:
    log = MigrationLog(ctx, RUN)
    log.add("INFO", "one")
    log.flush()
    path = folder(ctx) / "migration.log"
    shutil.copy(path, folder(ctx) / "tmp")  # the runbook's tail > tmp; mv tmp log
    os.replace(folder(ctx) / "tmp", path)
    log.add("INFO", "two")
    log.flush()
    assert [line[-3:] for line in text(ctx)] == ["one", "two"]
    shutil.rmtree(folder(ctx))
    log.add("INFO", "three")
    log.close()
    assert [line[-5:] for line in text(ctx)] == ["three"]
    assert log.lost == 0


def test_somebodys_cut_off_line_does_not_swallow_ours(ctx: Context) -> None:
    (folder(ctx) / "migration.log").write_text("2025-01-01 00:00:00 - migration - INFO - half")
    log = MigrationLog(ctx, RUN)
    log.add("INFO", "whole")
    log.close()
    assert [line.rsplit(" - ", 1)[-1] for line in text(ctx)] == ["half", "whole"]


# --- trouble -----------------------------------------------------------------------------------------------


def test_a_full_disk_never_raises_and_what_waited_is_written_when_there_is_room(ctx: Context) -> None:
    log = MigrationLog(failing(ctx, errno.ENOSPC, errno.ENOSPC), RUN)
    log.add("ERROR", "Insufficient disk space")
    log.flush()
    assert (folder(ctx) / "migration.log").read_bytes() == b""  # no half line either
    assert "No space" in log.trouble
    log.add("INFO", "two")
    log.close()
    assert len(text(ctx)) == len(objects(ctx)) == 2
    assert log.lost == 0


def test_lines_that_were_lost_are_counted_and_a_line_says_so(ctx: Context) -> None:
    log = MigrationLog(failing(ctx, *[errno.ENOSPC] * 4), RUN)
    for number in range(2500):
        log.add("INFO", "Processing file", file=str(number))
    log.flush()
    assert log.lost == 500
    log.add("INFO", "again")
    log.flush()
    assert text(ctx)[-1].endswith("500 log lines were lost: No space left on device")
    assert objects(ctx)[-1]["message"] == "500 log lines were lost"
    log.add("INFO", "and on")
    log.close()
    assert sum("were lost" in line for line in text(ctx)) == 1
    assert len(text(ctx)) == 2000 + 1 + 1 + 1


def test_what_still_waits_at_the_end_is_lost(ctx: Context) -> None:
    log = MigrationLog(failing(ctx, *[errno.ENOSPC] * 10), RUN)
    for _ in range(7):
        log.add("INFO", "x")
    log.close()
    assert log.lost == 7


def test_a_log_that_is_a_folder_or_a_pipe_never_raises(ctx: Context) -> None:
    (folder(ctx) / "migration.log").mkdir()
    os.mkfifo(folder(ctx) / "migration.json")
    log = MigrationLog(ctx, RUN)
    log.add("INFO", "x")
    log.flush()
    log.close()
    assert log.lost == 1


@contextmanager
def somebody_else() -> Iterator[None]:
    """As a user who may not write here; root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_where_the_folder_is_not_ours_to_write_a_full_log_grows_on(tmp_path: Path) -> None:
    for path in (tmp_path, *tmp_path.parents):
        if path.owner() == "root" or path == tmp_path:
            os.chmod(path, os.stat(path).st_mode | 0o055)
    ctx = workspace(tmp_path / "ws", logs={"rotate_bytes": 100_000, "keep": 5})
    for name in ("migration.log", "migration.json"):
        (folder(ctx) / name).write_bytes(b"x" * 100_000 + b"\n")
        os.chmod(folder(ctx) / name, 0o666)
    os.chmod(folder(ctx), 0o555)
    with somebody_else():
        log = MigrationLog(ctx, RUN)
        log.add("INFO", "still told")
        log.close()
    assert log.lost == 0
    assert text(ctx)[-1].endswith("still told")


def test_folders_and_files_take_the_groups_mode_whatever_the_umask(ctx: Context) -> None:
    shutil.rmtree(ctx.workspace.root / "logs")
    os.chmod(ctx.workspace.root, 0o2775)
    before = os.umask(0o077)
    try:
        log = MigrationLog(ctx, RUN)
        log.add("INFO", "x")
        log.close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(folder(ctx)).st_mode) == 0o2775
    assert stat.S_IMODE(os.stat(folder(ctx) / "migration.log").st_mode) == 0o664


@pytest.mark.parametrize("which", ["logs", "logs/migration", "logs/migration/migration.log"])
def test_a_link_is_refused_before_anything_is_touched(ctx: Context, tmp_path: Path, which: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    path = ctx.workspace.root / which
    if path.is_dir():
        shutil.rmtree(path)
    path.symlink_to(outside)
    with pytest.raises(RefusedError):
        MigrationLog(ctx, RUN)
    assert not list(outside.iterdir())


def test_a_log_that_becomes_a_link_during_a_run_is_not_followed(ctx: Context, tmp_path: Path) -> None:
    log = MigrationLog(ctx, RUN)
    log.add("INFO", "one")
    log.flush()
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    (folder(ctx) / "migration.log").unlink()
    (folder(ctx) / "migration.log").symlink_to(victim)
    log.add("INFO", "two")
    log.close()
    assert victim.read_text() == "precious\n"
    assert log.lost == 1


def test_a_clock_that_goes_back_is_followed(ctx: Context) -> None:
    moments = iter([ctx.env.now(), ctx.env.now() - timedelta(hours=1)])
    log = MigrationLog(replace(ctx, env=replace(ctx.env, now=lambda: next(moments))), RUN)
    log.add("INFO", "x")
    log.add("INFO", "y")
    log.close()
    assert [line[11:19] for line in text(ctx)] == ["05:06:07", "04:06:07"]
