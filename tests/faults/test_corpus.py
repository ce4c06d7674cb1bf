"""Real data: 77 files of 52 sources, 40 of which satisfy the schema; and the incumbent's own workspace."""

from __future__ import annotations

import datetime
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults import archives, checker
from tests.faults.checker import RAW, STATE, VALIDATED, Expected, examine
from tests.faults.scenario import Done, migrate, run
from tests.support import make_workspace, shared_corpus, toml

pytestmark = [pytest.mark.corpus, pytest.mark.timeout(300)]
CONFIG = "scripts/migration/config.json"


def expected_of(root: Path, passing: set[str]) -> Expected:
    """Only the files that pass, and sidecars, may stand in the zone, each with the bytes of its raw file."""
    raw = checker.snapshot_raw(root)
    known = {}
    for path, facts in raw.items():
        name = path.removeprefix(f"{RAW}/")
        if name in passing or name.endswith("/_metadata.json"):
            known[f"{VALIDATED}/{name}"] = frozenset({facts.sha256})
    return Expected(known, raw, checker.snapshot_folders(root))


@pytest.fixture(scope="module")
def funding(ground: Path) -> tuple[Path, Expected, Done, dict[str, dict[str, Any]]]:
    """The corpus with the incumbent's configuration after one migrate; VERIFY.json's word on each file."""
    corpus, incumbent = shared_corpus("funding"), shared_corpus("incumbent")
    root = ground / "funding"
    shutil.copytree(corpus / "raw", root / "data/raw")
    shutil.copytree(incumbent / "config", root / "config")
    shutil.copytree(incumbent / "scripts", root / "scripts")
    for path in root.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    verify = {entry["file"]: entry for entry in json.loads((corpus / "VERIFY.json").read_bytes())["files"]}
    passing = {name for name, entry in verify.items() if entry["valid_format"] == entry["records"]}
    assert (len(verify), len(passing)) == (77, 40)
    expected = expected_of(root, passing)
    done = run(root, "--config", CONFIG, "migrate", "--yes", "--json", timeout=120)
    return root, expected, done, verify


Funding = tuple[Path, Expected, Done, dict[str, dict[str, Any]]]


def test_exactly_the_40_files_that_pass_are_published(funding: Funding) -> None:
    root, expected, done, verify = funding
    assert done.status == 1, done.text
    assert (done.summary["counts"]["processed"], done.summary["counts"]["failed"]) == (40, 37)
    assert done.summary["exit_status"] == 1
    published = {
        path.relative_to(root / VALIDATED).as_posix()
        for path in checker.walk_files(root / VALIDATED)
        if path.name != "_metadata.json"
    }
    assert published == {name for name, entry in verify.items() if entry["valid_format"] == entry["records"]}
    assert examine(root, expected) == []


def test_every_failure_has_record_field_rule_and_value(funding: Funding) -> None:
    """Per file the number of failing records is VERIFY.json's; each names what is wrong with which record."""
    root, _, _, verify = funding
    failing = {name: entry for name, entry in verify.items() if entry["valid_format"] != entry["records"]}
    with checker.open_ledger(root) as ledger:
        assert ledger is not None
        rows = {row["path"].removeprefix(f"{RAW}/"): row for row in ledger.execute("SELECT * FROM failures")}
        causes = {
            name: {
                row["cause"]: row["records"]
                for row in ledger.execute("SELECT * FROM failure_causes WHERE failure = ?", [rows[name]["id"]])
            }
            for name in rows
        }
    assert rows.keys() == failing.keys()
    for name, entry in failing.items():
        row = rows[name]
        assert row["records"] == entry["records"], name
        assert row["failed_records"] == entry["records"] - entry["valid_format"], name
        for reason, records in entry["errors"].items():
            rule, _, place = reason.partition(":")
            found = [
                count for cause, count in causes[name].items() if cause.startswith(f"{rule}:{place.partition('=')[0]}")
            ]
            assert records in found, f"{name}: {reason} {records}, found {causes[name]}"
        verdict = json.loads(row["verdict"])
        assert verdict["failing"], name
        for record in verdict["failing"]:
            assert record["number"] >= 1
            for error in record["errors"]:
                assert error["rule"] and error["message"], (name, error)
                assert error["field"] or error["rule"] in ("type", "json"), (name, error)


def test_a_second_run_touches_nothing_and_is_quick(funding: Funding) -> None:
    root, expected, done, _ = funding
    before = {path: path.stat().st_mtime_ns for path in checker.walk_files(root / "data")}
    state = (root / STATE).read_bytes()
    again = run(root, "--config", CONFIG, "migrate", "--yes", "--json")
    assert again.status == 1, "37 failures that nobody has accepted"
    counts = again.summary["counts"]
    assert (counts["processed"], counts["skipped"], counts["failed"]) == (0, 40, 0), counts
    assert counts["known_failed"] == 37
    assert [event for event in again.events if event.get("event") == "file"] == []
    assert {path: path.stat().st_mtime_ns for path in checker.walk_files(root / "data")} == before
    assert (root / STATE).read_bytes() == state, "a mirror without a changed entry is not rewritten"
    assert examine(root, expected) == []
    assert again.seconds < 0.6 * done.seconds, f"{again.seconds:.2f} s after {done.seconds:.2f} s"


