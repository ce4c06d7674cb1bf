"""A section of a runbook as a procedure: the text of its definition, in which nothing is left to be understood later.

Sessions keep that text, so that a runbook that is walked is a session like any other, whatever becomes of the file.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from itertools import pairwise

from console.engine.errors import UsageError
from console.engine.procedures.fill import BUILT_IN
from console.engine.procedures.load import read_procedure
from console.engine.procedures.model import END, Procedure
from console.engine.procedures.runbook import Block, Runbook, Section
from console.engine.procedures.runbook_command import Runnable, escaped, runnable, template
from console.engine.procedures.runbook_known import safe_way
from console.engine.procedures.runbook_names import Class
from console.engine.procedures.runbook_safe import Ask, Safe, SafeStep
from console.engine.procedures.runbook_toml import Step, written
from console.engine.procedures.runbook_units import Unit, units_of
from console.engine.settings.model import Settings
from console.engine.text import plural

_MOST = 60  # steps of a procedure
_TITLE, _LABEL, _TEXT, _CODE = 60, 70, 3900, 2200
_NEXT = "\0next"  # where the steps of one unit lead: the first one of the next

# What a placeholder is by its name; others are any text.
_OF_NAME = {
    "source": "source",
    "source_name": "source",
    "failing_file": "file",
    "failed_file": "file",
    "run": "run",
    "run_id": "run",
}


def procedure_of(book: Runbook, section: Section, settings: Settings) -> Procedure:
    """The procedure that walks a section and those below it. Raises UsageError where it would be too long."""
    compiled = _Compiler(book, section, settings)
    name = procedure_name(section)
    text = compiled.definition()
    return read_procedure(text.encode(), name, f"{book.name}, section {section.number}")


def procedure_name(section: Section) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")
    return ("runbook-" + (slug or str(section.number)))[:40].rstrip("-")


# ── names of values ──────────────────────────────────────────────────────────────────────────────────────────────


class _Names:
    """The value of each placeholder and question; two that are spelled in different ways are different."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def of(self, spelled: str) -> str:
        known = self._names.get(spelled)
        if known is not None:
            return known
        plain = re.sub(r"[^a-z0-9]+", "_", spelled.lower()).strip("_")[:26]
        plain = plain if plain[:1].isalpha() else f"v_{plain}".rstrip("_")
        name, number = plain, 2
        while name in self._names.values() or name in BUILT_IN:
            name, number = f"{plain}_{number}", number + 1
        self._names[spelled] = name
        return name


# ── compiling ────────────────────────────────────────────────────────────────────────────────────────────────────


