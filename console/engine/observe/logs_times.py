"""When a log line was written, where a time is in a log, and times as an operator types them.

Recognised: JSON keys such as `timestamp` (UTC where no zone is written), ISO 8601 and its relatives with `/`, a space,
a comma before the fraction, web servers' `[10/Oct/2000:13:55:36 -0700]`,
`25 Apr 2024 05:32:35`, syslog's `Oct 30 14:25:12` (the year is the
file's), Hadoop's `081109 203615`, seconds since 1970. A text line without a zone is in the workspace's time zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

import orjson

from console.engine.observe.logs_lines import LineReader, LogLine

NEAR = 64 * 1024  # bytes: what is left of a halved range is read line by line
PROBE_LINES = 10_000  # as many are looked at for a line with a time; a line of megabytes is one
PROBE_BYTES = 64 * 1024 * 1024  # and as many bytes
_HEAD = 4096
_TEXT_BYTES = 256
_KEYS = ("timestamp", "@timestamp", "time", "asctime", "ts", "datetime")
_ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]")
_ISO = re.compile(
    rb"(?<![\d.])(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    rb"(?: ?(Z|[+-]\d\d:?\d\d)(?!\d))?"
)
_WEB = re.compile(rb"(?<!\d)(\d{1,2})[/ ]([A-Z][a-z][a-z])[/ ](\d{4})[: ](\d\d):(\d\d):(\d\d)(?: ([+-]\d{4}))?")
_SYSLOG = re.compile(rb"(?:^|[\s>|])([A-Z][a-z][a-z]) +(\d{1,2}) (\d\d):(\d\d):(\d\d)")
_HADOOP = re.compile(rb"\A(\d\d)(\d\d)(\d\d) (\d\d)(\d\d)(\d\d) ")
_EPOCH = re.compile(rb"\A\[?(1\d{9})(?:(\.\d{1,9})|(\d{3}))?(?=[\s:,\]|])")
_JSON_TIME = re.compile(rb'"(?:' + "|".join(_KEYS).encode() + rb')"\s*:\s*"?([^",}]{8,40})')
_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1
    )
}


class Clock:
    """Reads times off lines. zone: of lines that name none."""

    def __init__(self, zone: tzinfo = UTC) -> None:
        self.zone = zone

    def of(self, head: bytes, written: float = 0.0) -> float | None:
        """Seconds since 1970 of the line that begins with `head`; None where no time is recognised.

        written: when its file was written last; a time without a year is in the year before that.
        """
        try:
            if head.startswith(b"{"):
                return self._of_json(head)
            start = head[:_TEXT_BYTES]
            if b"\x1b" in start:
                start = _ESCAPE.sub(b"", head[: 2 * _TEXT_BYTES])[:_TEXT_BYTES]
            return self._of_text(start, written)
        except (ValueError, OverflowError):
            return None  # the 31st of February

    def _of_json(self, head: bytes) -> float | None:
        value: object = None
        try:
            document = orjson.loads(head)
        except orjson.JSONDecodeError:  # cut, damaged, or not JSON at all
            found = _JSON_TIME.search(head, 0, _HEAD)
            value = found[1].decode("ascii", "replace") if found else None
        else:
            if isinstance(document, dict):
                value = next((document[key] for key in _KEYS if document.get(key)), None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value) / (1000 if value > 1e11 else 1)
        if not isinstance(value, str):
            return None
        iso = _ISO.match(value.encode("ascii", "replace"))
        return _moment(iso, UTC) if iso else None

    def _of_text(self, start: bytes, written: float) -> float | None:
        if found := _ISO.search(start, 0, 120):
            return _moment(found, self.zone)
        if (found := _WEB.search(start)) and found[2] in _MONTHS:
            zone = _offset(found[7]) if found[7] else self.zone
            day, year, hour, minute, second = (int(found[part]) for part in (1, 3, 4, 5, 6))
            return datetime(year, _MONTHS[found[2]], day, hour, minute, second, tzinfo=zone).timestamp()
        if (found := _SYSLOG.search(start, 0, 96)) and found[1] in _MONTHS:
            return self._without_year(found, written)
        if found := _HADOOP.match(start):
            year, month, day, hour, minute, second = map(int, found.groups())
            return datetime(2000 + year, month, day, hour, minute, second, tzinfo=self.zone).timestamp()
        if found := _EPOCH.match(start):
            return float(found[1]) + float(found[2] or 0) + float(found[3] or 0) / 1000
        return None

    def _without_year(self, found: re.Match[bytes], written: float) -> float:
        last = datetime.fromtimestamp(written or 0.0, self.zone) + timedelta(days=1)
        month, day, hour, minute, second = _MONTHS[found[1]], *map(int, found.groups()[1:])
        for year in range(last.year, last.year - 9, -1):  # eight years back there was a 29th of February
            try:
                moment = datetime(year, month, day, hour, minute, second, tzinfo=self.zone)
            except ValueError:
                continue
            if moment <= last:
                return moment.timestamp()
        raise ValueError


def _moment(found: re.Match[bytes], zone: tzinfo) -> float:
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    fraction = int((found[7] or b"0")[:6].ljust(6, b"0"))
    zone = UTC if found[8] == b"Z" else _offset(found[8]) if found[8] else zone
    return datetime(year, month, day, hour, minute, second, fraction, tzinfo=zone).timestamp()


def _offset(text: bytes) -> tzinfo:
    whole = datetime.strptime(text.decode().replace(":", ""), "%z").tzinfo
    assert whole is not None
    return whole


def offset_at(
    reader: LineReader, moment_of: Callable[[LogLine], float | None], moment: float, low: int, high: int
) -> int | None:
    """Where in [low, high) the first line as young as `moment` begins; `high` where none is; None: no line has a time.

    By halving, so a few dozen reads whatever the size; lines are taken to be in the order of their times. low, high:
    line boundaries.
    """
    best, dated, top = high, False, high
    while top - low > NEAR:
        start = reader.line_start((low + top) // 2)
        found = _timed(reader, moment_of, max(low, start), top, PROBE_LINES)
        if found is None:
            if start <= low:
                break
            top = start
        elif found[1] < moment:
            low, dated = found[0].end, True
        else:
            best, dated = found[0].start, True
            if start <= low:
                break
            top = start
    while low < top:
        found = _timed(reader, moment_of, low, top)
        if found is None:
            break
        dated = True
        if found[1] >= moment:
            return found[0].start
        low = found[0].end
    return best if dated else None


def _timed(
    reader: LineReader, moment_of: Callable[[LogLine], float | None], low: int, high: int, most: int = 0
) -> tuple[LogLine, float] | None:
    """The first line with a time that begins in [low, high), and its time. most: lines that are looked at; 0: all."""
    left = most
    for chunk in reader.forward(low, high):
        for line in chunk.lines():
            moment = moment_of(line)
            if moment is not None:
                return line, moment
            left -= 1
            if left == 0:
                return None
        if most and chunk.end - low > PROBE_BYTES:
            return None
    return None


_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?"
_DATE = r"(?:(?P<year>\d{4})-)?(?P<month>\d{1,2})-(?P<day>\d{1,2})"
_TYPED = re.compile(rf"(?:{_DATE})?(?:(?:^|(?<=\d)[T ]+){_CLOCK})?(?P<utc> ?Z)?\Z")
_AGO = re.compile(r"-\s*(\d{1,6})\s*([smhdw])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_when(text: str, now: datetime, near: datetime | None, zone: tzinfo) -> datetime:
    """What an operator means by `03:12`, `03-04 03:12`, `2026-03-04 03:12:05`, `2026-03-04`, `-2h`.

    zone: of what is typed, unless a Z ends it. near: the time of the line being read; a time of day is that day's,
    else today's (the day before where it is still to come). `-2h` is from now. Raises ValueError with a reason.
    """
    text = text.strip()
    if ago := _AGO.match(text):
        try:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        except OverflowError:
            raise ValueError("so long ago there were no logs") from None
    found = _TYPED.match(text)
    if found is None or not text:
        raise ValueError("no time: such as 03:12, 2026-03-04 03:12 or -2h")
    here = UTC if found["utc"] else zone
    base = (near or now).astimezone(here)
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    try:
        if not found["month"]:
            moment = datetime(base.year, base.month, base.day, hour, minute, second, tzinfo=here)
            return moment if moment <= now else moment - timedelta(days=1)
        year = int(found["year"] or base.year)
        moment = datetime(year, int(found["month"]), int(found["day"]), hour, minute, second, tzinfo=here)
    except (ValueError, OverflowError) as error:
        raise ValueError(str(error)) from None
    return moment if found["year"] or moment <= now else moment.replace(year=year - 1)
