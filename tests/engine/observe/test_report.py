"""The report of a run: everything that happened is in it, and nothing foreign in it is markup."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.context import Context
from console.engine.errors import UsageError
from console.engine.ledger.store import reading, transaction
from console.engine.observe.report import code, render_report
from tests.engine.ledger.filled import add_failure, add_run, filled_workspace, opened, raw

PLAIN = raw("s0/dumps/2024-01-01_000000/data.json")
HOSTILE = (
    "[x](javascript:1)<img src=x onerror=1>`` ` ``|*_~#&lt;http://evil.example @all"
    "\n# head\x1b]52;c;aGk=\x07\u202e\x9b.json"
)


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return filled_workspace(tmp_path / "ws")


def outcome(ctx: Context, run: int, path: str, kind: str, **values: Any) -> None:
    row = {"run": run, "path": path, "outcome": kind, "size": 3552, "sha256": "ab" * 32, **values}
    with opened(ctx) as connection:
        connection.execute(
            f"INSERT INTO outcomes ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
        )


def report(ctx: Context, run: int) -> str:
    with reading(ctx.workspace.ledger) as connection:
        assert connection is not None
        return render_report(ctx, connection, run)


def run(ctx: Context, **values: Any) -> str:
    with opened(ctx) as connection, transaction(connection):
        return add_run(connection, 2, **values)


def prose(markdown: str) -> str:
    """A report without its code spans: what a renderer could find markup in. CommonMark 0.31, section 6.1."""
    return re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", markdown)


def test_it_says_who_what_when_and_how_it_ended(ctx: Context) -> None:
    name = run(
        ctx,
        status="partial",
        exit_status=1,
        message="2 published, 1 failed",
        who=json.dumps({"login": "ann", "user": "root", "sudo_user": "ann", "address": "192.0.2.9", "host": "db7"}),
        command="opsconsole migrate --yes --override space --reason later",
        counts='{"processed": 2, "failed": 1, "known_failed": 1204}',
        overrides='{"space": "later"}',
        timings='{"scan": 0.5, "publish": 1.25}',
        durability="syncfs twice a batch (ext4)",
        settings_digest="cd" * 32,
        gate=json.dumps(
            [
                {"name": "space", "verdict": "fail", "blocks": True, "evidence": "too little", "overridden": "later"},
                {"name": "headroom", "verdict": "warn", "blocks": False, "evidence": "18 %", "next_step": "prune"},
            ]
        ),
        verification=json.dumps([{"name": "published", "verdict": "pass", "blocks": False, "evidence": "2 there"}]),
        cancel_by="bob",
        cancel_at="2026-03-01T10:00:02.000000Z",
    )
    text = report(ctx, 2)
    assert text.startswith(f"# migrate {name}\n")
    for part in (
        "partial, exit status 1",
        "`2 published, 1 failed`",
        "`ann` as `root` by sudo from `ann` from `192.0.2.9` at `db7`",
        "`opsconsole migrate --yes --override space --reason later`",
        "2026-03-01 10:00:00 UTC",
        "took 4.0 s",
        "by `bob` at 2026-03-01 10:00:02 UTC",
        "`syncfs twice a batch (ext4)`",
        f"`{'cd' * 32}`",
        "| known failed | 1,204 |",
        "- ✗ fail `space`: `too little`; overridden: `later`",
        "- ! warn `headroom`: `18 %`; next: `prune`",
        "- ✓ pass `published`: `2 there`",
        "| `publish` | 1.250 |",
        "- `space`: `later`",
    ):
        assert part in text


def test_every_file_is_in_it_with_its_bytes_and_causes(ctx: Context) -> None:
    run(ctx)
    outcome(ctx, 2, PLAIN, "replaced", dest="data/v.json", replaced_sha256="ef" * 32, backup="data/_backups/r/v.json")
    outcome(ctx, 2, raw("s1/new.json"), "published", dest="data/n.json")
    outcome(ctx, 2, raw("s1/bad.json"), "failed", reason="12 of 96 records fail")
    outcome(ctx, 2, raw("s1/late.json"), "not-tried")
    outcome(ctx, 1, raw("s1/another-run.json"), "published")
    with opened(ctx) as connection, transaction(connection):
        add_failure(connection, raw("s1/bad.json"), [("required:date", 12)], last_run=2)
    text = report(ctx, 2)
    assert "## Failed: 1 file\n" in text
    assert "  - `date is missing`: 12 records" in text
    assert "record 17, line 412: `required:date!`, by rule `required`" in text
    assert f"- `{PLAIN}` → `data/v.json`, 3,552 bytes, SHA-256 `{'ab' * 32}`; replaced `{'ef' * 32}`" in text
    assert "kept at `data/_backups/r/v.json`" in text
    assert "## Not tried: 1 file" in text
    assert "another-run" not in text


def test_what_a_later_run_judged_is_not_told_of_this_one(ctx: Context) -> None:
    run(ctx)
    outcome(ctx, 1, raw("s1/bad.json"), "failed", reason="as it was then")
    with opened(ctx) as connection, transaction(connection):
        add_failure(connection, raw("s1/bad.json"), [("required:date", 12)], last_run=2)
    assert "as it was then" in report(ctx, 1)
    assert "date is missing" not in report(ctx, 1)


def test_what_it_planned_is_read_from_the_plan_it_kept(ctx: Context) -> None:
    name = run(ctx, params='{"source": "s0", "sample": 0}')
    folder = ctx.workspace.run_folder(name)
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text('{"statuses": {"changed": 1, "new": 1}, "bytes": 1500}')
    assert "2 files, 1.5 kB: 1 changed, 1 new." in report(ctx, 2)
    assert 'Asked for: `{"source": "s0"}`' in report(ctx, 2)
    (folder / "plan.json").write_bytes(b'{"status": "new"\n\xff')
    assert "## Plan" not in report(ctx, 2)


def test_a_run_that_the_ledger_does_not_have(ctx: Context) -> None:
    with pytest.raises(UsageError):
        report(ctx, 99)


def hostile_report(ctx: Context, text: str) -> str:
    run(
        ctx,
        status="partial",
        message=text,
        command=text,
        durability=text,
        who=json.dumps(dict.fromkeys(("login", "user", "sudo_user", "terminal", "address", "host"), text)),
        params=json.dumps({"pattern": text}),
        overrides=json.dumps({text: text}),
        timings=json.dumps({text: 1.0}),
        gate=json.dumps(
            [{"name": text, "verdict": "fail", "blocks": True, "evidence": text, "next_step": text, "overridden": ""}]
        ),
        verification=json.dumps(
            [{"name": text, "verdict": "pass", "blocks": True, "evidence": text, "overridden": text}]
        ),
        host=text,
        cancel_by=text,
        cancel_at="2026-03-01T10:00:02.000000Z",
    )
    outcome(ctx, 2, text, "failed", reason=text, dest=text)
    outcome(ctx, 2, text, "replaced", reason=text, dest=text, backup=text, replaced_sha256="ef" * 32)
    with opened(ctx) as connection, transaction(connection):
        add_failure(connection, text, [(text, 12)], last_run=2)
    return report(ctx, 2)


def test_hostile_names_and_values_are_no_markup(ctx: Context) -> None:
    text = hostile_report(ctx, HOSTILE)
    assert text.count("javascript") > 10
    rest = prose(text)
    for live in ("javascript", "<img", "http://", "&lt;", "[x]", "@all", "*_~"):
        assert live not in rest
    assert not re.search("^# head", text, re.MULTILINE)
    assert "\x1b" not in text
    assert "\u202e" not in text
    for line in text.splitlines():
        if line.startswith("|") and "---" not in line:
            assert line.count("|") == 3 or line == "| | |"


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.one_of(st.sampled_from("`|\\ <[*\n\x1b"), st.characters()), max_size=30))
def test_a_code_span_holds_any_text_whole(text: str) -> None:
    for table in (False, True):
        span = code(text, table=table)
        if not text:
            assert span == ""
            continue
        found = re.fullmatch(r"(`+)(.*)\1", span, re.DOTALL)
        assert found is not None
        fence, inside = found[1], found[2]
        assert fence not in re.findall("`+", inside)
        assert inside[:1] != "`" != inside[-1:]
        assert not any(unicodedata.category(char) == "Cc" for char in inside)
        assert "\n" not in inside
        assert not (table and "|" in inside)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_text_in_any_place_leaves_the_same_prose(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    ctx = filled_workspace(tmp_path_factory.mktemp("report") / "ws", 1)
    plain = filled_workspace(tmp_path_factory.mktemp("report") / "ws", 1)
    assert prose(hostile_report(ctx, text)) == prose(hostile_report(plain, "x"))