class _Compiler:
    def __init__(self, book: Runbook, section: Section, settings: Settings) -> None:
        self._book, self._section, self._settings = book, section, settings
        self._names = _Names()
        self._asked: set[str] = set()  # values that every way so far has asked for

    def definition(self) -> str:
        """The TOML text."""
        made: list[list[Step]] = []
        for number, unit in enumerate(units_of(self._book.of_section(self._section)), 1):
            made.append(self._block(unit, unit.block) if unit.block is not None else [self._plain(number, unit)])
        made = [steps for steps in made if steps] or [[_step("s1", "explain", "Nothing to do", "Nothing stands here.")]]
        count = sum(map(len, made))
        if count > _MOST:
            raise UsageError(
                f"this section is too long to be walked in one: {plural(count, 'step')}, {_MOST} at most",
                file=self._book.name,
                untouched="everything",
                next_step=f"one of those below it: `opsconsole runbook {self._book.name} --sections` lists them",
            )
        following = END
        for steps in reversed(made):
            for step in steps:
                step["next"] = following if step.get("next") == _NEXT else step.get("next")
                for branch in step.get("branch", ()):
                    branch["to"] = following if branch["to"] == _NEXT else branch["to"]
            following = steps[0]["id"]
        title = _cut(self._section.title, _TITLE)
        about = _cut(f"From the runbook {self._book.name}: {self._section.title}, step by step.", 900)
        return written({"title": title, "about": about}, [step for steps in made for step in steps])

    def _plain(self, number: int, unit: Unit) -> Step:
        text = _joined(unit.lines)
        title = f"{unit.title}: {plural(unit.boxes, 'point')}" if unit.boxes else unit.title
        if unit.kind == "manual":
            return _step(f"s{number}", "manual", title, text + "\n\nNote what was done and seen.")
        return _step(f"s{number}", "explain", title, text)

    # ── blocks ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _block(self, unit: Unit, block: Block) -> list[Step]:
        prose = _joined(unit.lines)
        id = f"b{block.number}"
        title = _title(unit.title, block)
        safe = safe_way(block, self._settings)
        if block.kind == "script":
            text = (
                f"{prose}\n\nBlock {block.number} is a file to save, and nothing to run as it stands:\n\n{_code(block)}"
            )
            return [_step(id, "explain", title, text)]
        if block.kind == "words" and safe is None:
            return [_step(id, "explain", title, f"{prose}\n\n{_code(block)}")]
        of = {spelled: kind for step in (safe.steps if safe else ()) for spelled, kind in step.of.items()}
        plain = runnable(block, self._names.of)
        if safe is None and block.does is Class.READS and plain.command:
            asks = self._asks(id, block.placeholders, of)
            return _chained([*asks, self._as_it_is(id, title, f"{prose}\n\n{_head(block)}.", plain)])
        return self._choice(id, title, prose, block, safe, plain, of)

    def _choice(
        self, id: str, title: str, prose: str, block: Block, safe: Safe | None, plain: Runnable, of: Mapping[str, str]
    ) -> list[Step]:
        """The safe way, as the runbook has it, or neither."""
        used = [each for each in block.placeholders if safe and _uses(safe, each)]
        ahead = self._asks(id, used if safe else (), of)
        saves = self._safe_steps(id, block, safe) if safe else []
        raw: list[Step] = []
        if block.kind == "commands":
            asks = [] if plain.why else self._asks(f"{id}-as", block.placeholders, of, branch=True)
            said = f"As the runbook has it. {_head(block)}."
            step = (
                self._by_hand(id, block, plain)
                if plain.why
                else self._as_it_is(f"{id}-as-is", f"As it stands: {title}", said, plain)
            )
            raw = [*asks, step]
        branches: list[dict[str, str]] = []
        says = [prose, f"{_head(block)}:", _code(block)]
        if safe:
            part = ", for a part of it" if safe.left else ""
            branches.append({"label": _cut(f"The safe way{part}: {safe.words}", _LABEL), "to": saves[0]["id"]})
            says.append(f"The safe way, {safe.words}: {safe.steps[0].text}")
            if safe.left:
                says.append("Not done by that: " + "; ".join(_cut(each, 120) for each in safe.left[:5]) + ".")
        if raw:
            how = f"By hand: {block.does.word}" if plain.why else f"As the runbook has it: {block.does.word}"
            branches.append({"label": how, "to": raw[0]["id"]})
        branches.append({"label": "Leave it out", "to": _NEXT})
        choice = _step(f"{id}-how", "choose", title, "\n\n".join(says))
        del choice["next"]
        choice["branch"] = branches
        return [*_chained([*ahead, choice]), *_chained(saves), *_chained(raw)]

    def _safe_steps(self, id: str, block: Block, safe: Safe) -> list[Step]:
        made: list[Step] = []
        for number, safe_step in enumerate(safe.steps, 1):
            here = f"{id}-safe" + (f"-{number}" if number > 1 else "")
            for ask in safe_step.asks:
                made.append(self._ask(here, ask))
            made.append(self._safe_step(here, block, safe_step))
        return made

    def _ask(self, here: str, ask: Ask) -> Step:
        value = self._names.of(ask.value)
        step = _step(f"{here}-{ask.value.replace('_', '-')}", "input", ask.title, ask.text)
        step |= {"value": value, "of": ask.of}
        if ask.default:
            step["default"] = escaped(ask.default)
        if ask.optional:
            step["optional"] = True
        return step

    def _safe_step(self, here: str, block: Block, safe: SafeStep) -> Step:
        step = _step(here, safe.kind, safe.title, safe.text)
        asked = {f"{{{ask.value}}}": f"{{{self._names.of(ask.value)}}}" for ask in safe.asks}
        if safe.action:
            step["action"] = safe.action
            step["with"] = {
                name: asked.get(value) or template(value, self._names.of, block.placeholders)
                if isinstance(value, str)
                else value
                for name, value in safe.given.items()
            }
        if safe.partial:
            step["partial"] = True
        if safe.command:
            step |= {"command": template(safe.command, self._names.of, block.placeholders), "seconds": safe.seconds}
        if safe.checks:
            good = ["pass", "warn", "unknown"]
            step["checks"] = [{"probe": probe, "parameters": dict(given), "good": good} for probe, given in safe.checks]
        return step

    def _as_it_is(self, id: str, title: str, text: str, plain: Runnable) -> Step:
        says = f"{text}\n\n{plain.says}" if plain.says else text
        step = _step(id, "command", title, says)
        step |= {"command": plain.command, "seconds": plain.seconds}
        if plain.statuses != (0,):
            step["statuses"] = list(plain.statuses)
        return step

    def _by_hand(self, id: str, block: Block, plain: Runnable) -> Step:
        says = f"It is not run from here: {plain.why}. Done by hand, note what was done and what came of it."
        text = f"{says}\n\n{_code(block)}"
        return _step(f"{id}-by-hand", "manual", f"By hand: block {block.number}", text)

    def _asks(self, id: str, spelled: Iterable[str], of: Mapping[str, str], *, branch: bool = False) -> list[Step]:
        """Inputs for the placeholders that not every way so far has asked for. branch: only one way leads here."""
        made = []
        for number, each in enumerate(spelled, 1):
            value = self._names.of(each)
            if value in self._asked:
                continue
            kind = of.get(each) or _OF_NAME.get(re.sub(r"[^a-z]+", "_", each.lower()).strip("_"), "text")
            step = _step(
                f"{id}-value-{number}", "input", f"What is {each}", f"It stands in block {id[1:].split('-')[0]}."
            )
            made.append(step | {"value": value, "of": kind})
            if not branch:
                self._asked.add(value)
        return made


