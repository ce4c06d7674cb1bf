"""The pieces of a runbook's section, those that make one step together."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

from console.engine.procedures.runbook import Block, Element

_WIDTH = 76  # columns of an item's text


@dataclass(slots=True)
class Unit:
    """What becomes one step, or a few that belong together. kind: explain | manual | block."""

    kind: str
    title: str
    lines: list[str] = field(default_factory=list)
    block: Block | None = None
    level: int = 0
    boxes: int = 0


def units_of(elements: list[Element]) -> list[Unit]:
    """The pieces of a section, those that belong together in one."""
    units: list[Unit] = []
    pending: list[str] = []
    title = heading = ""
    open_item: Unit | None = None

    def flush() -> None:
        if any(line.strip() for line in pending):
            units.append(Unit("explain", heading, list(pending)))
        pending.clear()

    for at, element in enumerate(elements):
        if element.kind == "heading":
            flush()
            title = heading = element.text
            open_item = None
        elif element.kind == "block" and element.block is not None:
            units.append(Unit("block", title or heading, list(pending), element.block))
            pending.clear()
            title, open_item = heading, None
        elif element.kind == "item" and element.marker[:1] == "[":
            if open_item is None or not open_item.boxes:
                if _leads_in(pending):
                    open_item = Unit("manual", heading, list(pending))
                    pending.clear()
                else:
                    flush()
                    open_item = Unit("manual", heading)
                units.append(open_item)
            open_item.boxes += 1
            open_item.level = element.level
            open_item.lines.append(_item(element, 0))
        elif open_item is not None and _belongs(open_item, element):
            open_item.lines.append(_words(element, open_item.level))
        elif element.kind == "item" and element.marker[:1].isdigit():
            open_item = None
            if _has_block(elements, at):
                pending.append(_item(element, element.level))
                title = element.text or heading
                continue
            lead = list(pending) if _leads_in(pending) else []
            if lead:
                pending.clear()
            flush()
            open_item = Unit(
                "manual", element.text or heading, [*lead, _item(element, element.level)], level=element.level
            )
            units.append(open_item)
        else:
            open_item = None
            pending.append(_words(element, 1))
    flush()
    return units


def _leads_in(pending: list[str]) -> bool:
    """`Steps:` and its like need no step of their own."""
    said = [line for line in pending if line.strip()]
    return bool(said) and all(line.rstrip().endswith(":") for line in said) and sum(map(len, said)) < 200


def _belongs(item: Unit, element: Element) -> bool:
    if item.boxes:
        return element.level > item.level
    return element.level > item.level or (element.level == item.level and element.kind in ("text", "code"))


def _has_block(elements: list[Element], at: int) -> bool:
    """Whether a shell block belongs to the item there."""
    level = elements[at].level
    for element in elements[at + 1 :]:
        if element.kind == "heading" or element.level < level or (element.kind == "item" and element.level <= level):
            return False
        if element.kind == "block":
            return True
    return False


def _item(element: Element, base: int) -> str:
    indent = "  " * max(0, element.level - base)
    first = f"{indent}{element.marker} "
    return textwrap.fill(
        element.text, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _words(element: Element, base: int) -> str:
    if element.kind == "item":
        return _item(element, base)
    if element.kind == "code":
        return "\n" + textwrap.indent(element.text, "    ") + "\n"
    return "" if element.kind == "rule" else f"\n{element.text}\n"
