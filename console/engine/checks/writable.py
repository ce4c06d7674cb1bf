"""Whether this user can carry a run out and undo it; where not, which place refuses and who could."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from console.engine.actions.migrate.model import PackedGroup
from console.engine.context import Context
from console.engine.model import Check, GateItem
from console.engine.text import count
from console.engine.workspace.people import refusing, who_can

_NAMED = 5  # places in one sentence
_ENTER = os.W_OK | os.X_OK  # to make, rename and remove in a folder


def writable_item(ctx: Context, groups: Iterable[PackedGroup] = (), *, moves: bool = False) -> GateItem:
    """groups: what waits, folder by folder: destinations are looked at one by one. moves: sources are archived."""
    found: dict[str, int] = {}  # place -> what it would have to allow, in the order found
    for path, need in _needs(ctx, groups, moves):
        place = refusing(path, need)
        if place is not None:
            found[place[0]] = found.get(place[0], 0) | place[1]
    if not found:
        return GateItem("writable", Check.PASS, True, "every folder that a run writes can be written")
    root = str(ctx.workspace.root)
    said = [_said(root, place, need) for place, need in list(found.items())[:_NAMED]]
    if len(found) > _NAMED:
        said.append(f"and {count(len(found) - _NAMED)} more places")
    locked = all(text.startswith("Read-only") for text in said)
    step = "remount it for writing" if locked else "have one of these run it, or have it opened: `opsconsole doctor`"
    return GateItem("writable", Check.FAIL, True, "; ".join(said), step)


def _said(root: str, place: str, need: int) -> str:
    name = os.path.relpath(place, root) if place == root or place.startswith(root + "/") else place
    if need & os.W_OK and os.statvfs(place).f_flag & os.ST_RDONLY:
        return f"Read-only file system: {name}"
    return f"Permission denied: {name}: {who_can(place, need)}"


def _needs(ctx: Context, groups: Iterable[PackedGroup], moves: bool) -> Iterator[tuple[str, int]]:
    """Path and what is needed of it: first what every run needs, then the destinations."""
    settings, workspace = ctx.settings, ctx.workspace
    state = str(workspace.path(settings.state_file))
    folders = [settings.zones.validated, settings.zones.backups, settings.log_dir, ".opsconsole", ".opsconsole/runs"]
    folders += [settings.zones.archive] if moves else []
    for folder in folders:
        yield str(workspace.path(folder)), _ENTER
    yield os.path.dirname(state), _ENTER
    if os.path.lexists(state):
        yield state, os.R_OK
    ledger = str(workspace.ledger)
    for path in (ledger, f"{ledger}-wal", f"{ledger}-shm", str(workspace.lock)):
        if os.path.lexists(path):
            yield path, os.R_OK | os.W_OK
    yield from _destinations(ctx, groups, moves)


def _destinations(ctx: Context, groups: Iterable[PackedGroup], moves: bool) -> Iterator[tuple[str, int]]:
    """The folder that each file goes to, looked at once where it is not there yet; what is replaced must be read,
    for its backup is a copy where links are refused."""
    validated = str(ctx.workspace.path(ctx.settings.zones.validated))
    raw = str(ctx.workspace.path(ctx.settings.zones.raw))
    standing = {validated: validated}
    told = set()
    for name, candidates, _, _ in groups:
        folder = f"{validated}/{name}" if name else validated
        above = os.path.dirname(folder)
        nearest = _standing(above, standing) if name else validated
        if nearest == above and os.path.lexists(folder):
            nearest = folder
        if nearest not in told:
            yield nearest, _ENTER
        if nearest != folder:  # it is that of many
            told.add(nearest)
        if moves:
            yield os.path.join(raw, name), _ENTER
        for path, status, *_ in candidates:
            if status == "changed":
                yield os.path.join(validated, path), os.R_OK


def _standing(folder: str, standing: dict[str, str]) -> str:
    """The nearest folder at or above `folder` that is there; remembered in `standing`, which has where to end.

    Below what is not there nothing is looked for.
    """
    found = standing.get(folder)
    if found is None:
        above = os.path.dirname(folder)
        found = _standing(above, standing)
        if found == above and os.path.lexists(folder):
            found = folder
        standing[folder] = found
    return found
