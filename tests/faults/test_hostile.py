"""File names and values that would like to be markup, terminal control, flags or log lines."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.faults import checker
from tests.faults.scenario import RAW, VALIDATED, migrate, run
from tests.support import make_workspace, valid_record, write_raw


def plain(text: str) -> None:
    assert "Traceback" not in text, text


EVIL = "[@click=app.quit]x\n\x1b]52;c;aGVsbG8=\x07.json"
VALUES = {
    "grant_id": "[bold red]\x1b[2J\x1b]0;owned\x07\x9b31m",
    "amount": 5,
    "date": "2024-01-01",
    "source": "\u202egnp.exe\u2066 \u200b\x00\r\n2025-10-30 14:25:12 - migration - ERROR - forged",
    "category": "[@click=app.quit]no such category[/]\x1b[31m",
}


def harmless(text: str, where: str) -> None:
    """No byte that a terminal obeys: C0 but newline and tab, DEL, C1, bidirectional controls."""
    bidi = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
    bad = {f"U+{ord(c):04X}" for c in text if (c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f" or ord(c) in bidi}
    assert not bad, f"{where} lets {sorted(bad)} through: {text!r}"


def visible(text: str, where: str) -> None:
    """Every part of the name can be read."""
    for part in ("[@click=app.quit]x", "]52;c;aGVsbG8=", ".json"):
        assert part in text, f"{where} hides a part of the name: {text!r}"


def hostile_workspace(place: Path) -> Path:
    good = dict(VALUES)
    del good["category"]
    root = make_workspace(place / "ws")
    for name, record in ((EVIL, VALUES), (f"good {EVIL}", good)):
        write_raw(root, f"alpha/{name}", [record])
    write_raw(root, f"[red]{EVIL[:-5]}/data.json", [good])
    write_raw(root, f"alpha/{EVIL}.txt", "ignored")
    return root


def test_hostile_names_and_values_are_visible_and_do_nothing(place: Path) -> None:
    root = hostile_workspace(place)
    raw = f"{RAW}/alpha/{EVIL}"
    done = run(root, "migrate", "--yes")
    plain(done.text)
    assert done.status == 1, done.text
    harmless(done.text, "migrate")
    as_json = migrate(root)
    assert as_json.status == 1
    harmless(as_json.text, "migrate --json")
    assert (root / VALIDATED / "alpha" / f"good {EVIL}").is_file()
    assert (root / VALIDATED / f"[red]{EVIL[:-5]}" / "data.json").is_file()
    name = run(root, "runs", "list", "--json").events[-1]["id"]
    shown = {
        "dry run": ("migrate", "--dry-run"),
        "failures": ("failures", "list"),
        "failures by file": ("failures", "list", "--by", "file"),
        "failures as JSON": ("failures", "list", "--by", "file", "--json"),
        "explain": ("explain", raw),
        "state": ("state", "list"),
        "state show": ("state", "show", f"{RAW}/alpha/good {EVIL}"),
        "run": ("runs", "show", name),
        "report": ("runs", "report", name),
        "validate": ("validate", raw),
        "doctor": ("doctor",),
    }
    for where, words in shown.items():
        out = run(root, *words)
        plain(out.text)
        assert out.status in (0, 1), f"{where}: {out.text}"
        harmless(out.text, where)
        if where in ("failures by file", "explain", "report", "validate", "run"):
            visible(out.text, where)
    for log in ("migration.log", "migration.json"):
        text = (root / "logs/migration" / log).read_bytes().decode()
        harmless(text, log)
        for line in text.splitlines():
            assert not line.startswith("2025-10-30 14:25:12"), f"{log}: a value forged a line"
        assert "]52;c;aGVsbG8=" in text
    for line in (root / "logs/migration/migration.json").read_text().splitlines():
        json.loads(line)
    report = next((root / ".opsconsole/runs").rglob("*.md"), None)
    if report is not None:
        harmless(report.read_text(), "the report's file")


def test_names_at_the_edge(place: Path) -> None:
    """255-byte names, deep folders, names like flags, bytes that are no UTF-8, two spellings of one."""
    record = [valid_record(1)]
    root = make_workspace(place / "ws")
    names = [
        "a" * 250 + ".json",
        "é" * 125 + ".json",
        "-rf.json",
        "--help.json",
        "caf\u00e9.json",
        "cafe\u0301.json",
        "DATA.json",
        "data.json",
        " space .json",
        "trailing .json",
        "$(touch owned).json",
        "`x`;y|z&.json",
        "%s%n{0}.json",
        "con\\trol.json",
        "/".join(["deep"] * 40) + "/data.json",
    ]
    for name in names:
        write_raw(root, f"alpha/{name}", record)
    no_text = os.fsencode(root / RAW / "alpha") + b"/not-\xff-text.json"
    with open(no_text, "wb") as stream:
        stream.write(json.dumps(record).encode())
    done = migrate(root)
    plain(done.text)
    assert done.status == 1, done.text
    for name in names:
        assert (root / VALIDATED / "alpha" / name).is_file(), name
    assert not os.path.exists(os.fsencode(root / VALIDATED / "alpha") + b"/not-\xff-text.json")
    assert "not-\\xff-text" in done.text + (root / "logs/migration/migration.log").read_text()
    state = json.loads((root / checker.STATE).read_bytes())["processed_files"]
    assert {key.removeprefix(f"{RAW}/alpha/") for key in state} == set(names)
    assert migrate(root).summary["counts"]["processed"] == 0


def test_a_source_whose_name_is_no_utf8_fails_its_files_and_nothing_else(place: Path) -> None:
    root = make_workspace(place / "ws", {"alpha/a.json": [valid_record(1)]})
    bad = os.fsencode(root / RAW) + b"/bad\xff\xfe/dumps"
    os.makedirs(bad)
    Path(os.fsdecode(bad + b"/d.json")).write_text("[]")
    for _ in range(2):
        done = migrate(root)
        assert done.status == 1 and done.summary["status"] == "partial", done.text
        assert done.summary["counts"]["failed"] + done.summary["counts"]["known_failed"] == 1
        plain(done.text)
    assert (root / VALIDATED / "alpha/a.json").exists()
    gone = run(root, "migrate", "--source", os.fsdecode(b"no\xff"), "--yes")
    assert gone.status == 2, gone.text
    plain(gone.text)