def _uses(safe: Safe, spelled: str) -> bool:
    texts = [step.command for step in safe.steps]
    texts += [value for step in safe.steps for value in step.given.values() if isinstance(value, str)]
    return any(spelled in text for text in texts)


def _chained(steps: list[Step]) -> list[Step]:
    """Steps one after the other; the last leads out."""
    for step, following in pairwise(steps):
        step["next"] = following["id"]
    return steps


def _step(id: str, kind: str, title: str, text: str) -> Step:
    made: Step = {"id": id, "kind": kind, "title": _cut(title, _TITLE) or kind}
    if (text := _text(text)) or kind in ("explain", "manual", "record"):
        made["text"] = text or "Nothing stands here."
    return made | {"next": _NEXT}


def _title(title: str, block: Block) -> str:
    """What the block is for: what leads to it, or its own first comment."""
    words = title.rstrip(":").strip()
    return (
        words
        or next((line.strip("# ") for line in block.text.split("\n") if line.strip("# ")), "")
        or f"Block {block.number}"
    )


def _head(block: Block) -> str:
    first, last = block.lines
    asks = f"; asks for {', '.join(block.placeholders)}" if block.placeholders else ""
    return f"Block {block.number}, lines {first} to {last} of the file: {block.does.word}{asks}"


def _code(block: Block) -> str:
    text = block.text if len(block.text) <= _CODE else block.text[:_CODE] + "\n(the rest stands in the file)"
    return textwrap.indent(text, "    ", lambda line: True)


def _joined(lines: Iterable[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _cut(text: str, most: int) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= most else plain[: most - 1].rstrip() + "…"


def _text(text: str) -> str:
    """A text as a definition may have it: no brace names a value, and it is not too long."""
    text = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
    if not text.strip():
        return ""
    made = escaped(text)
    most = _TEXT
    while len(made) > _TEXT:
        most -= 200
        made = escaped(text[:most].rstrip() + "\n(the rest stands in the file)")
    return made
