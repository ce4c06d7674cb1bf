"""`opsconsole validate`: any files against their schema; writes nothing, asks nothing, opens no ledger."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.session import common, given, typed_path

if TYPE_CHECKING:
    from console.engine.records.validate import Validated
    from console.engine.settings import Settings


@click.command("validate")
@click.argument("files", nargs=-1, metavar="[FILE...]", type=click.Path())
@click.option(
    "--directory",
    metavar="DIR",
    type=click.Path(),
    default="",
    help="Every data file below DIR (default, without FILE: the validated zone).",
)
@click.option(
    "--schema",
    metavar="FILE",
    type=click.Path(),
    default="",
    help="Judge by this JSON Schema (default: by the rules of the workspace).",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(0),
    default=5,
    help="Failing records shown of each file (default: 5).",
)
@click.option("--quiet", is_flag=True, help="Name only the files that fail.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file, last the summary.")
@common
def command(files: tuple[str, ...], directory: str, schema: str, limit: int, quiet: bool, as_json: bool) -> int:
    """Check files against their schema, record by record; exit status 1 when one fails.

    Outside a workspace name the schema with --schema. JSON, JSON Lines and CSV.

    \b
    Examples:
      opsconsole validate data/raw/funding_sources/sff/dumps/2025-10-30/data.json
      opsconsole validate --directory data/transformed/validated
      opsconsole validate --schema schema.json records.jsonl
    """
    from console.cli.output import out
    from console.engine.errors import EXIT_FAILURES, EXIT_OK
    from console.engine.records.validate import Validated, validate_paths

    if files and directory:
        raise click.UsageError("FILE and --directory exclude each other.")
    root = Path(str(given("root") or ".")).resolve()
    settings = _settings(root, schema)
    shown = _Shown(root)
    found = validate_paths(
        root,
        settings,
        directory=shown.given(directory),
        files=[shown.given(file) for file in files],
        schema=_seen_from_here(root, schema),
    )
    tally = _Tally()
    sidecar = settings.sidecar.name if schema and not files else ""
    for result in found:
        if sidecar and os.path.basename(result.path) == sidecar and not result.error:
            result = Validated(result.path, ignored="sidecar: --schema is the data's")
        tally.add(result)
        path = shown.typed(result.path)
        if out().gone:
            continue
        if as_json:
            _write_json(result, path, limit)
        else:
            _write(result, path, limit, quiet)
    status = EXIT_FAILURES if tally.failed else EXIT_OK
    _write_end(tally, status, as_json)
    return status


def _settings(root: Path, schema: str) -> Settings:
    """The workspace's; outside a workspace the default ones, where a schema is named."""
    from console.engine.settings import DEFAULT_CONFIG, Settings, load_settings

    config = str(given("config") or "")
    if schema and not config and not os.path.lexists(root / DEFAULT_CONFIG):
        return Settings(path="", kind="toml", digest="")
    return load_settings(root, config)


def _seen_from_here(root: Path, path: str) -> str:
    """A path as typed, for an engine that takes it relative to the root."""
    return path if not path or os.path.realpath(".") == str(root) else typed_path(path)


class _Shown:
    """Paths as they were typed, whatever the engine was handed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._typed: dict[str, str] = {}

    def given(self, path: str) -> str:
        handed = _seen_from_here(self._root, path)
        if handed != path:
            self._typed[handed] = path
        return handed

    def typed(self, path: str) -> str:
        if not self._typed:
            return path
        for handed, typed in self._typed.items():
            if path == handed or path.startswith(handed + "/"):
                return typed + path[len(handed) :]
        return path


@dataclass(slots=True)
class _Tally:
    """What came out, added up."""

    ok: int = 0
    failed: int = 0
    ignored: int = 0
    records: int = 0
    failed_records: int = 0
    warned: int = 0

    def add(self, result: Validated) -> None:
        if result.ignored:
            self.ignored += 1
        elif result.ok:
            self.ok += 1
        else:
            self.failed += 1
        if result.verdict is not None:
            self.records += result.verdict.records
            self.failed_records += result.verdict.failed_records
            self.warned += bool(result.verdict.warnings)


def _write(result: Validated, path: str, limit: int, quiet: bool) -> None:
    from console.cli.output import out
    from console.cli.verdict_view import show_verdict
    from console.engine.text import plural

    stream, verdict = out(), result.verdict
    if result.ignored:
        if not quiet:
            stream.line(("dim", "ignored "), f"{path}: {result.ignored}")
    elif result.error:
        stream.line(("red", "FAIL    "), f"{path}: {result.error}")
    elif verdict is not None and result.ok:
        if not quiet:
            stream.line(("green", "ok      "), f"{path}: {plural(verdict.records, 'record')}")
            if verdict.warnings or verdict.notes:
                show_verdict(stream, verdict, 0, "        ")
    elif verdict is not None:
        reason = verdict.reason() or "its warnings count as failures here"
        stream.line(("red", "FAIL    "), f"{path}: {reason}")
        show_verdict(stream, verdict, limit, "        ")


def _write_json(result: Validated, path: str, limit: int) -> None:
    from console.cli.output import out

    verdict: dict[str, Any] | None = None
    if result.verdict is not None:
        verdict = result.verdict.to_json()
        failing = verdict.get("failing")
        if isinstance(failing, Iterable):
            verdict["failing"] = list(failing)[:limit]
    out().json(
        {
            "event": "file",
            "path": path,
            "ok": result.ok,
            "ignored": result.ignored,
            "error": result.error,
            "rule": result.rule,
            "reason": "" if result.verdict is None else result.verdict.reason(),
            "verdict": verdict,
        }
    )


def _write_end(tally: _Tally, status: int, as_json: bool) -> None:
    from console.cli.output import note, out
    from console.engine.text import count, plural

    if as_json:
        counts = {
            "ok": tally.ok,
            "failed": tally.failed,
            "ignored": tally.ignored,
            "records": tally.records,
            "failed_records": tally.failed_records,
        }
        word = "partial" if tally.failed else "done"
        out().json(
            {
                "event": "summary",
                "run": None,
                "action": "validate",
                "status": word,
                "counts": counts,
                "exit_status": status,
            }
        )
        return
    judged = tally.ok + tally.failed
    if not judged:
        note().line("No data file was found" + (f"; {count(tally.ignored)} ignored." if tally.ignored else "."))
        return
    parts = [f"{plural(judged, 'file')}: {count(tally.ok)} pass, {count(tally.failed)} fail"]
    parts.append(f"{plural(tally.records, 'record')}, {count(tally.failed_records)} fail")
    if tally.ignored:
        parts.append(f"{count(tally.ignored)} ignored")
    out().line("; ".join(parts))
