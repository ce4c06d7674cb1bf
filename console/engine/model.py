"""Words that more than one part of the engine uses, as plain frozen data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from console.engine.errors import LedgerError


class FileStatus(StrEnum):
    """What the ledger and the disk together say of one raw file."""

    NEW = "new"
    CHANGED = "changed"
    PROCESSED = "processed"
    REVALIDATED = "revalidated"
    STALE = "stale"
    FAILED = "failed"
    KNOWN_FAILED = "known-failed"
    ACCEPTED = "accepted"
    HELD = "held"
    ADOPTED = "adopted"
    MISSING = "missing"
    DAMAGED = "damaged"
    ARCHIVED = "archived"
    IGNORED = "ignored"


class Outcome(StrEnum):
    """What a run did to one file."""

    PUBLISHED = "published"  # nothing stood at the destination
    REPLACED = "replaced"  # another version did; it is in the run's backup
    REVALIDATED = "revalidated"  # judged again, the same bytes stand there
    FAILED = "failed"
    DAMAGED = "damaged"  # same identity, other bytes
    CHANGED_WHILE_READ = "changed-while-read"
    CHANGED_SINCE_PLAN = "changed-since-plan"
    NOT_TRIED = "not-tried"  # the run stopped before it
    SIDECAR = "sidecar"
    MOVED = "moved"  # the source went to the archive after it was published (--operation move)
    NOT_ADOPTED = "not-adopted"  # an entry of another program's state file that was left as it is
    RESTORED = "restored"  # an earlier version was put back at `dest`
    REMOVED = "removed"  # what stood at `dest` was taken into the run's backup
    ARCHIVED = "archived"  # a raw file was moved to `dest` in the archive
    RETURNED = "returned"  # it was moved back to `dest` from `backup`, where it lay in the archive
    CLEARED = "cleared"  # its entry was taken out of the state file: it counts as not processed
    ENTERED = "entered"  # its entry was put back into the state file
    PRUNED = "pruned"  # the backup of a run was removed
    MODE = "mode"  # `dest` has other permissions now: `sha256` holds them, `replaced_sha256` those before
    TRIMMED = "trimmed"  # a segment of the logs was shortened or removed; there is no undo
    LOG_ARCHIVED = "log-archived"  # a segment of the logs went to `dest`, outside of the zones, compressed
    LEFT_ALONE = "left-alone"  # somebody or something touched it since: nothing was done to it
    LOST = "lost"  # verify did not find it where the ledger says that it lies


class RunStatus(StrEnum):
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"  # some files failed
    FAILED = "failed"  # the run stopped before its end
    CANCELLED = "cancelled"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"  # its process died; recovered by a later run or not yet


class Check(StrEnum):
    """A probe's verdict."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class GateItem:
    """One item of a gate or of a verification: verdict with its evidence, and what helps."""

    name: str
    verdict: Check
    blocks: bool
    evidence: str
    next_step: str = ""
    overridden: str = ""  # the reason, when somebody released it

    @property
    def refuses(self) -> bool:
        """Fail blocks; unknown blocks only where the item blocks."""
        return self.blocks and not self.overridden and self.verdict in (Check.FAIL, Check.UNKNOWN)


@dataclass(slots=True)
class Counts:
    """Files by outcome; the keys of `counts` in --json. `skipped` were found unchanged."""

    processed: int = 0
    skipped: int = 0
    revalidated: int = 0
    failed: int = 0
    known_failed: int = 0
    accepted: int = 0
    ignored: int = 0
    held: int = 0
    sidecars: int = 0
    restored: int = 0
    removed: int = 0
    moved: int = 0
    not_tried: int = 0
    adopted: int = 0
    foreign: int = 0  # entries and published files that nobody could adopt
    archived: int = 0
    returned: int = 0  # from the archive
    left_alone: int = 0  # touched since: not taken back
    whole: int = 0  # read by verify and as recorded
    damaged: int = 0  # read by verify and not as recorded, or not to be read
    lost: int = 0  # not found by verify
    cleared: int = 0  # entries taken out of the state file
    entered: int = 0  # entries put back into it
    pruned: int = 0  # backups of runs that were removed
    permissions: int = 0  # files and folders that got others
    trimmed: int = 0  # segments of logs, shortened or removed
    log_archived: int = 0  # segments of logs

    @property
    def changed(self) -> int:
        """Files that were put, taken or moved, entries that came or went, backups pruned, permissions given."""
        files = self.restored + self.removed + self.archived + self.returned
        return files + self.cleared + self.entered + self.pruned + self.permissions

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @staticmethod
    def from_json(document: dict[str, Any]) -> Counts:
        known = Counts.__dataclass_fields__
        return Counts(**{key: int(value) for key, value in document.items() if key in known})


