"""The configuration as plain frozen data: console.toml and the incumbent's config.json both become this."""

from __future__ import annotations

from dataclasses import dataclass, field

from console.engine.settings.checklists import DEFAULT, Checklists


@dataclass(frozen=True, slots=True)
class Zones:
    """Folders relative to the root (or absolute, where the configuration says so)."""

    raw: str = "data/raw/funding_sources"
    validated: str = "data/transformed/validated"
    backups: str = "data/_backups"
    archive: str = "data/raw/_archive"
    cleaned: str = "data/transformed/cleaned"
    enriched: str = "data/transformed/enriched"
    serveable: str = "data/serveable"


@dataclass(frozen=True, slots=True)
class QualitySetting:
    """Rules beyond the schema: `off`, `warn` or `error` each."""

    future_date: str = "off"
    duplicate_id: str = "off"
    empty_required: str = "off"
    unusual_amount: str = "off"
    date_field: str = "date"
    id_field: str = "grant_id"
    amount_field: str = "amount"
    amount_limit: float = 1e9


@dataclass(frozen=True, slots=True)
class RuleSetting:
    """`match` is a glob relative to the raw zone; the first rule that matches judges the file."""

    match: str = "**"
    schema: str = ""  # path relative to the root; '' = no schema, only required columns
    records: str = ""  # JSON Pointer to the list of records inside an object; '' = the document itself
    required: tuple[str, ...] = ()
    formats: bool = True  # assert `format`
    quality: QualitySetting = field(default_factory=QualitySetting)


@dataclass(frozen=True, slots=True)
class IgnoreSetting:
    match: str
    reason: str


# What is listed as ignored unless `ignore` in console.toml says otherwise; both kinds of configuration use
# it. A file of any other suffix is ignored too, reason "unknown suffix"; that comes from `suffixes`.
DEFAULT_IGNORE = (
    IgnoreSetting("_templates/**", "template"),
    IgnoreSetting("**/README*", "documentation"),
    IgnoreSetting("**/*.md", "documentation"),
    IgnoreSetting("**/.*", "hidden"),
    IgnoreSetting("**/.*/**", "hidden"),
)


@dataclass(frozen=True, slots=True)
class SidecarSetting:
    name: str = "_metadata.json"
    schema: str = ""  # '' = not checked
    fail: bool = False  # a sidecar that its schema refuses fails its data file


@dataclass(frozen=True, slots=True)
class Limits:
    whole_file_bytes: int = 8 * 1024 * 1024  # larger files are read in pieces, in constant memory
    record_bytes: int = 16 * 1024 * 1024
    nesting: int = 512
    failing_records_kept: int = 100  # per file; the rest is counted


@dataclass(frozen=True, slots=True)
class BrakeSetting:
    """Where a mass accident begins. Percentages are of files known."""

    missing_files: int = 1000
    missing_percent: float = 5.0
    missing_least: int = 10  # fewer missing files than this never brake
    failures_points: float = 10.0
    failures_least: int = 10  # fewer newly failing files than this never brake


@dataclass(frozen=True, slots=True)
class LogSetting:
    rotate_bytes: int = 10_000_000
    keep: int = 5
    unchanged_named: int = 1000  # unchanged files named in the log before one line with the count


# The rules of alerts, in the order in which they are told. checks.alerts has one module or function for each.
ALERT_RULES = (
    "mismatch",
    "disk",
    "no-migration",
    "errors",
    "failure-rate",
    "schema",
    "verify-overdue",
    "time-per-file",
    "log-size",
)


@dataclass(frozen=True, slots=True)
class AlertSetting:
    """Where an alert begins (the runbook's limits), and where it becomes critical. Percentages are 0 to 100."""

    errors: int = 10  # more error records of one cause than this
    errors_critical: int = 1000
    errors_hours: float = 24.0  # in so many hours
    disk_percent: float = 80.0  # bytes or inodes used on the file system of a zone
    disk_clear_percent: float = 77.0  # once raised, it is over only below this
    disk_critical_percent: float = 95.0
    migration_hours: float = 24.0  # since the last whole migrate of a source that has files waiting
    failure_percent: float = 10.0  # of the files judged in the last failure_days
    failure_critical_percent: float = 50.0
    failure_days: float = 7.0
    failure_least: int = 10  # fewer judged files than this say nothing
    slow_factor: float = 2.0  # times the usual seconds for a file
    slow_critical_factor: float = 5.0
    verify_days: float = 8.0  # since backups were verified
    verify_critical_days: float = 30.0
    log_bytes: int = 500_000_000  # in log_dir
    log_critical_bytes: int = 2_000_000_000
    collecting_days: float = 7.0  # a young ledger has no history to compare with
    off: tuple[str, ...] = ()  # names of ALERT_RULES that are not looked at


@dataclass(frozen=True, slots=True)
class NotifySetting:
    """Who is told of runs that ended and of new alerts."""

    command: tuple[str, ...] = ()  # a program with its arguments; it gets one JSON object on standard input
    apprise: tuple[str, ...] = ()  # addresses as Apprise (an optional extra) knows them
    on: tuple[str, ...] = ("run-end", "alert")
    timeout_seconds: float = 10.0  # then it is ended


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be configured. `digest`: SHA-256 of the file; `path`: relative to the root."""

    path: str
    kind: str  # toml | incumbent
    digest: str
    name: str = ""  # what the status line calls the workspace; '' = the root folder's name
    zones: Zones = field(default_factory=Zones)
    log_dir: str = "logs/migration"
    state_file: str = "logs/migration/.migration_state.json"
    rules: tuple[RuleSetting, ...] = ()
    ignore: tuple[IgnoreSetting, ...] = DEFAULT_IGNORE
    suffixes: tuple[str, ...] = (".json", ".jsonl", ".csv")  # compared without case
    sidecar: SidecarSetting = field(default_factory=SidecarSetting)
    duplicate_keys: str = "error"  # error | warn | off
    fail_on_warning: bool = False
    create_backups: bool = True  # false: accepted with a warning; those backups may be pruned first
    operation: str = "copy"  # copy | move
    durability: str = "auto"  # auto | file
    workers: int = 0  # 0 = as many as cores
    allow_network_filesystem: bool = False
    mouse: bool = True  # false: the console leaves the mouse to the terminal
    time_zone: str = ""  # '' = the server's (/etc/localtime), never $TZ
    limits: Limits = field(default_factory=Limits)
    brakes: BrakeSetting = field(default_factory=BrakeSetting)
    logs: LogSetting = field(default_factory=LogSetting)
    alerts: AlertSetting = field(default_factory=AlertSetting)
    notify: NotifySetting = field(default_factory=NotifySetting)
    gate: dict[str, str] = field(default_factory=dict)  # item -> block | warn | off, over the defaults
    gate_for: dict[str, dict[str, str]] = field(default_factory=dict)  # action -> the same, for that action alone
    checklists: Checklists = DEFAULT
    warnings: tuple[str, ...] = ()  # what was accepted with a warning, for plan and report

    @property
    def folders(self) -> tuple[str, ...]:
        """Every folder that the configuration names, for Workspace.confine: each may be a link."""
        zones = self.zones
        return (
            zones.raw,
            zones.validated,
            zones.backups,
            zones.archive,
            zones.cleaned,
            zones.enriched,
            zones.serveable,
            self.log_dir,
        )
