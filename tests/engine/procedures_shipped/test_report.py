"""The incident report and the bundle: complete, nothing more than was asked for, and no value forges structure."""

from __future__ import annotations

import json
import os
import re
import tarfile
from pathlib import Path

import pytest

from console.engine.context import Context, open_context
from console.engine.errors import EngineError, UsageError
from console.engine.procedures import guide, journal
from console.engine.procedures.bundle import write_bundle
from console.engine.procedures.report import incident_markdown
from console.engine.procedures.session import Event, Session
from tests.engine.procedures_shipped.following import do_run
from tests.support import invalid_record, make_workspace, valid_record
from tests.support.cli import run_cli

HOSTILE = "# forged\n| a | b |\n- [x](http://evil) <script>`` ``` `\x1b[31m\u202e done"
SECRET = "secret-value-of-a-record"
OURS = """
title = "Put it *right* `now`"
about = "For <b>tests</b>."
symptoms = ["alert:errors"]
[[step]]
id = "stop"
kind = "action"
title = "Stop | it"
action = "maintenance on"
with = { reason = "{session}" }
[[step]]
id = "look"
kind = "probe"
title = "Look"
checks = [{ probe = "disk", parameters = { plan = false }, good = ["pass", "warn", "fail", "unknown"] }]
[[step]]
id = "which"
kind = "input"
title = "Which file"
value = "file"
of = "file"
[[step]]
id = "again"
kind = "probe"
title = "Look again"
checks = [{ probe = "disk", parameters = { plan = false }, good = ["pass", "warn", "fail", "unknown"] }]
[[step]]
id = "shell"
kind = "command"
title = "Say it"
command = "echo {file}"
[[step]]
id = "off"
kind = "action"
title = "Lift"
action = "maintenance off"
[[step]]
id = "go"
kind = "action"
title = "Migrate"
action = "migrate"
partial = true
[[step]]
id = "told"
kind = "record"
title = "Tell"
text = "b"
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, Session]:
    """A whole session with hostile text at every place where somebody types."""
    files = {"a/x.json": [valid_record(1)], "a/`|<b>.json": [{**invalid_record(1), "grant_id": SECRET}]}
    root = make_workspace(tmp_path_factory.mktemp("report") / "ws", files)
    (root / "config/procedures").mkdir(parents=True)
    (root / "config/procedures/ours.toml").write_text(OURS)
    assert run_cli(root, "migrate", "--yes", "--source", "a").returncode == 1
    ctx = open_context(root)
    session = guide.start(ctx, "ours")
    session = guide.tick(ctx, guide.act(ctx, session))
    session = guide.note(ctx, session, HOSTILE)
    session = guide.tick(ctx, session)
    session = guide.set_value(ctx, session, "data/raw/funding_sources/a/`|<b>.json")
    session = guide.override(ctx, session, HOSTILE)
    session = guide.hand_over(ctx, session, HOSTILE)
    session = guide.tick(ctx, session)
    session = guide.command_ran(ctx, session, f"echo {HOSTILE}", 0, f"{HOSTILE}\n# again\n\tlast", 0.2)
    session = guide.tick(ctx, session)
    session = guide.tick(ctx, guide.act(ctx, session))
    session = guide.tick(ctx, do_run(ctx, session))
    session = guide.skip(ctx, session, HOSTILE)
    assert session.status == "done"
    return ctx, session


def _outside_code(line: str) -> str:
    """What a reader of Markdown may take for markup: the line without its code spans (CommonMark 0.31, 6.1)."""
    return re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", line)


def test_it_tells_what_when_who_and_why(told: tuple[Context, Session]) -> None:
    ctx, session = told
    lines = list(incident_markdown(ctx, session))
    text = "\n".join(lines)
    headings = [line for line in lines if line.startswith("## ")]
    assert headings == [
        "## Values",
        "## Timeline (UTC)",
        "## What was done",
        "## What was seen",
        "## Overridden, skipped, abandoned",
        "## Notes",
        "## Before and after",
    ]
    assert session.id in text and session.started_by in text
    assert "opsconsole maintenance on --reason" in text
    run = next(entry.data["run"] for entry in session.entries if entry.event == Event.RUN)
    assert f"- run `{run}`: partial, exit status 1" in text.replace("  - ", "- ")
    assert "1 known failed" in text
    timeline = lines[lines.index("## Timeline (UTC)") : lines.index("## What was done")]
    assert sum(line.startswith("| ") for line in timeline) == len(session.entries) + 1
    against = lines[lines.index("## Overridden, skipped, abandoned") : lines.index("## Notes")]
    assert sum(" overridden by " in line or " skipped by " in line for line in against) == 2
    assert "disk plan=False" in text
    assert "✓ pass" in text or "! warn" in text or "✗ fail" in text


def test_no_text_forges_structure(told: tuple[Context, Session]) -> None:
    ctx, session = told
    lines = list(incident_markdown(ctx, session))
    assert [line for line in lines if line.startswith("# ")] == [lines[0]]
    for line in lines:
        assert line.isprintable(), line
        assert "\x1b" not in line and "\u202e" not in line
        outside = _outside_code(line)
        for mark in ("forged", "evil", "<", "[x]", "script", "*", "again"):
            assert mark not in outside or mark == "again" and "Look" in line, (mark, line)
        if line.startswith("|"):
            cells = re.sub(r"[^|]", "", line)
            assert len(cells) in (3, 4, 5), line


def test_no_record_value_is_in_it(told: tuple[Context, Session]) -> None:
    ctx, session = told
    assert SECRET not in "\n".join(incident_markdown(ctx, session))


def test_the_bundle_has_what_was_asked_for_and_nothing_else(told: tuple[Context, Session], tmp_path: Path) -> None:
    ctx, session = told
    path = tmp_path / "incident.tar.gz"
    names = write_bundle(ctx, session, path)
    run = next(entry.data["run"] for entry in session.entries if entry.event == Event.RUN)
    with tarfile.open(path) as archive:
        assert archive.getnames() == names
        found = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
        assert all(member.isfile() and not member.name.startswith(("/", "..")) for member in archive)
    top = session.id
    expected = {"report.md", f"runs/{run}.md", "checklists.jsonl", "log.jsonl", "files.jsonl"}
    assert set(names) <= {f"{top}/{name}" for name in expected}
    assert {f"{top}/report.md", f"{top}/runs/{run}.md", f"{top}/log.jsonl", f"{top}/files.jsonl"} <= set(names)
    files = [json.loads(line) for line in found[f"{top}/files.jsonl"].splitlines()]
    assert [each["path"] for each in files] == ["data/raw/funding_sources/a/`|<b>.json"]
    assert files[0]["causes"] and files[0]["failure"] == "records"
    log = [json.loads(line) for line in found[f"{top}/log.jsonl"].splitlines()]
    assert {line.get("run") for line in log} == {run}, "the run before the session is not part of it"
    assert not any(SECRET.encode() in data for name, data in found.items() if not name.startswith(f"{top}/runs/"))
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == [path.name]


def test_it_is_never_written_over_a_file_or_into_the_pipeline(told: tuple[Context, Session], tmp_path: Path) -> None:
    ctx, session = told
    path = tmp_path / "there.tar.gz"
    path.write_text("mine")
    with pytest.raises(UsageError, match="already"):
        write_bundle(ctx, session, path)
    assert path.read_text() == "mine"
    (tmp_path / "link.tar.gz").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="already"):
        write_bundle(ctx, session, tmp_path / "link.tar.gz")
    for place in ("data/raw/x", "data/transformed/validated/x", ".opsconsole/x", "config/x", "logs/migration/x"):
        with pytest.raises(UsageError, match="no bundle"):
            write_bundle(ctx, session, ctx.workspace.root / place)
    with pytest.raises(EngineError, match="cannot be written"):
        write_bundle(ctx, session, tmp_path / "no/such/folder/x.tar.gz")
    assert sorted(os.listdir(tmp_path)) == ["link.tar.gz", "there.tar.gz"]


def test_what_cannot_be_written_whole_is_not_there(
    told: tuple[Context, Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, session = told

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EngineError, match="[Nn]o space|full|room"):
        write_bundle(ctx, session, tmp_path / "x.tar.gz")
    assert os.listdir(tmp_path) == []


def test_with_a_ledger_that_cannot_be_read_there_is_a_report_all_the_same(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws", {"a/x.json": [valid_record(1)]})
    (root / ".opsconsole").mkdir()
    (root / ".opsconsole/ledger.sqlite").write_bytes(b"no ledger at all" * 500)
    ctx = open_context(root)
    session = guide.note(ctx, guide.start(ctx, "damaged-ledger"), "seen")
    session = journal.write(ctx, session, Event.RUN, run="20260101T000000Z-state-rebuild-0001", command="x")
    text = "\n".join(incident_markdown(ctx, session))
    assert "the ledger cannot be read" in text and "not ended yet" in text
    names = write_bundle(ctx, session, tmp_path / "x.tar.gz")
    assert names[0].endswith("/report.md") and names[-1].endswith("/INCOMPLETE.txt")


def test_a_journal_with_odd_entries_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    """By another version, or by hand: nothing of it breaks the report."""
    root = make_workspace(tmp_path / "ws")
    ctx = open_context(root)
    session = guide.start(ctx, "daily-check")
    for event, data in (
        (Event.LOOKED, {"what": 3, "seen": [1, {"verdict": "odd"}, {"details": "text"}]}),
        (Event.RAN, {}),
        (Event.COMMAND, {"status": "?"}),
        (Event.NOTE, {}),
        (Event.VALUE, {"name": "x", "value": "y"}),
        (Event.DID, {"command": None}),
        (Event.RUN, {"run": "../../etc/passwd", "command": "x"}),
    ):
        session = journal.write(ctx, session, event, **data)
    assert "## Timeline (UTC)" in list(incident_markdown(ctx, session))
    names = write_bundle(ctx, session, tmp_path / "x.tar.gz")
    assert not any("passwd" in name for name in names)
