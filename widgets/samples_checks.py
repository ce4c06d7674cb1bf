"""Invented results of both checklists, for the demo and the tests of their pane."""

from __future__ import annotations

from dataclasses import replace

from console.engine.checks.kept import Result
from console.engine.model import Check
from console.engine.settings.checklists import DEFAULT
from widgets.samples import STAMP, START

_SAID: dict[str, tuple[Check | None, str, str]] = {
    "backups": (Check.WARN, "every zone verified 9 days ago; 7 days at most", "`opsconsole verify`"),
    "disk": (Check.PASS, "38 % or more free everywhere, and what waits fits", ""),
    "other-run": (Check.PASS, "nobody holds the lock", ""),
    "schemas": (
        Check.WARN,
        "changed since the last run: config/schemas/funding_data_v1.json",
        "`opsconsole schema diff` shows what changed, `opsconsole migrate --dry-run` what fails by it",
    ),
    "sample": (Check.PASS, "20 of 20 waiting files went through: read, judged, written and read back", ""),
    "errors": (
        Check.FAIL,
        "41 errors since they were acknowledged; 3 causes: Validation failed: required:date (31)",
        "look at them (`opsconsole logs errors`), then `opsconsole checklist ack --note TEXT`",
    ),
    "run-log": (Check.PASS, "run 7f3a of 2026-03-04T13:02Z: no error logged", ""),
    "counts": (Check.PASS, "1,304 files in the ledger, 1,374 with sidecars in validated", ""),
    "spot-check": (Check.PASS, "5 files read: bytes as recorded, good by today's rule", ""),
    "checksums": (None, "not asked yet", ""),
    "disk-after": (Check.PASS, "38 % or more free everywhere", ""),
    "documentation": (
        Check.UNKNOWN,
        "run 7f3a has published since ann signed",
        "`opsconsole checklist sign documentation --note TEXT`",
    ),
}


def sample_results() -> list[Result]:
    """Every verdict, one item that was never asked, one whose result holds no more."""
    at = START.strftime(STAMP)
    results = []
    for which in ("preflight", "postflight"):
        for item in DEFAULT.of(which):
            verdict, evidence, step = _SAID[item.name]
            told = Result(item, which, verdict, evidence, step, (), at if verdict else "", at, "ann", asked=False)
            results.append(replace(told, fresh=item.name != "spot-check"))
    return results
