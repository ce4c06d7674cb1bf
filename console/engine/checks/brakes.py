"""Brakes stop mass accidents, timers above all. Each compares what is there now with what the last run saw.

Released for one run by `--override BRAKE --reason TEXT`. Limits are configuration (`[brakes]`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from console.engine.model import Check, GateItem
from console.engine.settings.model import BrakeSetting
from console.engine.text import count, plural


@dataclass(frozen=True, slots=True)
class Seen:
    """What the last run left in the ledger for the brakes."""

    zones: dict[str, str] = field(default_factory=dict)  # zone -> file system identity
    sources: dict[str, int] = field(default_factory=dict)  # source -> data files
    published: int = 0  # files that ought to stand at their destination
    failing_share: float | None = None  # of all data files, in the last whole migrate; None: there was none


@dataclass(frozen=True, slots=True)
class Found:
    """What is there now. Sources: only those that this plan looks at."""

    zones: dict[str, str]
    sources: dict[str, int]
    missing: int


def zone_brake(seen: Seen, found: Found) -> GateItem:
    """A zone on another file system than at the last run: not mounted, or another disk."""
    moved = [zone for zone, identity in found.zones.items() if seen.zones.get(zone, identity) != identity]
    if not moved:
        return GateItem("zone-filesystem", Check.PASS, True, "each zone is on the file system of the last run")
    return GateItem(
        "zone-filesystem",
        Check.FAIL,
        True,
        f"{', '.join(moved)}: on another file system than at the last run; is it mounted?",
        "mount it; or, if it was moved on purpose, --override zone-filesystem --reason TEXT",
    )


def source_brake(seen: Seen, found: Found) -> GateItem:
    """A source that had files and has none."""
    empty = sorted(name for name, files in found.sources.items() if files == 0 and seen.sources.get(name, 0) > 0)
    if not empty:
        return GateItem("source-empty", Check.PASS, True, "no source has lost all its files")
    some = ", ".join(empty[:5]) + (f" and {count(len(empty) - 5)} more" if len(empty) > 5 else "")
    return GateItem(
        "source-empty",
        Check.FAIL,
        True,
        f"{some}: had files at the last run and has none now; is the raw zone mounted?",
        "find out where the files went; or, if they were removed on purpose, --override source-empty --reason TEXT",
    )


def missing_brake(limits: BrakeSetting, seen: Seen, found: Found) -> GateItem:
    """Many published files are gone from the destination."""
    share = 100 * found.missing / seen.published if seen.published else 0.0
    many = found.missing > limits.missing_files or share > limits.missing_percent
    evidence = f"{plural(found.missing, 'published file')} missing at the destination"
    if not many or found.missing < limits.missing_least:
        return GateItem("missing", Check.PASS, True, evidence)
    return GateItem(
        "missing",
        Check.FAIL,
        True,
        f"{evidence}, {share:.0f} % of {count(seen.published)}; is the validated zone whole and mounted?",
        "mount or restore it; or publish them again with --override missing --reason TEXT",
    )


def failures_brake(
    limits: BrakeSetting, seen: Seen, *, failed: int, judged: int, waiting: int, known: int, files: int
) -> GateItem:
    """Failures up by many points over the last run: a bad schema, or a bad delivery.

    failed of judged candidates failed so far; waiting: all candidates; known: failing before and not judged now;
    files: all data files. What is not judged yet is reckoned to fail as the judged part does.
    """
    expected = known + (failed * waiting / judged if judged else 0)
    share = expected / files if files else 0.0
    before = seen.failing_share
    if before is None or failed < limits.failures_least or (share - before) * 100 <= limits.failures_points:
        return GateItem("failures", Check.PASS, True, f"{share:.0%} of the files fail")
    return GateItem(
        "failures",
        Check.FAIL,
        True,
        f"{share:.0%} of the files would fail, {before:.0%} did at the last run",
        "look at the causes (`opsconsole migrate --dry-run`): was a schema changed?"
        " If it is right so, --override failures --reason TEXT",
    )
