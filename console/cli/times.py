"""Times for people: short, in the workspace's time zone. Elsewhere the ledger's UTC text stays as it is."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.engine.context import Context


def _zone(ctx: Context) -> tzinfo:
    from console.engine.settings.time_zone import find_zone

    return find_zone(ctx.settings.time_zone)


def _local(ctx: Context, text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(_zone(ctx))


def short_time(ctx: Context, text: str) -> str:
    """`14:02` today, `Mon 14:02` within a week, else `2026-03-04 14:02`; `text` where it is no time."""
    time = _local(ctx, text)
    if time is None:
        return text
    now = ctx.env.now().astimezone(time.tzinfo)
    if time.date() == now.date():
        return f"{time:%H:%M}"
    if 0 <= (now.date() - time.date()).days < 7:
        return f"{time:%a %H:%M}"
    return f"{time:%Y-%m-%d %H:%M}"


def long_time(ctx: Context, text: str) -> str:
    """`2026-03-04 14:02:11 CET (2026-03-04T13:02:11Z)`."""
    time = _local(ctx, text)
    if time is None:
        return text
    return f"{time:%Y-%m-%d %H:%M:%S %Z} ({time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ})"
