"""`python -m tests.drills [NAME...]`: every drill by lines, whole; the table of docs/drills.md.

With names only those are walked, and the table goes to standard output. --console: each is walked by keys too, on a
broken workspace of its own; its keystrokes are a column.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.drills.catalog import DRILLS
from tests.drills.hands import HANDS, by_hand
from tests.drills.lines import Walk, by_lines
from tests.drills.model import Drill

_DOCS = Path(__file__).resolve().parents[2] / "docs/drills.md"
_BEGIN, _END = "<!-- made by python -m tests.drills -->", "<!-- end -->"


def measure(drill: Drill) -> tuple[Walk, str]:
    """The walk, and what the incumbent's lines leave behind in a copy."""
    with tempfile.TemporaryDirectory(prefix="opsconsole-drill-") as folder:
        (Path(folder) / "theirs").mkdir()
        (Path(folder) / "ours").mkdir()
        broken = drill.broken(Path(folder) / "ours")
        try:
            left = by_hand(drill.name, broken, Path(folder) / "theirs/ws")
            return by_lines(drill, broken), left
        finally:
            broken.close()


def keystrokes(drill: Drill) -> int:
    """By keys, in the console at 80x24; what came of it is judged as well."""
    from tests.terminal.drills import by_keys

    with tempfile.TemporaryDirectory(prefix="opsconsole-drill-") as folder:
        broken = drill.broken(Path(folder))
        try:
            walk = by_keys(drill, broken)
            broken.whole()
            return walk.keys
        finally:
            broken.close()


def rows(measured: Mapping[str, tuple[Walk, str]], keys: Mapping[str, int]) -> list[str]:
    """The table's lines."""
    there = [drill for drill in DRILLS if drill.name in measured]
    more = " by keys |" if keys else ""
    lines = [
        f"| drill | what broke | procedure | steps | by lines |{more} seconds | bytes lost | the incumbent's page |",
        f"| --- | --- | --- | ---: | ---: |{' ---: |' if keys else ''} ---: | ---: | --- |",
    ]
    for drill in there:
        walk, left = measured[drill.name]
        said = HANDS[drill.name].words + (f". **{left}**" if left else "")
        pressed = f" {keys.get(drill.name, '–')} |" if keys else ""
        lines.append(
            f"| {drill.name} | {drill.title} | `{drill.procedure}` | {walk.steps} | {walk.keys} |{pressed}"
            f" {walk.seconds:.0f} | {walk.lost} | {said} |"
        )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drills")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--console", action="store_true")
    given = parser.parse_args()
    keys: dict[str, int] = {}
    measured = {}
    for drill in DRILLS:
        if not given.names or drill.name in given.names:
            measured[drill.name] = measure(drill)
            if given.console:
                keys[drill.name] = keystrokes(drill)
            print(f"{drill.name}: {measured[drill.name][0].seconds:.1f} s", file=sys.stderr)
    table = "\n".join(rows(measured, keys))
    if given.names:
        print(table)
        return 0
    text = _DOCS.read_text(encoding="utf-8")
    head, _, rest = text.partition(_BEGIN)
    _DOCS.write_text(f"{head}{_BEGIN}\n\n{table}\n\n{_END}{rest.partition(_END)[2]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
