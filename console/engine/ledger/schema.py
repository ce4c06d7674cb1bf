"""The ledger's tables. One idea, one table; times are UTC ISO 8601 text with microseconds and `Z`.

Paths are relative to the root, with `/`, valid UTF-8 (a file whose name is not fails and is never published).
"""

from __future__ import annotations

from console import __version__

VERSION = 5
READABLE_FROM = 1  # the oldest version of a program that can read this one: since then tables only came, none changed

# What each version added to the one before it. Readers of an older ledger get these tables empty.
UPGRADES = {
    2: """
-- Entries of a state file that nobody could adopt, as its writer left them: our state file carries them on.
CREATE TABLE foreign_entries (
  path TEXT PRIMARY KEY,           -- as the state file spells it (mirror_foreign.stored_key)
  value TEXT NOT NULL,             -- JSON
  reason TEXT NOT NULL             -- why it was not adopted
) STRICT;
-- Files of the validated zone that neither state file nor ledger knew when the workspace was adopted.
CREATE TABLE foreign_files (
  path TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- When each person last looked.
CREATE TABLE visits (who TEXT PRIMARY KEY, at TEXT NOT NULL, run INTEGER NOT NULL) STRICT, WITHOUT ROWID;
""",
    3: """
-- What a row was before a run changed it, so that an undo can put it back; `row` is NULL where there was none.
CREATE TABLE former (
  run INTEGER NOT NULL,
  kind TEXT NOT NULL,              -- files sidecars holds archived failures
  path TEXT NOT NULL,              -- the row's own key
  row TEXT,                        -- JSON object, column -> value
  PRIMARY KEY (run, kind, path)
) STRICT, WITHOUT ROWID;
-- What was taken back and waits: no run publishes it until its source or its rule changes, or someone releases it.
CREATE TABLE holds (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  rule INTEGER,
  run INTEGER NOT NULL,            -- runs.seq that took it back
  at TEXT NOT NULL,
  by TEXT NOT NULL,
  reason TEXT NOT NULL,
  source TEXT NOT NULL DEFAULT ''
) STRICT;
-- Holds that somebody took away: what the hold said, and who let the file go, when and why.
CREATE TABLE released (
  path TEXT NOT NULL,
  run INTEGER NOT NULL,            -- runs.seq that had held it
  held_at TEXT NOT NULL,
  held_by TEXT NOT NULL,
  held_reason TEXT NOT NULL,
  at TEXT NOT NULL,
  by TEXT NOT NULL,
  reason TEXT NOT NULL,
  after_run INTEGER NOT NULL,      -- the newest run at that time
  PRIMARY KEY (path, at)
) STRICT, WITHOUT ROWID;
-- Raw files that lie in the archive: where, by which run.
-- path, place: text.keepable, so that names that are no UTF-8 are found again.
CREATE TABLE archived (
  place TEXT PRIMARY KEY,          -- where it lies now
  path TEXT NOT NULL,              -- where it lay in the raw zone; other versions of it may be archived as well
  label TEXT NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  run INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX archived_label ON archived (label, path);
CREATE INDEX archived_path ON archived (path);
-- Folders that a run removed because it had emptied them: an undo makes them again, with their modes.
CREATE TABLE folders_gone (run INTEGER NOT NULL, path TEXT NOT NULL, mode INTEGER NOT NULL, PRIMARY KEY (run, path))
  STRICT, WITHOUT ROWID;
-- Which run was taken back, and by which; whole: 0 where some of its files were left as they are.
CREATE TABLE undone (run INTEGER NOT NULL, by INTEGER NOT NULL, whole INTEGER NOT NULL, PRIMARY KEY (run, by))
  STRICT, WITHOUT ROWID;
-- Backups that were pruned: what they would have put back is gone.
CREATE TABLE pruned (run INTEGER PRIMARY KEY, by INTEGER NOT NULL, files INTEGER NOT NULL, bytes INTEGER NOT NULL)
  STRICT;
-- When each kept file was last read and found whole (or not), by zone and path.
CREATE TABLE verified (
  path TEXT PRIMARY KEY,
  zone TEXT NOT NULL,              -- raw validated backups archive
  subject TEXT NOT NULL,           -- the raw file that it is of
  at TEXT NOT NULL,
  run INTEGER NOT NULL,
  expected TEXT NOT NULL,          -- sha256 that was recorded
  found TEXT NOT NULL,             -- sha256 that was read; '' where it is missing or cannot be read
  state TEXT NOT NULL,             -- verify.model.State: whole damaged missing unreadable changed
  reason TEXT NOT NULL DEFAULT '', -- more of it in words
  since TEXT NOT NULL DEFAULT '',  -- when it was first found not whole; '' while it is
  good TEXT NOT NULL DEFAULT ''    -- where a good copy lies, '' where there is none
) STRICT;
CREATE INDEX verified_bad ON verified (state, path) WHERE state IN ('damaged', 'missing', 'unreadable');
-- When maintenance was turned on and off, by whom and why; whether it is on now, .opsconsole/maintenance.json says.
CREATE TABLE maintenance (
  id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  by TEXT NOT NULL,
  what TEXT NOT NULL,              -- on off
  reason TEXT NOT NULL
) STRICT;
-- One digest over the rows of each run that ended, as its report prints it.
CREATE TABLE digests (run INTEGER PRIMARY KEY, sha256 TEXT NOT NULL) STRICT;
-- How full file systems were and how large folders, at the end of runs and after scans: for the forecast.
CREATE TABLE samples (
  kind TEXT NOT NULL,              -- filesystem folder
  name TEXT NOT NULL,              -- mount point; raw validated backups logs
  at TEXT NOT NULL,
  used INTEGER NOT NULL,           -- bytes; -1 where not known, so the others
  total INTEGER NOT NULL,
  inodes INTEGER NOT NULL,         -- of a folder: its files
  inodes_total INTEGER NOT NULL,
  PRIMARY KEY (kind, name, at)
) STRICT, WITHOUT ROWID;
""",
    4: """
-- Folders that a run which was taken back had made, and that stayed because files of this later run lay in them.
CREATE TABLE folders_left (run INTEGER NOT NULL, path TEXT NOT NULL, PRIMARY KEY (run, path)) STRICT, WITHOUT ROWID;
""",
    5: """
-- Alerts that somebody acknowledged: quiet until they get worse or begin anew. The newest row of a key counts.
CREATE TABLE acknowledged (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,               -- checks.alerts.model.Reading.key
  verdict TEXT NOT NULL,           -- model.Check, as it was then
  measure REAL NOT NULL,           -- how bad it was then
  text TEXT NOT NULL,              -- what it said
  at TEXT NOT NULL,
  by TEXT NOT NULL,
  note TEXT NOT NULL
) STRICT;
CREATE INDEX acknowledged_key ON acknowledged (key, id);
-- Alerts that somebody was told of, so that nobody is told twice.
CREATE TABLE notified (key TEXT PRIMARY KEY, verdict TEXT NOT NULL, measure REAL NOT NULL, at TEXT NOT NULL)
  STRICT, WITHOUT ROWID;
-- What the items of the checklists found, the newest of each item.
CREATE TABLE checklist_results (
  id INTEGER PRIMARY KEY,
  item TEXT NOT NULL,
  list TEXT NOT NULL,              -- preflight postflight
  declared TEXT NOT NULL,          -- digest of what was asked: the result is not of what is asked otherwise
  verdict TEXT NOT NULL,           -- model.Check
  evidence TEXT NOT NULL,
  next_step TEXT NOT NULL,
  details TEXT NOT NULL,           -- JSON list of lines
  at TEXT NOT NULL,
  valid_until TEXT NOT NULL,
  by TEXT NOT NULL,
  run INTEGER NOT NULL,            -- runs.seq whose gate asked; 0: somebody else
  after_run INTEGER NOT NULL       -- the newest migrate or reprocess that had ended then
) STRICT;
CREATE INDEX checklist_results_item ON checklist_results (item, id);
-- What people answered for: items signed off, errors acknowledged.
CREATE TABLE signoffs (
  id INTEGER PRIMARY KEY,
  item TEXT NOT NULL,
  kind TEXT NOT NULL,              -- sign acknowledge
  at TEXT NOT NULL,
  by TEXT NOT NULL,
  note TEXT NOT NULL,
  after_run INTEGER NOT NULL       -- the newest migrate or reprocess that had ended then
) STRICT;
CREATE INDEX signoffs_item ON signoffs (item, id);
""",
}

