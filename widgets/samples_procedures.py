"""Invented procedures and sessions, for the demo and the tests of their pane."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from console.engine.procedures.load import Library, read_procedure
from console.engine.procedures.model import Procedure
from console.engine.procedures.session import Entry, Event, Session, fold
from console.engine.procedures.symptoms import Suggestion
from widgets.samples import START

SAMPLE = """
title = "Roll back a failed migration"
about = "A migrate has failed, or published what should not have been: it is taken back, and why is found out."
symptoms = ["run:failed"]

[[step]]
id = "stop"
kind = "action"
title = "Stop processing"
action = "maintenance on"
with = { reason = "rollback {session}" }

[[step]]
id = "which"
kind = "input"
title = "Which run"
value = "run"
of = "run"
text = "The one that is to be taken back."

[[step]]
id = "look"
kind = "probe"
title = "What holds now"
text = "Nobody else may be working here while a run is taken back.\\nThe disk needs `room` for what it replaces."
checks = [{ probe = "other-run" }, { probe = "disk" }]

[[step]]
id = "how"
kind = "choose"
title = "What to do about it"

[[step.branch]]
label = "Take it back"
to = "back"
evidence = [{ probe = "other-run", text = "nobody runs" }]

[[step.branch]]
label = "Leave it as it is"
to = "tell"

[[step]]
id = "back"
kind = "action"
title = "Take it back"
action = "rollback"
with = { run = "{run}" }
before = [{ probe = "other-run", text = "nobody runs" }]
after = [{ probe = "counts", text = "everything agrees" }]

[[step]]
id = "see"
kind = "command"
title = "See what lies there"
command = "ls -l data/transformed/validated"

[[step]]
id = "tell"
kind = "manual"
title = "Tell the others"
text = "Write to those who read the published files."

[[step]]
id = "why"
kind = "record"
title = "Why did it fail"
text = "In a sentence or two."
"""


def sample_procedure(source: str = SAMPLE, name: str = "rollback-failed") -> Procedure:
    """The procedure of the samples, or another one."""
    return read_procedure(source.encode(), name, f"{name}.toml")


def sample_session(*events: tuple[Event, str, Mapping[str, Any]], procedure: Procedure | None = None) -> Session:
    """A session to which these have happened: what, at which step, with what."""
    made = procedure or sample_procedure()
    entries = [_entry(1, Event.STARTED, "", {"procedure": made.name, "source": "", "values": {}})]
    entries += [_entry(n, event, step, data) for n, (event, step, data) in enumerate(events, 2)]
    return fold("20260304T140200Z-rollback-failed-7f3a", made, entries)


def _entry(n: int, event: Event, step: str, data: Mapping[str, Any]) -> Entry:
    at = (START + timedelta(minutes=n)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return Entry(n, at, "ann" if n % 3 else "bob", "pts/3", "db7", event, step, data)


def seen(*said: tuple[str, str, str, bool]) -> list[dict[str, Any]]:
    """What a look says: text, verdict, evidence, whether it is good."""
    return [
        {
            "text": text,
            "probe": "disk",
            "verdict": verdict,
            "good": good,
            "evidence": evidence,
            "next_step": "" if good else "`opsconsole verify`",
            "details": ["one", "two"],
        }
        for text, verdict, evidence, good in said
    ]


# Up to its third step: two done, one looked at.
BEGUN: tuple[tuple[Event, str, Mapping[str, Any]], ...] = (
    (Event.DID, "stop", {"command": "opsconsole maintenance on --reason x", "message": "maintenance since 03:13"}),
    (Event.TICKED, "stop", {"to": "which"}),
    (Event.VALUE, "which", {"name": "run", "value": "20260304T130200Z-migrate-436f"}),
    (Event.TICKED, "which", {"to": "look"}),
    (
        Event.LOOKED,
        "look",
        {
            "what": "checks",
            "seen": seen(
                ("no other run is in progress", "pass", "nobody holds the lock", True),
                ("room on the file system of each zone", "fail", "2 % free on /data", False),
            ),
        },
    ),
    (Event.NOTE, "look", {"text": "the disk is being emptied by bob"}),
)
# From there to the rollback, which runs.
RUNNING: tuple[tuple[Event, str, Mapping[str, Any]], ...] = (
    *BEGUN,
    (Event.OVERRIDDEN, "look", {"reason": "room is made meanwhile", "to": "how", "seen": [], "lacking": ""}),
    (Event.CHOSEN, "how", {"label": "Take it back", "to": "back"}),
    (Event.RUN, "back", {"run": "20260304T141500Z-rollback-9c1e", "command": "opsconsole rollback 436f --yes"}),
)


def sample_library() -> Library:
    """One procedure, and a file that does not load."""
    broken = {"config/procedures/own.toml": ("step a: `checks[0].probe` is 'dsk', which is no probe",)}
    return Library({"rollback-failed": sample_procedure()}, broken)


def sample_suggestions() -> list[Suggestion]:
    """What a failed run leads to."""
    run = {"run": "20260304T130200Z-migrate-436f"}
    return [Suggestion(sample_procedure(), "run 436f (migrate) is failed: 37 files", run, "run:failed")]
