"""How runs and two compared ones read, whoever shows them: plain text, not yet made visible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from console.engine.model import RunStatus
from console.engine.runs.unsettled import is_unsettled
from console.engine.text import count, duration

if TYPE_CHECKING:
    from console.engine.model import RunRow
    from console.engine.observe.runs_compare import Change, FileChange, RunsCompared, Standing

NONE = "–"
# Where the name of a count is not the word that is used everywhere else.
_WORDS = {
    "processed": "published",
    "known_failed": "failing as before",
    "accepted": "failing, accepted",
    "skipped": "unchanged",
    "lost": "missing",
    "log_archived": "segments archived",
    "trimmed": "segments trimmed",
    "foreign": "left as they are",
}


def nothing_words(run: RunRow) -> str:
    """What to say of a run that counted nothing."""
    if run.status in (RunStatus.DONE, RunStatus.PARTIAL):
        return "nothing to do"
    if is_unsettled(run):
        return "not settled yet: what it did is not known"
    return "nothing recorded yet" if run.status == RunStatus.RUNNING else "nothing was changed"


def difference_rows(found: RunsCompared) -> Iterator[tuple[str, str, str, str]]:
    """What differs, one row each: what, before, after, by how much ('' where that is no number)."""
    for each in (*found.made, *found.params):
        yield each.name, each.before or NONE, each.after or NONE, ""
    if found.same_settings is False:
        yield "configuration", found.before.settings_digest[:12], found.after.settings_digest[:12], ""
    for each in found.rules:
        yield each.name, each.before or NONE, each.after or NONE, ""
    for name, before, after in found.counts:
        yield _WORDS.get(name, name.replace("_", " ")), count(before), count(after), f"{after - before:+,}"
    for name, was, now in (("took", *found.seconds), *found.phases):
        one, other = (NONE if value is None else duration(value) for value in (was, now))
        if one != other:
            change = "" if was is None or now is None or abs(now - was) < 0.05 else f"{now - was:+.1f} s"
            yield name if name == "took" else f"  {name}", one, other, change


def between_words(found: RunsCompared) -> str:
    """`2 verify, 1 rollback`: what ran between the two; '' where nothing did."""
    return ", ".join(f"{count(number)} {action}" for action, number in found.between)


def change_words(change: Change) -> str:
    """`newly failing`."""
    return change.value.replace("-", " ")


def file_words(each: FileChange) -> tuple[str, str, str]:
    """How it stood, how it stands, and why."""
    from console.engine.observe.runs_compare import Change  # by then it is there: the Overview needs none of it

    was, now = each.before, each.after
    if each.change == Change.OTHER_CHECKSUM and was and now:
        return was.sha256[:12], now.sha256[:12], ""
    standing = now or was
    return _outcome(was), _outcome(now), standing.reason if standing else ""


def _outcome(standing: Standing | None) -> str:
    return NONE if standing is None else standing.outcome.value
