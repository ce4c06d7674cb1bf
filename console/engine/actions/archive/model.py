"""What an archive and its restore are asked to do."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import date

from console.engine.errors import UsageError
from console.engine.model import ActionParams
from console.engine.reasons import check_reason
from console.engine.settings import Settings

DATE_FROM = ("path", "metadata", "mtime")
RESTORE = "archive restore"  # the name of the action
_LABEL = re.compile(r"\w[\w.-]{0,99}")
_TAKEN = re.compile(r"moved-.*|SHA256SUMS|ARCHIVE_LOG\.txt", re.IGNORECASE)  # by ourselves


@dataclass(frozen=True, slots=True)
class ArchiveParams(ActionParams):
    """Which raw files go, where to and why; every part that is given narrows the choice.

    match: glob relative to the raw zone. since, before: the span [since, before) of dates, YYYY-MM-DD, UTC.
    date_from: one of DATE_FROM, '' is path. withdraw: the published copies go into the run's backup.
    """

    match: str = ""
    source: str = ""
    since: str = ""
    before: str = ""
    date_from: str = ""
    label: str = ""
    reason: str = ""
    withdraw: bool = False

    @property
    def chooses(self) -> bool:
        """Whether it says which files are meant."""
        return bool(self.match or self.source or self.since or self.before)


@dataclass(frozen=True, slots=True)
class RestoreParams(ActionParams):
    """label: whose files come back. match: only those; a glob relative to the raw zone."""

    label: str = field(default="", metadata={"positional": True})
    match: str = ""


def check_params(params: ArchiveParams) -> tuple[date | None, date | None]:
    """The span of dates, None where it is open. Raises UsageError for what cannot be meant."""
    if not params.chooses:
        raise UsageError(
            "say which files are to be archived",
            untouched="everything",
            next_step="--match, --source, --since or --before; `--match '**'` is everything",
        )
    check_label(params.label)
    check_reason(params.reason, "say why they are archived")
    if params.date_from not in ("", *DATE_FROM):
        raise UsageError(f"there is no date from {params.date_from!r}", next_step="one of " + ", ".join(DATE_FROM))
    since, before = _day("--since", params.since), _day("--before", params.before)
    if since is not None and before is not None and since >= before:
        raise UsageError(
            f"no day is since {since} and before {before}",
            untouched="everything",
            next_step="--since is the first day that is meant, --before the first one that is not",
        )
    return since, before


def check_label(label: str) -> None:
    """Raises UsageError for what is not one safe folder name."""
    if not _LABEL.fullmatch(label) or len(os.fsencode(label)) > 200:
        raise UsageError(
            f"{label!r} is no label" if label else "an archive needs a label",
            untouched="everything",
            next_step="one folder name of letters, digits, `.`, `_` and `-` that begins with a letter or a digit",
        )
    if _TAKEN.fullmatch(label):
        raise UsageError(
            f"the label {label!r} is taken for our own use", untouched="everything", next_step="choose another"
        )


def _day(option: str, text: str) -> date | None:
    if not text:
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is no day", untouched="everything", next_step="YYYY-MM-DD") from None


def place_in_archive(settings: Settings, label: str, path: str) -> str:
    """Where a raw file (path relative to the root) lies once it is archived: nothing is flattened."""
    archive = settings.zones.archive.rstrip("/")
    base, raw = os.path.dirname(archive), settings.zones.raw.rstrip("/")
    if base and path.startswith(base + "/"):
        return f"{archive}/{label}/{path[len(base) + 1 :]}"
    # a raw zone elsewhere: its own name stands for the way to it
    return f"{archive}/{label}/{os.path.basename(raw)}/{path[len(raw) + 1 :]}"