# Key -> type of one entry of the state file, and of its validation_info (DESIGN: formats that others read).
ENTRY = {"checksum": str, "processed_at": str, "dest_path": str, "metadata": dict, "validation_info": dict}
METADATA = {"size_bytes": int, "modified_timestamp": float, "checksum": str}
INFO = {"file_size_bytes": int, "format": str, "record_count": int}


def check_state(root: Path) -> dict[str, Any]:
    """Every key with its type, times naive and UTC; the entries."""
    document = json.loads((root / STATE).read_bytes())
    assert set(document) == {"processed_files", "last_updated"}
    times = [document["last_updated"]]
    for path, entry in document["processed_files"].items():
        assert path.startswith(f"{RAW}/")
        for table, keys in ((entry, ENTRY), (entry["metadata"], METADATA), (entry["validation_info"], INFO)):
            for key, kind in keys.items():
                assert type(table[key]) is kind, f"{path}: {key} is {table[key]!r}"
        raw = root / path
        assert entry["metadata"]["size_bytes"] == raw.stat().st_size
        assert abs(entry["metadata"]["modified_timestamp"] - raw.stat().st_mtime) < 1e-3
        assert entry["checksum"] == entry["metadata"]["checksum"] == checker.sha256_of(raw)
        assert entry["dest_path"] == path.replace(RAW, VALIDATED)
        times.append(entry["processed_at"])
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    for text in times:
        moment = datetime.datetime.fromisoformat(text)
        assert moment.tzinfo is None
        assert abs((now - moment).total_seconds()) < 3600, f"{text} is not UTC"
    return dict(document["processed_files"])


def test_the_state_file_has_every_key_and_type(funding: Funding) -> None:
    root, _, _, verify = funding
    entries = check_state(root)
    assert len(entries) == 40
    csv = next(entry for path, entry in entries.items() if path.endswith(".csv"))
    assert isinstance(csv["validation_info"]["columns"], list)
    for path, entry in entries.items():
        name = path.removeprefix(f"{RAW}/")
        assert entry["validation_info"]["record_count"] == verify[name]["records"], name
        assert entry["validation_info"]["format"] == name.rsplit(".", 1)[1]


def test_the_logs_hold_what_the_runbook_greps_for(funding: Funding) -> None:
    root, _, _, verify = funding
    text = (root / "logs/migration/migration.log").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert sum(" - migration - ERROR - " in line and "Validation failed" in line for line in lines) == 37
    assert sum("Processing file" in line for line in lines) >= 40
    for name, entry in verify.items():
        if entry["valid_format"] != entry["records"]:
            assert any("Validation failed" in line and name in line for line in lines), name
    for line in lines:
        datetime.datetime.strptime(line[:19], "%Y-%m-%d %H:%M:%S")
        assert line[19:].startswith(" - migration - "), line
    for line in (root / "logs/migration/migration.json").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        assert {"timestamp", "level", "logger", "message", "operation"} <= entry.keys()


def test_the_incumbents_workspace_as_it_is(place: Path) -> None:
    """Nothing of it is changed but what a migrate writes; its one data file fails, and says which fields."""
    root = place / "incumbent"
    shutil.copytree(shared_corpus("incumbent"), root)
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    before = checker.tree(root, "")
    began = time.monotonic()
    looked = run(root, "--config", CONFIG, "migrate", "--dry-run", "--json")
    assert looked.status == 1, looked.text
    assert checker.tree(root, "") == before, "a dry run changed something"
    done = run(root, "--config", CONFIG, "migrate", "--yes", "--json")
    assert done.status == 1, done.text
    counts = done.summary["counts"]
    assert (counts["processed"], counts["failed"]) == (0, 1), counts
    assert counts["ignored"] > 0
    after = checker.tree(root, "")
    for name, digest in before.items():
        assert after[name] == digest, f"{name} was changed"
    explained = run(root, "--config", CONFIG, "explain", f"{RAW}/sff/dumps/2025-10-30_225651/data.json")
    assert "date" in explained.out and "sff" in explained.out, explained.text
    for words in (("runs", "list"), ("state", "list"), ("failures", "list"), ("doctor",)):
        shown = run(root, "--config", CONFIG, *words)
        assert shown.status in (0, 1), shown.text
        assert "Traceback" not in shown.text
    assert time.monotonic() - began < 60
    templates = [name for name in after if name.startswith(f"{VALIDATED}/_templates")]
    assert templates == [], "a template is no data"