_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- One row an execution of an action. `seq` orders runs whatever the clock says.
CREATE TABLE runs (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  action TEXT NOT NULL,
  status TEXT NOT NULL,            -- running done partial failed cancelled refused interrupted
  phase TEXT NOT NULL DEFAULT '',  -- recover scan judge publish verify record
  params TEXT NOT NULL,            -- JSON of what was asked
  command TEXT NOT NULL,           -- the equivalent command line
  who TEXT NOT NULL,               -- JSON of environment.Who
  started_at TEXT NOT NULL,
  ended_at TEXT,
  pid INTEGER NOT NULL,
  pid_started REAL NOT NULL,       -- seconds since the epoch, tells a reused pid
  host TEXT NOT NULL,
  heartbeat_at TEXT NOT NULL,
  total_files INTEGER NOT NULL DEFAULT 0,
  done_files INTEGER NOT NULL DEFAULT 0,
  total_bytes INTEGER NOT NULL DEFAULT 0,
  done_bytes INTEGER NOT NULL DEFAULT 0,
  counts TEXT NOT NULL DEFAULT '{}',   -- JSON, the keys of model.Counts
  exit_status INTEGER,
  message TEXT NOT NULL DEFAULT '',    -- one sentence for the operator
  settings_digest TEXT NOT NULL DEFAULT '',
  durability TEXT NOT NULL DEFAULT '', -- which flush was trusted, in words
  timings TEXT NOT NULL DEFAULT '{}',  -- JSON phase -> seconds
  gate TEXT NOT NULL DEFAULT '[]',     -- JSON list of model.GateItem
  overrides TEXT NOT NULL DEFAULT '{}',-- JSON item -> reason
  verification TEXT NOT NULL DEFAULT '[]', -- JSON list of model.GateItem, the checks after the run
  cancel_by TEXT,                      -- who asked to cancel
  cancel_at TEXT
) STRICT;
CREATE INDEX runs_action ON runs (action, seq);

