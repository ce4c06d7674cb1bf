"""What each action made of changes asks in its dialog; the dialog itself is `screens/change.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from console.engine.errors import UsageError
from console.engine.model import ActionParams
from console.tui.screens.change import ChangeForm
from console.tui.screens.form import YES, Field

if TYPE_CHECKING:
    from console.engine.context import Context

Values = Mapping[str, str]


def _number(values: Values, name: str, label: str) -> int:
    """A whole number, 0 where nothing was typed. Raises UsageError."""
    text = values.get(name, "")
    if text and not (text.isascii() and text.isdigit()):
        raise UsageError(f"{label} is not a number: {text}", untouched="everything")
    return int(text or 0)


def _archive(ctx: Context, values: Values) -> ActionParams:
    from console.engine.actions.archive.model import ArchiveParams

    names = ("match", "source", "since", "before", "date_from", "label", "reason")
    return ArchiveParams(**{name: values.get(name, "") for name in names}, withdraw=values.get("withdraw") == YES)


def _archive_restore(ctx: Context, values: Values) -> ActionParams:
    from console.engine.actions.archive.model import RestoreParams

    return RestoreParams(values.get("label", ""), values.get("match", ""))


def _labels(ctx: Context) -> Mapping[str, str]:
    """Which labels there are."""
    from console.engine.ledger.store import reading

    with reading(ctx.workspace.ledger) as connection:
        found = () if connection is None else connection.execute("SELECT DISTINCT label FROM archived LIMIT 20")
        rows = list(found)
    return {"label": f"there are: {', '.join(row[0] for row in rows) or 'none'}"}


def _verify(ctx: Context, values: Values) -> ActionParams:
    from console.engine.actions.verify.model import VerifyParams

    return VerifyParams(values.get("subset", ""), values.get("source", ""), values.get("readback") == YES)


def _repair(ctx: Context, values: Values) -> ActionParams:
    from console.engine.actions.repair.model import RepairParams

    return RepairParams(values.get("source", ""))


def _prune(ctx: Context, values: Values) -> ActionParams:
    from console.engine.actions.prune.model import PruneParams

    return PruneParams(
        _number(values, "keep_last", "keep last"),
        _number(values, "keep_daily", "keep daily"),
        _number(values, "keep_weekly", "keep weekly"),
        values.get("keep_within", ""),
    )


def _clear(ctx: Context, values: Values) -> ActionParams:
    from console.engine.actions.state.model import ClearParams

    source, pattern = values.get("source", ""), values.get("pattern", "")
    return ClearParams((), source, pattern, not (source or pattern), values.get("reason", ""))


def _state_restore(ctx: Context, values: Values) -> ActionParams:
    from console.engine.actions.state.model import RestoreParams

    return RestoreParams(values.get("checkpoint", ""))


def _rebuild(ctx: Context, values: Values) -> ActionParams:
    return ActionParams()


def _trim(ctx: Context, values: Values) -> ActionParams:
    from console.engine.actions.logs.model import LogsTrimParams

    return LogsTrimParams(_number(values, "keep_lines", "keep lines"), _number(values, "keep_days", "keep days"))


def _logs_archive(ctx: Context, values: Values) -> ActionParams:
    from console.engine.actions.logs.model import LogsArchiveParams

    to = values.get("to", "")
    return LogsArchiveParams(str(ctx.workspace.root / to) if to else "", _number(values, "keep", "keep"))


def _permissions(ctx: Context, values: Values) -> ActionParams:
    return ActionParams()


def _schema(ctx: Context, values: Values) -> ActionParams:
    from console.engine.actions.schema.model import SchemaRestoreParams

    return SchemaRestoreParams(values.get("checksum", ""))


_SOURCE = Field("source", "Source", "one source only", placeholder="all of them")
_REASON = Field("reason", "Reason", "kept with the run", placeholder="in a few words", needed=True)
_MATCH = Field("match", "Files", "a glob relative to the raw zone: sff/**/*.csv", placeholder="all files")

FORMS: dict[str, ChangeForm] = {
    form.action: form
    for form in (
        ChangeForm(
            "archive",
            "Archive",
            """# The plan of an archive
Raw files move to `data/raw/_archive/<label>/` with their paths, by renames; a manifest that `sha256sum -c` accepts, the
log of archives and the ledger follow. Nothing is flattened, nothing overwritten.

Would do     how many raw files move, and how many published copies are withdrawn with them
Left alone   files that cannot move, and why. Published copies stay published unless you choose otherwise
Undo         a rollback brings every file back, bit by bit; `opsconsole archive restore LABEL` some of them
""",
            _archive,
            (
                Field("label", "Label", "the folder's name in the archive: 2023", needed=True),
                _REASON,
                Field("since", "Since", "the first day that is meant: 2023-01-01", placeholder="from the beginning"),
                Field("before", "Before", "the first day that is not: 2024-01-01", placeholder="to the end"),
                Field(
                    "date_from",
                    "Day from",
                    kind="choice",
                    choices=(("", "the path"), ("metadata", "the sidecar"), ("mtime", "the time of modification")),
                ),
                _SOURCE,
                _MATCH,
                Field(
                    "withdraw",
                    "Published",
                    kind="choice",
                    choices=(("", "copies stay published"), (YES, "copies are withdrawn into the backup")),
                ),
            ),
        ),
        ChangeForm(
            "archive restore",
            "Restore",
            """# The plan of a restore from the archive
