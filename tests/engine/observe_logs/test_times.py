"""When lines were written, in every form there is; where a time is in a log; times as they are typed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.observe import logs_times
from console.engine.observe.logs_lines import LogLine
from console.engine.observe.logs_times import Clock, offset_at, parse_when
from console.engine.observe.logs_view import LogView
from tests.engine.observe_logs.oracle import log_bytes, opened, small_reads
from tests.support import shared_corpus

BERLIN = ZoneInfo("Europe/Berlin")
thorough = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        (b"2025-10-30 14:25:12 - migration - INFO - x", "2025-10-30T13:25:12"),  # the workspace's zone: Berlin
        (b"2025-10-30 14:25:12,123 - x", "2025-10-30T13:25:12.123"),
        (b"2025/10/30 14:25 [crit] x", "2025-10-30T13:25:00"),
        (b"2025-10-30T14:25:12.5Z x", "2025-10-30T14:25:12.5"),
        (b"2025-10-30 14:25:12+05:30 x", "2025-10-30T08:55:12"),
        (b"2025-10-30T14:25:12 -0800 x", "2025-10-30T22:25:12"),
        (b'{"timestamp": "2025-10-30T14:25:12.250000", "level": "INFO"}', "2025-10-30T14:25:12.25"),  # UTC
        (b'{"x": {"time": "2001-01-01T00:00:00"}, "time": "2025-10-30T14:25:12+01:00"}', "2025-10-30T13:25:12"),
        (b'{"ts": 1761834312.5}', "2025-10-30T14:25:12.5"),
        (b'{"ts": 1761834312500}', "2025-10-30T14:25:12.5"),
        (b'{"timestamp": "2025-10-30T14:25:12", "cut": "' + b"x" * 9000, "2025-10-30T14:25:12"),
        (b'1.2.3.4 - - [30/Oct/2025:14:25:12 -0700] "GET / HTTP/1.0"', "2025-10-30T21:25:12"),
        (b"30 Oct 2025 14:25:12 x", "2025-10-30T13:25:12"),
        (b"Oct 30 14:25:12 host app[1]: x", "2025-10-30T13:25:12"),
        (b"Dec 31 14:25:12 host app[1]: x", "2024-12-31T13:25:12"),  # still to come this year: the last one
        (b"Feb 29 12:00:00 host app: x", "2024-02-29T11:00:00"),
        (b"251030 142512 148 INFO dfs.DataNode: x", "2025-10-30T13:25:12"),
        (b"1761834312.5: x", "2025-10-30T14:25:12.5"),
        (b"[1761834312500] x", "2025-10-30T14:25:12.5"),
        (b"\x1b[0m\x1b[32mOct 30 \x1b[0m\x1b[1m\x1b[33m14:25:12\x1b[0m host", "2025-10-30T13:25:12"),
        (b"\x1b[2Kweb-1  | 2025-10-30T14:25:12.000000000Z x", "2025-10-30T14:25:12"),
    ],
)
def test_times(line: bytes, moment: str) -> None:
    written = datetime(2025, 11, 25, tzinfo=UTC).timestamp()
    assert Clock(BERLIN).of(line, written) == datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Traceback (most recent call last):",
        b"2025-02-31 14:25:12 - never was",
        b"Feb 30 14:25:12 never was",
        b"2025-10-30 25:25:12 - nor this",
        b"version 12025-10-30 14:25:12",
        b'{"timestamp": true}',
        b'{"timestamp": {"time": "2025-10-30T14:25:12"}}',
        b"x" * 300 + b" 2025-10-30 14:25:12",
        b"9999999999999 x",
    ],
)
def test_what_is_no_time(line: bytes) -> None:
    assert Clock(BERLIN).of(line, 1e9) is None


_ZONES = st.sampled_from([UTC, BERLIN, ZoneInfo("America/St_Johns"), timezone(timedelta(hours=14))])
_MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
_FORMS = st.sampled_from(
    [
        "%Y-%m-%d %H:%M:%S%z - x",
        "%Y-%m-%dT%H:%M:%S%z",
        '[%d/%b/%Y:%H:%M:%S %z] "GET"',
        '{{"timestamp": "%Y-%m-%dT%H:%M:%S%z"}}',
    ]
)


@given(_MOMENTS, _ZONES, _FORMS)
def test_a_time_with_its_zone_is_that_time_wherever_it_is_read(moment: datetime, zone: timezone, form: str) -> None:
    there = moment.replace(tzinfo=UTC).astimezone(zone)
    line = there.strftime(form.replace("{{", "{").replace("}}", "}")).encode()
    assert Clock(BERLIN).of(line) == moment.replace(tzinfo=UTC).timestamp()


@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace"))))
def test_no_bytes_are_too_odd(line: bytes) -> None:
    for head in (line, b"{" + line, b'{"ts": ' + line + b"}", b"2025-10-30 14:25" + line):
        found = Clock(BERLIN).of(head, 1e9)
        assert found is None or isinstance(found, float)


@thorough
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3)), max_size=30),
    st.integers(2, 90),
    st.integers(-2, 62),
    st.integers(2, 400),
)
def test_where_a_time_is(tmp_path: Path, entries: list[tuple[int, int]], chunk: int, wanted: int, near: int) -> None:
    """Halving finds what going through all lines finds; lines without a time stand between."""
    began = datetime(2026, 3, 4, tzinfo=UTC)
    data, starts = b"", []
    for second, further in sorted(entries):
        moment = began + timedelta(seconds=second)
        starts.append((len(data), moment.timestamp()))
        data += f"{moment:%Y-%m-%d %H:%M:%S} - x\n".encode() + b"  at frame\n" * further
    moment = (began + timedelta(seconds=wanted)).timestamp()
    clock = Clock()

    def moment_of(line: LogLine) -> float | None:
        return clock.of(line.head)

    with (
        small_reads(chunk),
        mock.patch.object(logs_times, "NEAR", near),
        mock.patch.object(logs_times, "PROBE_LINES", 4),
        opened(tmp_path, data) as stream,
    ):
        assert stream.last is not None and stream.last.log is not None
        found = offset_at(stream.last.log.reader, moment_of, moment, 0, len(data))
        expected = next((start for start, at in starts if at >= moment), len(data))
        assert found == (expected if starts else None)
        view = LogView(stream, 9, clock=clock)
        assert view.go_to_time(moment) == bool(starts)
        assert view.advance()
        if starts and expected < len(data):
            assert view.landed == (stream.last.serial, expected) and not view.follow


@given(log_bytes())
def test_any_log_can_be_asked_for_a_time(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    clock = Clock()
    with opened(tmp_path_factory.mktemp("any"), data) as stream:
        assert stream.last is not None and stream.last.log is not None
        found = offset_at(stream.last.log.reader, lambda line: clock.of(line.head, 1.8e9), 1e9, 0, len(data))
        assert found is None or 0 <= found <= len(data)


NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # 13:00 in Berlin


@pytest.mark.parametrize(
    ("typed", "near", "meant"),
    [
        ("03:12", None, "2026-03-04T02:12:00"),
        ("3:12:05", None, "2026-03-04T02:12:05"),
        ("13:01", None, "2026-03-03T12:01:00"),  # still to come: yesterday's
        ("03:12", datetime(2026, 2, 1, 22, tzinfo=UTC), "2026-02-01T02:12:00"),  # the day that is being read
        ("03:12", datetime(2026, 2, 1, 23, 30, tzinfo=UTC), "2026-02-02T02:12:00"),  # in Berlin the next one
        ("03:12Z", None, "2026-03-04T03:12:00"),
        ("2026-03-04", None, "2026-03-03T23:00:00"),
        ("2026-03-04 03:12", None, "2026-03-04T02:12:00"),
        ("2026-03-04T03:12:05.123", None, "2026-03-04T02:12:05"),
        ("2026-07-01 03:12", None, "2026-07-01T01:12:00"),  # summer; a year that is typed is meant
        ("03-03 03:12", None, "2026-03-03T02:12:00"),
        ("12-24", None, "2025-12-23T23:00:00"),
        ("-2h", None, "2026-03-04T10:00:00"),
        ("- 90m", None, "2026-03-04T10:30:00"),
        ("-1w", None, "2026-02-25T12:00:00"),
    ],
)
def test_what_is_typed(typed: str, near: datetime | None, meant: str) -> None:
    assert parse_when(typed, NOW, near, BERLIN) == datetime.fromisoformat(meant).replace(tzinfo=UTC)


@pytest.mark.parametrize("typed", ["", "x", "25:00", "2026-02-30", "-2y", "12", "-999999w", "03:12 foo", "0000-01-01"])
def test_what_cannot_be_meant(typed: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_when(typed, NOW, None, BERLIN)


@given(st.one_of(st.text(max_size=20), st.text("0123456789-: TZhmsdw", max_size=20)), _ZONES)
def test_whatever_is_typed_is_a_time_or_refused(typed: str, zone: timezone) -> None:
    try:
        assert parse_when(typed, NOW, None, zone).tzinfo is not None
    except ValueError as error:
        assert str(error)


@given(_MOMENTS, _ZONES)
def test_a_whole_time_is_meant_as_it_is_typed(moment: datetime, zone: timezone) -> None:
    typed = moment.strftime("%Y-%m-%d %H:%M:%S")
    assert parse_when(typed, NOW, None, zone) == moment.replace(tzinfo=zone)


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "lines", "timed"),
    [
        ("migration/migration.log", 2139, 2139),
        ("migration/migration.json", 2139, 2139),
        ("loghub/HDFS_2k.log", 2000, 2000),
        ("loghub/OpenStack_2k.log", 2000, 2000),
        ("loghub/Mac_2k.log", 2000, 2000),
        ("lnav/logfile_ansi.1", 10, 10),
        ("lnav/logfile_docker_compose_with_ts.0", 22, 22),
        ("lnav/textfile_ansi_expanding.0", 10, 0),
        ("migration/runs.txt", 46, 0),
    ],
)
def test_times_of_real_logs(name: str, lines: int, timed: int) -> None:
    path = shared_corpus() / "logs" / name
    clock, written = Clock(), path.stat().st_mtime
    moments = [clock.of(line, written) for line in path.read_bytes().splitlines()]
    assert (len(moments), sum(moment is not None for moment in moments)) == (lines, timed)
    known = [moment for moment in moments if moment is not None]
    assert all(1e9 < moment <= 1.9e9 for moment in known)