-- Every raw file that was ever published or adopted; status per model.FileStatus.
CREATE TABLE files (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE,
  source TEXT NOT NULL,
  status TEXT NOT NULL,            -- processed archived damaged held adopted
  dest TEXT NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  rule INTEGER REFERENCES rules (id),
  records INTEGER NOT NULL,
  format TEXT NOT NULL,
  columns TEXT,                    -- JSON list, CSV only
  warnings INTEGER NOT NULL DEFAULT 0,
  processed_at TEXT NOT NULL,      -- when it was published
  judged_run INTEGER NOT NULL,     -- runs.seq that last judged it
  run INTEGER NOT NULL,            -- runs.seq that published it
  dest_size INTEGER NOT NULL,
  dest_mtime_ns INTEGER NOT NULL,
  dest_inode INTEGER NOT NULL,
  mirrored INTEGER NOT NULL DEFAULT 1  -- 0: its entry was taken out of the mirror by hand (counts as not processed)
) STRICT;
-- A source's files are a range of `path`; each further index would cost a run as much as the row itself.

-- A sidecar goes with the first data file of its folder; not in the mirror.
CREATE TABLE sidecars (
  path TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  dest TEXT NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  problem TEXT NOT NULL DEFAULT '',   -- why its own schema refused it; never fails the run by default
  run INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A raw file that failed, remembered by its identity and rule; while both stand it is not read again.
CREATE TABLE failures (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE,
  source TEXT NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  sha256 TEXT NOT NULL,            -- '' where the file could not be read
  rule INTEGER REFERENCES rules (id),
  kind TEXT NOT NULL,              -- records unreadable name changed-while-read damaged
  first_run INTEGER NOT NULL,      -- runs.seq since which it fails without a break
  last_run INTEGER NOT NULL,
  failed_at TEXT NOT NULL,
  records INTEGER NOT NULL,
  failed_records INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  verdict TEXT NOT NULL,           -- JSON of records.Verdict
  accepted_by TEXT,
  accepted_at TEXT,
  accepted_reason TEXT,
  accepted_until TEXT              -- UTC date-time, or NULL: until source or rule changes
) STRICT;

CREATE TABLE failure_causes (
  failure INTEGER NOT NULL REFERENCES failures (id) ON DELETE CASCADE,
  cause TEXT NOT NULL,             -- 'required:date', see records.model.Cause
  records INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  PRIMARY KEY (failure, cause)
) STRICT, WITHOUT ROWID;
CREATE INDEX failure_causes_cause ON failure_causes (cause);

-- What a run did to each file that it changed or that failed; nothing for a file found unchanged.
CREATE TABLE outcomes (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  path TEXT NOT NULL,
  outcome TEXT NOT NULL,           -- model.Outcome
  dest TEXT NOT NULL DEFAULT '',
  size INTEGER NOT NULL DEFAULT 0,
  sha256 TEXT NOT NULL DEFAULT '',
  replaced_sha256 TEXT NOT NULL DEFAULT '', -- what stood at dest before
  backup TEXT NOT NULL DEFAULT '',          -- where that is kept
  reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX outcomes_run ON outcomes (run, id);
CREATE INDEX outcomes_path ON outcomes (path, id);

-- Folders a run made: an undo removes them when they are empty.
CREATE TABLE folders (run INTEGER NOT NULL, path TEXT NOT NULL, PRIMARY KEY (run, path)) STRICT, WITHOUT ROWID;

-- What a batch is about to do; written before the first rename, removed with its outcomes.
CREATE TABLE intents (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  kind TEXT NOT NULL,              -- publish archive change
  item TEXT NOT NULL               -- JSON: publish.PublishItem, change.model.Change
) STRICT;
CREATE INDEX intents_run ON intents (run, id);

-- Every rule that ever judged a run.
CREATE TABLE rules (
  id INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,              -- what the operator calls it: the schema's path
  schema_sha256 TEXT NOT NULL,
  document TEXT NOT NULL,          -- JSON: schema text with its local references, options
  first_run INTEGER NOT NULL,
  first_at TEXT NOT NULL,
  first_by TEXT NOT NULL
) STRICT;

-- Digests of every mirror we wrote, with the identity it had on disk.
CREATE TABLE mirrors (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  written_at TEXT NOT NULL
) STRICT;
CREATE INDEX mirrors_sha256 ON mirrors (sha256);

-- What the last run saw of each zone and source: the brakes compare with it.
CREATE TABLE zones_seen (zone TEXT PRIMARY KEY, filesystem TEXT NOT NULL, run INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sources_seen (source TEXT PRIMARY KEY, files INTEGER NOT NULL, run INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;
"""

DDL = _FIRST + "".join(UPGRADES.values())


def stamp() -> list[tuple[str, str]]:
    """What `meta` says of the program that made or upgraded a ledger, for older ones that open it."""
    return [("readable_from", str(READABLE_FROM)), ("program", __version__)]
