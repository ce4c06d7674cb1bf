"""`opsconsole validate` beside ajv and check-jsonschema, as whole commands on one file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import corpora, peers
from tests.benchmarks.corpora import PRODUCT, SCHEMA
from tests.benchmarks.measure import Ratio, spread, time_command
from tests.benchmarks.migrate import Sizes
from tests.benchmarks.report import Report


def one_file(ground: Path, name: str, records: int, bad: bool) -> Path:
    """A file of real records; with `bad`, every hundredth has a negative amount."""
    made = next(corpora.make(ground / f"validate-{records}", 1, records).rglob("data.json"))
    if not bad:
        return made
    document = json.loads(made.read_bytes())
    for record in document[::100]:
        record["amount"] = -1
    target = ground / f"{name}.json"
    target.write_text(json.dumps(document, ensure_ascii=False, indent=2), encoding="utf-8")
    return target


def array_schema(ground: Path) -> Path:
    """What the peers need: they judge documents, not records."""
    schema = json.loads(SCHEMA.read_bytes())
    target = ground / "array.schema.json"
    target.write_text(json.dumps({"$schema": schema["$schema"], "type": "array", "items": schema}))
    return target


def run(report: Report, ground: Path, sizes: Sizes) -> None:
    report.title(f"validate: one file of {sizes.one_file_records:,} records, whole commands")
    schema = array_schema(ground)
    place = ground / "validate"
    place.mkdir()
    shutil.copytree(corpora.PROJECT / "config", place / "config")
    ajv, slow = peers.ajv(report), peers.check_jsonschema(report)
    for name, bad in (("good", False), ("1 % bad", True)):
        file = str(one_file(ground, "bad", sizes.one_file_records, bad))
        contenders: dict[str, Sequence[str]] = {
            "opsconsole": [*PRODUCT, "validate", "--schema", str(SCHEMA), file],
        }
        if ajv:
            words = ["validate", "-c", "ajv-formats", "--strict=false", "--all-errors", "--errors=no"]
            contenders["ajv"] = [ajv, *words, "-s", str(schema), "-d", file]
        if slow:
            contenders["check-jsonschema"] = [slow, "--schemafile", str(schema), file]
        walls: dict[str, list[float]] = {who: [] for who in contenders}
        Path(file).read_bytes()
        for _ in range(sizes.rounds):
            os.sync()
            for who, command in contenders.items():
                walls[who].append(time_command(command, cwd=place, allowed=(int(bad),)).wall)
        for who, values in walls.items():
            report.figure(f"{name}: {who}, seconds", spread(values))
        if ajv:
            ratio = Ratio.of(walls["opsconsole"], walls["ajv"])
            report.target(f"{name}: opsconsole / ajv validate", str(ratio), ratio.median, 1.0)
        if slow:
            ratio = Ratio.of(walls["opsconsole"], walls["check-jsonschema"])
            report.target(f"{name}: opsconsole / check-jsonschema", str(ratio), ratio.median, 0.1)