@dataclass(frozen=True, slots=True)
class Identity:
    """A file as stat tells it apart: size in bytes, modification time in nanoseconds, inode."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class ActionParams:
    """What an action was asked to do; its fields are the options of the command line. This one has none."""


@dataclass(frozen=True, slots=True)
class MigrateParams(ActionParams):
    """What a migrate was asked to do. Empty text means: as the configuration says."""

    source: str = ""  # one source's name
    pattern: str = ""  # glob relative to the source folder
    operation: str = ""  # copy | move
    checksum: bool = False  # hash everything, trust no identity
    sample: int = 0  # only the first N files that are waiting; 0: all


@dataclass(frozen=True, slots=True)
class ReprocessParams(MigrateParams):
    """Which published files are judged again; source, pattern and sample narrow it further."""

    all: bool = False
    failed: bool = False  # remembered failures, accepted or not
    cause: str = ""  # remembered failures with this cause
    stale_schema: bool = False  # judged by another rule than today's
    adopted: bool = False  # never judged by us
    withdraw: bool = False  # published copies that fail go into the run's backup

    @property
    def chooses(self) -> bool:
        """Whether it says which files are meant."""
        return bool(
            self.all or self.failed or self.cause or self.stale_schema or self.adopted or self.source or self.pattern
        )


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One file that the plan would act on. Paths relative to the root."""

    path: str
    dest: str
    status: FileStatus  # new changed missing damaged failed stale ...
    identity: Identity
    replaces: bool  # another version stands at the destination and would be backed up
    sidecar: str = ""  # the sidecar that would travel with it
    verdict: str = ""  # full plan: 'ok' or the reason why it would fail


@dataclass(frozen=True, slots=True)
class ZoneSpace:
    """What a plan needs on one file system, in bytes and inodes, and what is there."""

    zones: tuple[str, ...]
    mount: str
    need_bytes: int
    free_bytes: int
    need_inodes: int
    free_inodes: int  # -1: the file system does not count them


@dataclass(slots=True)
class Plan:
    """What an action would do, computed without changing anything."""

    action: str
    params: MigrateParams
    depth: str  # scan | full
    made_at: str
    command: str  # the equivalent command line
    counts: dict[str, int] = field(default_factory=dict)
    # keys of counts: new changed missing stale damaged unchanged known_failed accepted held adopted ignored
    # sidecars backups, and after a full plan: publish revalidate fail
    items: list[PlanItem] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)  # path, reason
    unreadable: list[tuple[str, str]] = field(default_factory=list)  # path, reason
    vanished: list[str] = field(default_factory=list)  # published, but the raw file is gone
    failing: list[tuple[str, int, int]] = field(default_factory=list)  # cause, files, records (full plan)
    bytes: int = 0
    backup_bytes: int = 0
    seconds: float | None = None  # by earlier runs; None where there is none
    seconds_from: int = 0  # how many earlier runs that is from
    space: list[ZoneSpace] = field(default_factory=list)
    gate: list[GateItem] = field(default_factory=list)
    recovery: list[str] = field(default_factory=list)  # what a dead run left for this one to finish first
    beside: str = ""  # the run in progress while the plan was made, in a sentence
    binding: dict[str, str] = field(default_factory=dict)  # configuration, rules, mirror, last_run, selection
    unread: LedgerError | None = None  # why the ledger does not load: what is waiting is not known then

    @property
    def files(self) -> int:
        """How many data files the run would read."""
        return len(self.items)

    @property
    def refused(self) -> list[GateItem]:
        return [item for item in self.gate if item.refuses]


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the ledger has it."""

    seq: int
    id: str
    action: str
    status: RunStatus
    phase: str
    params: dict[str, Any]
    command: str
    who: dict[str, Any]
    started_at: str
    ended_at: str | None
    pid: int
    pid_started: float
    host: str
    heartbeat_at: str
    total_files: int
    done_files: int
    total_bytes: int
    done_bytes: int
    counts: Counts
    exit_status: int | None
    message: str
    settings_digest: str
    durability: str
    timings: dict[str, float]
    gate: list[dict[str, Any]]
    overrides: dict[str, str]
    verification: list[dict[str, Any]]
    cancel_by: str | None
    cancel_at: str | None

    @property
    def short(self) -> str:
        """The four hex digits that name it among friends."""
        return self.id.rsplit("-", 1)[-1]


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One file's outcome in one run."""

    id: int
    path: str
    outcome: Outcome
    dest: str
    size: int
    sha256: str
    replaced_sha256: str
    backup: str
    reason: str