Archived raw files go back to where they were. A place that is taken by now is left as it is, and the list says so.
""",
            _archive_restore,
            (Field("label", "Label", "which archive", needed=True), _MATCH),
            notes=_labels,
        ),
        ChangeForm(
            "verify",
            "Verify",
            """# The plan of verify
Every byte that the ledger vouches for is read and its checksum compared: raw, validated, backups, archives. No data is
changed. What is damaged or missing is listed with where a good copy lies; Repair puts it back.
""",
            _verify,
            (
                Field("subset", "Part", "2/7: the second of seven parts", placeholder="everything"),
                _SOURCE,
                Field(
                    "readback",
                    "Read from",
                    kind="choice",
                    choices=(("", "memory or disk, whichever has it"), (YES, "the disk itself")),
                ),
            ),
        ),
        ChangeForm(
            "repair",
            "Repair",
            """# The plan of a repair
What verify found damaged or missing is put back from a copy that still has the recorded checksum, wherever one lies:
raw, validated, backup or archive. The damaged original is kept. Files without any good copy are named.
""",
            _repair,
            (_SOURCE,),
        ),
        ChangeForm(
            "backups prune",
            "Prune",
            """# The plan of a prune
Backups that the policy does not keep are removed for good: the runs they belong to cannot be rolled back afterwards.
A backup is kept where any part of the policy keeps it, and always where the last good state needs it.
""",
            _prune,
            (
                Field("keep_last", "Keep last", "so many of the newest backups", placeholder="0"),
                Field("keep_daily", "Keep daily", "the newest of each of so many days that have one", placeholder="0"),
                Field("keep_weekly", "Keep weekly", "the newest of each of so many weeks", placeholder="0"),
                Field("keep_within", "Keep within", "everything younger than: 30d, 1y6m", placeholder="nothing"),
            ),
            first={"keep_last": "10", "keep_within": "30d"},
        ),
        ChangeForm(
            "state clear",
            "Clear",
            """# The plan of clearing entries
The files chosen count as not processed: their entries leave the state file. The next migrate judges them again and
rewrites nothing that is the same. No published byte is touched.
""",
            _clear,
            (
                _REASON,
                _SOURCE,
                Field("pattern", "Pattern", "relative to the source's folder: 2025-*/**", placeholder="all files"),
            ),
        ),
        ChangeForm(
            "state restore",
            "Restore",
            """# The plan of restoring entries
The state's entries go back to what they were in a checkpoint: `opsconsole state checkpoints` lists them. An entry whose
published copy has other bytes by now is left as it is.
""",
            _state_restore,
            (Field("checkpoint", "Checkpoint", "`opsconsole state checkpoints` names them", needed=True),),
        ),
        ChangeForm(
            "state rebuild",
            "Rebuild",
            """# The plan of a rebuild
A ledger or a state file that was lost is made anew from what is on the disk. No data is touched; what stands there is
kept beside it, and the plan says which history is gone.
""",
            _rebuild,
        ),
        ChangeForm(
            "logs trim",
            "Trim",
            """# The plan of trimming logs
Old lines of the migration logs are removed for good, through the logger's own rotation: a program that writes meanwhile
loses nothing.
""",
            _trim,
            (
                Field("keep_lines", "Keep lines", "so many of the newest lines of each log", placeholder="0"),
                Field("keep_days", "Keep days", "or the lines of so many days", placeholder="0"),
            ),
            first={"keep_days": "30"},
        ),
        ChangeForm(
            "logs archive",
            "Archive logs",
            """# The plan of archiving logs
Closed segments of the logs are compressed into a folder, read back and compared, and only then removed here. The log
that is being written stays.
""",
            _logs_archive,
            (
                Field("to", "Into", "a folder that exists, absolute or relative to the root", needed=True),
                Field("keep", "Keep", "so many of the newest closed segments of each log", placeholder="0"),
            ),
        ),
        ChangeForm(
            "permissions repair",
            "Repair",
            """# The plan of repairing permissions
Folders can be entered, files are not executable, owner and group can work; below the raw zone no write bit is added.
Links are not followed. The modes that were are kept: a rollback puts them back.
""",
            _permissions,
        ),
        ChangeForm(
            "schema restore",
            "Restore schema",
            """# The plan of restoring a schema
A schema that judged an earlier run is put back in its place, byte by byte; the one that stands there is kept.
`opsconsole schema list` names them, `opsconsole schema impact FILE` says what would newly fail.
""",
            _schema,
            (Field("checksum", "Checksum", "the first digits: `opsconsole schema list`", needed=True),),
        ),
    )
}
