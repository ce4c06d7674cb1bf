"""Where a log is cut: by lines and by days, over any segments, against the plain way of doing it."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from console.engine.runs.log_segments import cut_by_lines, cut_by_time, segments_of, time_of, writer_of

LINES = st.lists(st.binary(max_size=12).map(lambda data: data.replace(b"\n", b" ") + b"\n"), max_size=8)
END = st.sampled_from([b"", b"no end"])


def write(folder: Path, parts: list[bytes]) -> None:
    """Segments, newest first; the first one is open."""
    for number, data in enumerate(parts):
        (folder / ("migration.log" + (f".{number}" if number else ""))).write_bytes(data)


@given(st.lists(LINES.map(b"".join), min_size=1, max_size=4), END, st.integers(1, 20))
def test_the_newest_lines_stay_and_no_other(parts: list[bytes], end: bytes, keep: int) -> None:
    parts = [parts[0] + end, *parts[1:]]
    whole = b"".join(reversed(parts))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, parts)
        segments = segments_of(folder, "migration.log")
        cuts = cut_by_lines(segments, keep)
        kept = b"".join(s.path.read_bytes()[cuts.get(s, 0) :] for s in reversed(segments))
    assert kept == b"".join(whole.splitlines(keepends=True)[-keep:]) if b"\r" not in whole else True
    assert kept == b"".join(_lines(whole)[-keep:])


def _lines(data: bytes) -> list[bytes]:
    """As splitlines, for newlines alone."""
    found = [line + b"\n" for line in data.split(b"\n")]
    last = found.pop()[:-1]
    return [*found, last] if last else found


def test_lines_longer_than_a_block_are_counted(tmp_path: Path) -> None:
    write(tmp_path, [b"x" * 3_000_000 + b"\n" + b"y" * 2_000_000 + b"\nend\n"])
    [segment] = segments_of(tmp_path, "migration.log")
    assert cut_by_lines([segment], 2) == {segment: 3_000_001}
    assert cut_by_lines([segment], 3) == {}


def test_days_are_counted_in_each_log_s_own_time(tmp_path: Path) -> None:
    zone = ZoneInfo("America/New_York")
    text = b"2026-03-01 23:00:00 - migration - INFO - old\n  goes with it\n2026-03-02 01:00:00 - migration - INFO - b\n"
    (tmp_path / "migration.log").write_bytes(text)
    [segment] = segments_of(tmp_path, "migration.log")
    since = datetime(2026, 3, 2, tzinfo=zone)
    assert cut_by_time([segment], since, zone) == {segment: text.index(b"2026-03-02")}
    assert cut_by_time([segment], since - timedelta(days=1), zone) == {}
    assert time_of(b'{"timestamp":"2026-03-02T05:00:00.000001","level":"INFO"}', zone) == datetime(
        2026, 3, 2, 5, 0, 0, 1, UTC
    )
    assert time_of(b'{"timestamp": "no time at all, but long"}', zone) is None


def test_a_segment_that_was_last_written_before_goes_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path, [b"no times here\n", b"nor here\n"])
    os.utime(tmp_path / "migration.log.1", (1, 1))
    live, old = segments_of(tmp_path, "migration.log")
    since = datetime.now(UTC) - timedelta(days=1)
    assert cut_by_time([live, old], since, UTC) == {old: old.size}


def test_who_writes_is_seen_and_who_reads_is_not(tmp_path: Path) -> None:
    path = tmp_path / "migration.log.1"
    path.write_bytes(b"x\n")
    with path.open("rb"):
        assert writer_of(path) == ""
    with path.open("ab"):
        assert str(os.getpid()) in writer_of(path)
    assert writer_of(path) == ""


def test_links_and_neighbours_are_no_segments(tmp_path: Path) -> None:
    write(tmp_path, [b"a\n", b"b\n"])
    (tmp_path / "migration.log.2").symlink_to("/etc/passwd")
    for name in ("migration.log.gz", "migration.log.01", "migration.log.1.part", "migration.json", "xmigration.log"):
        (tmp_path / name).write_bytes(b"")
    assert [segment.name for segment in segments_of(tmp_path, "migration.log")] == ["migration.log", "migration.log.1"]
