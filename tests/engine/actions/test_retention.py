"""A policy keeps what restic's `forget` keeps, compared with a small model written from its manual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.engine.actions.prune.retention import Policy, Span, kept, parse_span
from console.engine.errors import UsageError

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)  # the day on which clocks are put forward in Berlin
ZONES = (UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Auckland"))


def model(moments: list[datetime], policy: Policy, now: datetime) -> set[int]:
    """Positions that stay. Days and weeks in the order in which they are met, from the newest backup back."""
    stays = set(range(min(policy.last, len(moments))))
    for wanted, name in ((policy.daily, "%Y-%m-%d"), (policy.weekly, "%G-%V")):
        newest: dict[str, int] = {}
        for at, moment in enumerate(moments):
            newest.setdefault(moment.strftime(name), at)
        stays |= set(list(newest.values())[:wanted])
        if wanted > len(newest) and moments:
            stays.add(len(moments) - 1)
    past = [moment for moment in moments if moment <= now]
    if policy.within != Span() and past:
        since = max(past) - timedelta(days=policy.within.days, hours=policy.within.hours)
        stays |= {at for at, moment in enumerate(moments) if moment > since}
    return stays


@st.composite
def histories(draw: st.DrawFn) -> list[datetime]:
    """Backups newest first, up to a few an hour and with gaps of weeks; a clock that jumped now and then."""
    gaps = draw(st.lists(st.integers(0, 20 * 24 * 60), max_size=25))
    zone = draw(st.sampled_from(ZONES))
    moment, found = NOW, []
    for minutes in gaps:
        moment -= timedelta(minutes=draw(st.sampled_from([1, 30, minutes])))
        jumped = draw(st.sampled_from([0, 0, 0, 0, 400, -400]))
        found.append((moment + timedelta(days=jumped)).astimezone(zone))
    return found


policies = st.builds(
    Policy,
    last=st.integers(0, 6),
    daily=st.integers(0, 6),
    weekly=st.integers(0, 6),
    within=st.builds(Span, days=st.integers(0, 40), hours=st.integers(0, 60)),
)


@given(histories(), policies)
def test_keeps_what_the_model_keeps(moments: list[datetime], policy: Policy) -> None:
    reasons = kept(moments, policy, NOW)
    assert {at for at, why in enumerate(reasons) if why} == model(moments, policy, NOW)


@given(histories(), policies, policies)
def test_more_rules_never_keep_less(moments: list[datetime], one: Policy, other: Policy) -> None:
    """The union is kept: what either keeps, both together keep."""
    both = Policy(max(one.last, other.last), max(one.daily, other.daily), max(one.weekly, other.weekly), one.within)
    together = kept(moments, both, NOW)
    for at, why in enumerate(kept(moments, one, NOW)):
        assert together[at] or not why


@given(histories(), policies, st.integers(-4000, 4000))
def test_a_clock_that_jumps_forward_prunes_nothing_more(moments: list[datetime], policy: Policy, days: int) -> None:
    """`within` counts from the newest backup: however late it is now, what it kept it keeps."""
    later = kept(moments, policy, NOW + timedelta(days=abs(days)) + timedelta(days=800))
    much_later = kept(moments, policy, NOW + timedelta(days=5000))
    assert later == much_later


def test_restic_manual_example() -> None:
    """Backups on Sundays only: four daily ones are four Sundays, as the manual says."""
    sundays = [datetime(2026, 3, 29, 10, tzinfo=UTC) - timedelta(weeks=week) for week in range(12)]
    assert [at for at, why in enumerate(kept(sundays, Policy(daily=4), NOW)) if why] == [0, 1, 2, 3]


def test_days_are_those_of_the_given_zone() -> None:
    late = datetime(2026, 3, 27, 23, 30, tzinfo=UTC)
    moments = [late, late - timedelta(hours=1)]  # one day in UTC, two in Berlin
    assert [bool(why) for why in kept([*moments, late - timedelta(days=9)], Policy(daily=1), NOW)] == [
        True,
        False,
        False,
    ]
    there = [moment.astimezone(ZoneInfo("Europe/Berlin")) for moment in [*moments, late - timedelta(days=9)]]
    assert [bool(why) for why in kept(there, Policy(daily=2), NOW)] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "span"),
    [("14d", Span(days=14)), ("36h", Span(hours=36)), ("1y5m7d2h", Span(1, 5, 7, 2)), (" 2m ", Span(months=2))],
)
def test_durations(text: str, span: Span) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["", "0d", "d", "14", "-3d", "3d2y", "1.5d", "14 d", "١d", "9" * 20 + "y"])
def test_what_is_no_duration_is_said(text: str) -> None:
    with pytest.raises(UsageError, match="no duration"):
        parse_span(text)


def test_a_span_ends_at_the_months_last_day_and_at_the_beginning_of_time() -> None:
    assert Span(months=1).before(datetime(2026, 3, 31, tzinfo=UTC)) == datetime(2026, 2, 28, tzinfo=UTC)
    assert Span(years=9999).before(NOW) == datetime.min.replace(tzinfo=UTC)
    assert Span(days=999_999).before(NOW) == datetime.min.replace(tzinfo=UTC)
