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
    time_zone: str = ""  # '' = the server's (/etc/localtime), never $TZ
    limits: Limits = field(default_factory=Limits)
    brakes: BrakeSetting = field(default_factory=BrakeSetting)
    logs: LogSetting = field(default_factory=LogSetting)
    gate: dict[str, str] = field(default_factory=dict)  # item -> block | warn | off, over the defaults
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
