"""Schemas as deployments: kept by checksum, compared in words, tried without writing, put back byte for byte."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.scenario import RAW, VALIDATED, Done, run
from tests.support import SMALL_SCHEMA, invalid_record, make_workspace, valid_record

SCHEMA = "config/schemas/small.json"
# As an editor on another system leaves it: a byte order mark, CRLF, and a name with a control in it.
ODD = b"\xef\xbb\xbf" + json.dumps({**SMALL_SCHEMA, "title": "a \x1b[31m b"}, indent=1).replace("\n", "\r\n").encode()


@pytest.fixture
def ws(place: Path) -> Path:
    """Ten files of two sources by the odd schema; one fails."""
    files: dict[str, Any] = {f"{'ab'[n % 2]}/{n}.json": [valid_record(n)] for n in range(10)}
    root = make_workspace(place / "ws", {**files, "c/bad.json": [invalid_record(1)]})
    (root / SCHEMA).write_bytes(ODD)
    os.chmod(root / SCHEMA, 0o640)
    assert run(root, "migrate", "--yes").status == 1
    return root


def change(root: Path, minimum: int, **more: Any) -> bytes:
    """Today's schema asks for another amount."""
    schema = json.loads(json.dumps(SMALL_SCHEMA))
    schema["properties"]["amount"]["minimum"] = minimum
    schema |= more
    data = json.dumps(schema).encode()
    (root / SCHEMA).write_bytes(data)
    return data


def rules(root: Path) -> list[dict[str, Any]]:
    done = run(root, "schema", "list", "--json")
    assert done.status == 0, done.text
    return done.events


def everything(root: Path) -> dict[str, tuple[bytes, int, int]]:
    """Bytes, times and inodes of all that a look must not change."""
    found = {}
    for top in ("config", RAW, VALIDATED, ".opsconsole", "logs"):
        for path in (root / top).rglob("*"):
            if path.is_file():
                facts = path.stat()
                found[str(path)] = (path.read_bytes(), facts.st_mtime_ns, facts.st_ino)
    return found


def restore(root: Path, checksum: str, *words: str, **more: Any) -> Done:
    return run(root, "schema", "restore", checksum, "--yes", "--json", *words, **more)


def rollback(root: Path, name: str, **more: Any) -> Done:
    return run(root, "rollback", name, "--yes", "--json", "--confirm", root.name, **more)


def last_run(root: Path) -> str:
    with closing(sqlite3.connect(root / ".opsconsole/ledger.sqlite")) as connection:
        return str(connection.execute("SELECT id FROM runs ORDER BY seq DESC LIMIT 1").fetchone()[0])


def test_every_rule_is_listed_with_when_and_whose(ws: Path) -> None:
    change(ws, 1002)
    [old, new] = rules(ws)
    assert (old["today"], old["published"], old["failing"]) == (False, 10, 1)
    assert old["first_at"] and old["first_by"] and old["first_run"].split("-")[1] == "migrate"
    assert (new["today"], new["first_at"]) == (True, "")
    assert run(ws, "reprocess", "--stale-schema", "--yes").status == 1
    [old, new] = rules(ws)
    assert (old["published"], new["published"], new["failing"]) == (2, 8, 2 + 1 - 1)


def test_a_diff_says_in_words_what_changed(ws: Path) -> None:
    before = everything(ws)
    assert run(ws, "schema", "diff").status == 0
    assert everything(ws) == before
    change(ws, 1002, required=["grant_id", "amount", "source", "url"], additionalProperties=False)
    done = run(ws, "schema", "diff", "--json")
    assert done.status == 1
    words = done.events[0]["words"]
    assert "amount: minimum 0 becomes 1002" in words
    assert "required now: url" in words and "no longer required: date" in words
    assert "additionalProperties false is new" in words
    assert any(line.startswith("-") and '"minimum": 0' in line for line in done.events[0]["lines"])
    first = rules(ws)[0]["checksum"]
    text = run(ws, "schema", "diff", first[:8]).text
    assert "\x1b" not in text and "minimum 0 becomes 1002" in text
    for wrong in ("zz", "abc", "ffffffffffff", "'; drop table rules"):
        assert run(ws, "schema", "diff", wrong).status == 2


def test_impact_judges_everything_and_writes_nothing(ws: Path, place: Path) -> None:
    candidate = place / "small.json"
    schema = json.loads(json.dumps(SMALL_SCHEMA))
    schema["properties"]["amount"] = {"type": "number", "minimum": -5, "maximum": 1006}
    candidate.write_text(json.dumps(schema))
    before = everything(ws)
    done = run(ws, "schema", "impact", str(candidate), "--json")
    assert done.status == 1, done.text
    counts = done.summary["counts"]
    assert (counts["judged"], counts["new_failures"], counts["new_passes"], counts["passing"]) == (11, 3, 1, 7)
    assert done.summary["causes"][0]["files"] == 3
    failing = {event["path"] for event in done.events if event.get("what") == "newly-failing"}
    assert failing == {f"{RAW}/b/7.json", f"{RAW}/a/8.json", f"{RAW}/b/9.json"}
    assert everything(ws) == before
    one = run(ws, "schema", "impact", str(candidate), "--json", "--source", "a").summary["counts"]
    assert (one["judged"], one["new_failures"]) == (5, 1)
    assert run(ws, "schema", "impact", str(candidate), "--json", "--sample", "4").summary["counts"]["judged"] == 4
    candidate.write_text('{"type": "strange"}')
    assert run(ws, "schema", "impact", str(candidate)).status == 2
    assert everything(ws) == before
    # and it is right: what it said is what a reprocess finds
    (ws / SCHEMA).write_text(json.dumps(schema))
    real = run(ws, "reprocess", "--stale-schema", "--yes", "--json")
    assert real.summary["counts"]["failed"] == 3