def test_migrate_alone_would_do_the_same(place: Path) -> None:
    """A workspace that `init` makes of the same raw files publishes the same 40."""
    corpus, incumbent = shared_corpus("funding"), shared_corpus("incumbent")
    root = place / "ws"
    from tests.support import run_cli

    made = run_cli(None, "init", str(root))
    assert made.returncode == 0, made.stderr
    shutil.rmtree(root / RAW, ignore_errors=True)
    shutil.copytree(corpus / "raw/funding_sources", root / RAW)
    schema = root / "config/schemas/funding_data_v1.json"
    assert json.loads(schema.read_bytes()) == json.loads(
        (incumbent / "config/schemas/funding_data_v1.json").read_bytes()
    )
    done = migrate(root, timeout=120)
    assert done.status == 1, done.text
    assert (done.summary["counts"]["processed"], done.summary["counts"]["failed"]) == (40, 37)


def test_a_changed_schema_touches_exactly_the_affected_files(place: Path) -> None:
    """Half of the sources have a schema of their own; when that changes, stale-schema judges those again, no others.

    What impact says before, without writing, is what reprocess then finds.
    """
    root = make_workspace(place / "ws", schema=None)
    shutil.copytree(shared_corpus("funding") / "raw", root / "data/raw", dirs_exist_ok=True)
    schema = (shared_corpus("incumbent") / "config/schemas/funding_data_v1.json").read_bytes()
    sources = sorted(path.name for path in (root / RAW).iterdir() if path.is_dir())
    theirs = set(sources[::2])
    for name in ("one.json", "two.json"):
        (root / "config/schemas" / name).write_bytes(schema)
    rules = [{"match": f"{source}/**", "schema": "config/schemas/two.json"} for source in sorted(theirs)]
    rules.append({"match": "**", "schema": "config/schemas/one.json"})
    (root / "config/console.toml").write_text(toml.dumps({"time_zone": "UTC", "rules": rules}))
    assert migrate(root, timeout=120).status == 1
    before, stood = judged_by(root), checker.tree(root)
    changed = json.loads(schema)
    changed["properties"]["amount"]["minimum"] = 50_000
    candidate = place / "two.json"
    candidate.write_text(json.dumps(changed))
    impact = run(root, "schema", "impact", str(candidate), "--json", timeout=120).summary["counts"]
    assert judged_by(root) == before
    shutil.copy(candidate, root / "config/schemas/two.json")
    done = run(root, "reprocess", "--stale-schema", "--yes", "--json", timeout=120)
    assert done.status == 1, done.text
    after = judged_by(root)
    published = {path for path in before if before[path][1]}
    touched = {path for path in after if after[path] != before[path]}
    affected = {path for path in published if path.removeprefix(f"{RAW}/").split("/")[0] in theirs}
    assert affected and touched == affected
    assert done.summary["counts"]["failed"] == impact["new_failures"] > 0
    assert checker.tree(root) == stood, "what fails now stays published until somebody decides"


def judged_by(root: Path) -> dict[str, tuple[int, bool]]:
    """Raw file -> the run that judged it last, and whether it is published."""
    with checker.open_ledger(root) as ledger:
        assert ledger is not None
        found = {row[0]: (row[1], False) for row in ledger.execute("SELECT path, last_run FROM failures")}
        for path, run_of in ledger.execute("SELECT path, judged_run FROM files"):
            found[path] = (max(run_of, found.get(path, (0, False))[0]), True)
    return found


def test_an_archive_of_2023_moves_exactly_its_dumps_and_restores_them(place: Path) -> None:
    """12 files of six dumps, no collision, by rename; back they are the same, bit by bit."""
    root = make_workspace(place / "ws")
    shutil.copytree(shared_corpus("funding") / "raw", root / "data/raw", dirs_exist_ok=True)
    assert migrate(root, timeout=120).status == 1
    raw = archives.snapshot(root)
    wanted = {path.removeprefix(f"{RAW}/") for path in raw if path.startswith(RAW) and "/dumps/2023-" in path}
    files = {path for path in wanted if (root / RAW / path).is_file()}
    assert len(files) == 12
    words = (*archives.SPAN, *archives.LABEL, "--yes", "--json")
    done = run(root, "archive", *words, timeout=120)
    assert (done.status, done.summary["counts"]["archived"]) == (0, 12), done.text
    place_of = root / checker.ARCHIVE / "y2023" / "funding_sources"
    there = {str(path.relative_to(place_of)) for path in checker.walk_files(place_of) if path.name != "SHA256SUMS"}
    assert there == files and not any((root / RAW / path).exists() for path in files)
    back = run(root, "archive", "restore", "y2023", "--yes", "--json", timeout=120)
    assert (back.status, back.summary["counts"]["returned"]) == (0, 12), back.text
    assert {path: facts for path, facts in archives.snapshot(root).items() if path.startswith(RAW)} == {
        path: facts for path, facts in raw.items() if path.startswith(RAW)
    }
