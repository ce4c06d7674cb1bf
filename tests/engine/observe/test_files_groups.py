"""Causes with what changed before they began, sources, and the record that fails with its rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import Context, open_context
from console.engine.model import FileStatus, Plan
from console.engine.observe.files_causes import cause_groups, source_groups
from console.engine.observe.files_detail import show_file
from console.engine.observe.files_record import RecordView, record_views
from console.engine.observe.files_waiting import on_disk
from tests.support import RAW, SMALL_SCHEMA, invalid_record, make_workspace, run_cli, valid_record, write_raw


def without(record: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != name}


def views(root: Path, path: str) -> tuple[RecordView, ...]:
    ctx = open_context(root, read_only=True)
    return record_views(ctx, show_file(ctx, f"{RAW}/{path}"))


def test_causes_say_since_when_and_that_the_schema_changed(tmp_path: Path) -> None:
    files = {f"{source}/{n}.json": [valid_record(n)] for source in ("a", "b") for n in range(3)}
    root = make_workspace(tmp_path / "w", {**files, "a/old.json": [without(valid_record(9), "date")]})
    run_cli(root, "migrate", "--yes")
    schema = next((root / "config").rglob("*.json"))
    schema.write_text(json.dumps({**SMALL_SCHEMA, "required": [*SMALL_SCHEMA["required"], "url"]}))
    for n in range(3):
        write_raw(root, f"b/new{n}.json", [valid_record(n)])
    run_cli(root, "migrate", "--yes")
    ctx = open_context(root, read_only=True)
    groups = {group.key: group for group in cause_groups(ctx)}
    url, date = groups["required:url"], groups["required:date"]
    assert (url.files, url.sources, url.words) == (4, 2, "url is missing") and len(url.examples) == 3
    assert (date.files, date.sources, date.changed) == (1, 1, "")
    one = cause_groups(ctx, source="b")
    assert [(group.key, group.files, group.changed) for group in one] == [
        ("required:url", 3, f"schema changed: {schema.name}")
    ]
    sources = {group.source: group for group in source_groups(ctx)}
    assert (sources["a"].files, sources["a"].failing) == (4, 1) and (sources["b"].files, sources["b"].failing) == (6, 3)


def test_each_wrong_field_has_its_rule_beside_it(tmp_path: Path) -> None:
    bad = {**without(valid_record(1), "date"), "amount": -5, "category": "Nope"}
    root = make_workspace(tmp_path / "w", {"s/x.json": json.dumps([valid_record(0), bad], indent=2)})
    run_cli(root, "migrate", "--yes")
    (record,) = views(root, "s/x.json")
    wrong = {field.name: field for field in record.fields if field.problem}
    assert set(wrong) == {"date", "amount", "category"} and record.number == 2
    assert wrong["date"].rule == "required: grant_id, amount, date, source" and wrong["date"].missing
    assert wrong["amount"].rule == "minimum: 0 · type: number" and wrong["amount"].value == "-5"
    assert wrong["category"].rule.startswith("enum: Research, Other")
    assert {"grant_id", "source"} <= {field.name for field in record.fields if not field.problem}
    assert [number for number, _ in record.lines] == list(range(record.line - 2, record.line + 5))
    assert dict(record.lines)[record.line].strip() == "{"


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_a_long_record_is_read_from_the_file_while_it_is_the_same(tmp_path: Path, form: str) -> None:
    bad = {**valid_record(1), "amount": -5, "notes": "x" * 900}
    rows = [{**valid_record(n + 7), "notes": "y"} for n in range(5)]
    root = make_workspace(tmp_path / "w", {f"s/x.{form}": [*rows, bad]})
    run_cli(root, "migrate", "--yes")
    (record,) = views(root, f"s/x.{form}")
    fields = {field.name: field for field in record.fields}
    assert record.number == 6 and not record.excerpt
    assert fields["notes"].value.startswith(('"xxx', "xxx")) and fields["grant_id"].value.strip('"') == "G-000001"
    write_raw(root, f"s/x.{form}", [valid_record(0)])
    (record,) = views(root, f"s/x.{form}")
    assert record.excerpt and record.lines == () and [field.name for field in record.fields] == ["amount"]


@pytest.mark.parametrize("content", ["", "[{]", "\ufeff", "[1]", '[{"a": [[[]]]}]', b"\xff\xfe"])
def test_what_is_no_record_at_all(tmp_path: Path, content: object) -> None:
    root = make_workspace(tmp_path / "w", {"s/x.json": content})
    run_cli(root, "migrate", "--yes")
    found = views(root, "s/x.json")
    assert found and all(record.whole or any(field.problem for field in record.fields) for record in found)


def test_nested_fields_and_references(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "required": ["id"],
        "properties": {"who": {"$ref": "#/definitions/person"}, "tags": {"items": {"type": "string", "maxLength": 2}}},
        "definitions": {"person": {"type": "object", "required": ["name"], "properties": {"age": {"minimum": 0}}}},
    }
    root = make_workspace(tmp_path / "w", {"s/x.json": [{"id": 1, "who": {"age": -1}, "tags": ["toolong"]}]})
    next((root / "config").rglob("*.json")).write_text(json.dumps(schema))
    run_cli(root, "migrate", "--yes")
    (record,) = views(root, "s/x.json")
    rules = [field.rule for field in record.fields if field.problem]
    assert "required: name" in rules and "minimum: 0" in rules and any("maxLength: 2" in rule for rule in rules)


def test_what_only_the_disk_knows(tmp_path: Path) -> None:
    ctx: Context = open_context(make_workspace(tmp_path / "w", {"s/new.json": [invalid_record(1)], "s/x.txt": "no"}))
    from console.engine.actions.migrate.plan import plan_migrate
    from console.engine.model import MigrateParams

    plan: Plan = plan_migrate(ctx, MigrateParams())
    found = on_disk(ctx, plan)
    assert {row.path.rsplit("/", 1)[1]: row.status for row in found.rows} == {
        "new.json": FileStatus.NEW,
        "x.txt": FileStatus.IGNORED,
    }
    assert found.counts == {FileStatus.NEW: 1, FileStatus.IGNORED: 1}
    assert next(row for row in found.rows if row.path.endswith(".txt")).reason