def test_impact_compares_with_today_and_not_with_an_older_verdict(ws: Path, place: Path) -> None:
    """Judged by an older rule, or other bytes by now: today's rule is asked as well."""
    today = change(ws, 1003)  # three published files would fail by it; nobody has judged them yet
    candidate = place / "candidate.json"
    candidate.write_bytes(today)
    counts = run(ws, "schema", "impact", str(candidate), "--json").summary["counts"]
    assert (counts["new_failures"], counts["new_passes"], counts["failing"]) == (0, 0, 4)


def test_restore_is_byte_identical_and_undone_by_rollback(ws: Path) -> None:
    first = rules(ws)[0]["checksum"]
    newer = change(ws, 1002)
    os.chmod(ws / SCHEMA, 0o664)
    facts = (ws / SCHEMA).stat()
    assert run(ws, "reprocess", "--stale-schema", "--yes").status == 1
    plan = run(ws, "schema", "restore", first[:6], "--dry-run")
    assert plan.status == 0 and SCHEMA in plan.out
    assert (ws / SCHEMA).read_bytes() == newer
    done = restore(ws, first[:6])
    assert done.status == 0, done.text
    assert (ws / SCHEMA).read_bytes() == ODD
    name = done.summary["run"]
    assert (ws / f".opsconsole/runs/{name}/kept/{SCHEMA}").read_bytes() == newer
    assert restore(ws, first).summary["counts"].get("restored") == 0, "nothing to do twice"
    again = run(ws, "reprocess", "--stale-schema", "--yes", "--json")
    assert again.status == 1 and again.summary["counts"]["revalidated"] == 8, again.text
    back = rollback(ws, name)
    assert back.status == 0, back.text
    assert (ws / SCHEMA).read_bytes() == newer
    after = (ws / SCHEMA).stat()
    assert (stat.S_IMODE(after.st_mode), after.st_mtime_ns) == (stat.S_IMODE(facts.st_mode), facts.st_mtime_ns)


def test_a_schema_that_is_gone_or_broken_comes_back(ws: Path) -> None:
    first = rules(ws)[0]["checksum"]
    (ws / SCHEMA).write_bytes(b"{ broken")
    assert run(ws, "migrate", "--yes").status == 2
    assert restore(ws, first).status == 0
    (ws / SCHEMA).unlink()
    done = restore(ws, first)
    assert done.status == 0, done.text
    assert (ws / SCHEMA).read_bytes() == ODD
    assert rollback(ws, done.summary["run"]).status == 0
    assert not (ws / SCHEMA).exists()


def test_a_link_in_its_place_is_not_followed(ws: Path, place: Path) -> None:
    first = rules(ws)[0]["checksum"]
    outside = place / "outside.json"
    outside.write_text("{}")
    (ws / SCHEMA).unlink()
    (ws / SCHEMA).symlink_to(outside)
    assert restore(ws, first).status in (1, 2)
    assert outside.read_text() == "{}" and (ws / SCHEMA).is_symlink()


def test_referenced_schemas_come_back_too(place: Path) -> None:
    schema = {"type": "object", "properties": {"amount": {"$ref": "amount.json"}}}
    root = make_workspace(place / "ws", {"a/0.json": [valid_record(0)]}, schema=schema)
    part = root / "config/schemas/amount.json"
    part.write_bytes(b'{"type":\t"number"}\n')
    assert run(root, "migrate", "--yes").status == 0
    first = rules(root)[0]["checksum"]
    part.write_text('{"type": "string"}')
    done = run(root, "schema", "diff")
    assert "config/schemas/amount.json: type number becomes string" in done.out
    assert restore(root, first).status == 0
    assert part.read_bytes() == b'{"type":\t"number"}\n'


POINTS = ("change.staged", "change.intended", "change.put", "change.done", "change.recorded", "run.recorded")


@pytest.mark.parametrize(
    "point", [pytest.param(point, marks=[] if point == "change.put" else pytest.mark.soak) for point in POINTS]
)
def test_kill_at_a_failpoint_of_a_restore(ws: Path, point: str) -> None:
    first = rules(ws)[0]["checksum"]
    newer = change(ws, 1002)
    died = restore(ws, first, "--foreground", failpoint=f"{point}:1")
    assert died.status == -signal.SIGKILL, f"no run comes past {point}"
    assert (ws / SCHEMA).read_bytes() in (newer, ODD), "never half a schema"
    done = restore(ws, first)
    assert done.status == 0, done.text
    assert (ws / SCHEMA).read_bytes() == ODD
    if point != "change.staged":  # what is staged before there is an intent nobody can know
        assert not list((ws / "config").rglob("*.part"))
    name = next(path for path in (ws / ".opsconsole/runs").iterdir() if (path / "kept" / SCHEMA).exists()).name
    back = rollback(ws, name)
    assert back.status == 0, back.text
    assert (ws / SCHEMA).read_bytes() == newer
