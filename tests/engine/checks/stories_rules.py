"""Stories of the rules: which one is today's, what was judged by another, what today's would refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from console.engine.model import ReprocessParams
from console.engine.observe.rules_seen import list_rules
from tests.engine.checks.site import Site
from tests.engine.checks.stories import SCHEMA, Scene, broken_ledger, fresh, published, story
from tests.support import valid_record
from tests.support.workspace import SMALL_SCHEMA


def schema(site: Site, **changed: Any) -> None:
    (site.root / SCHEMA).write_text(json.dumps({**SMALL_SCHEMA, **changed}))


@story("schema-is")
def which_schema(place: Path) -> Iterator[Scene]:
    site = published(place, {"alpha/1.json": valid_record(1)})
    (good,) = list_rules(site.ctx())
    known = {"checksum": good.checksum[:12]}
    yield Scene(site, "unknown", "the parameter `checksum` is empty")
    yield Scene(site, "unknown", "which is no checksum", {"checksum": "xyz"})
    yield Scene(site, "unknown", "no rule has the checksum", {"checksum": "0" * 12})
    yield Scene(site, "pass", f"is {good.checksum[:12]}", known)
    yield Scene(site, "pass", f"is {good.checksum[:12]}", {"checksum": good.schema_sha256[:8].upper()})
    schema(site, minProperties=1)
    yield Scene(site, "fail", f"not {good.checksum[:12]}", known)
    (site.root / SCHEMA).write_text("{")
    yield Scene(site, "fail", SCHEMA, known)
    schema(site, minProperties=1)
    with broken_ledger(site):
        yield Scene(site, "unknown", "ledger", known)


@story("stale")
def stale(place: Path) -> Iterator[Scene]:
    site = published(place, rules=[{"match": "beta/**", "schema": SCHEMA}, {"match": "**", "schema": SCHEMA}])
    yield Scene(fresh(place / "fresh"), "unknown", "there is no ledger")
    yield Scene(site, "pass", "4 published files, judged by today's rules")
    schema(site, minProperties=1)
    yield Scene(site, "fail", "4 of 4 published files judged by another rule")
    (site.root / SCHEMA).write_text("{")
    yield Scene(site, "unknown", "")
    schema(site, minProperties=1)
    assert site.run("reprocess", ReprocessParams(stale_schema=True)) == 0
    yield Scene(site, "pass", "4 published files")
    with broken_ledger(site):
        yield Scene(site, "unknown", "the ledger cannot be read")


@story("impact")
def impact(place: Path) -> Iterator[Scene]:
    site = published(place)
    yield Scene(fresh(place / "fresh"), "unknown", "there is no ledger")
    yield Scene(site, "pass", "4 published files, 0 of another rule")
    schema(site, minProperties=1)
    yield Scene(site, "pass", "4 published files, 4 of another rule judged by today's: none would fail")
    schema(site, required=["nowhere"])
    yield Scene(site, "fail", "4 would fail")
    site.published("alpha/1.json").unlink()
    yield Scene(site, "fail", "3 would fail")
    schema(site, minProperties=1)
    yield Scene(site, "unknown", "alpha/1.json: No such file")
    (site.root / SCHEMA).write_text("{")
    yield Scene(site, "unknown", "")
