"""`opsconsole disk`: how full each zone's file system is, how it grows, when it is full; what lies where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.cli.session import common, open_session

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.observe.disk import ZoneDisk
    from console.engine.observe.disk_freeing import Freeing
    from console.engine.observe.disk_tree import FolderRow, FolderTree
    from console.engine.observe.forecast import Growth
    from console.engine.observe.samples import Usage

ROWS = 40  # folders of --tree on a terminal


@click.command("disk")
@click.option("--tree", "wanted", is_flag=True, help="Scan the workspace and show its largest folders.")
@click.option("--depth", metavar="N", type=click.IntRange(1), help="With --tree: how deep (default: 3).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file system, folder and fact.")
@common
def command(wanted: bool, depth: int | None, as_json: bool) -> int:
    """Usage of each zone's own file system, its growth, and the days until it is full.

    The growth is from samples that each run leaves in the ledger. --tree counts what is on disk: nothing is changed,
    links are not followed, another file system is entered only where a zone lies in it.

    \b
    Examples:
      opsconsole disk
      opsconsole disk --tree --depth 2
    """
    from console.cli.output import out
    from console.engine.observe.samples import usage

    if depth and not wanted:
        raise click.UsageError("--depth goes with --tree.")
    ctx = open_session()
    found = usage(ctx)
    if as_json:
        for document in _documents(found):
            out().json(document)
    else:
        _show_usage(ctx, found)
    return _tree(ctx, depth or 3, as_json) if wanted else 0


# ── usage ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _documents(found: Usage) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = []
    for disk in found.disks:
        growth = found.growths[disk.mount]
        documents.append(
            {
                "kind": "filesystem",
                "mount": disk.mount,
                "filesystem": disk.filesystem,
                "zones": list(disk.zones),
                "total": disk.total,
                "used": disk.used,
                "free": disk.free,
                "percent": round(disk.percent, 1),
                "inodes_total": disk.inodes_total,
                "inodes_free": disk.inodes_free,
                "growth_per_day": growth.used.per_day,
                "inodes_per_day": growth.inodes.per_day,
                "days_of_history": growth.used.days,
                "days_until_full": growth.days_left,
                "first_full": growth.first_full,
                "problem": disk.problem,
            }
        )
    for name, sample in found.folders.items():
        documents.append(
            {
                "kind": "zone",
                "zone": name,
                "bytes": sample.used,
                "files": sample.inodes,
                "at": sample.at,
                "growth_per_day": found.folder_growths[name].per_day,
            }
        )
    return documents


def _show_usage(ctx: Context, found: Usage) -> None:
    from console.cli.output import out
    from console.cli.times import short_time
    from console.engine.observe.disk_words import full_words, growth_words
    from console.engine.text import count, size

    stream = out()
    heads = ("file system", "zones", "used", "free", "inodes", "growth", "full")
    rows = [
        (
            disk.mount,
            "all zones" if len(found.disks) == 1 else " ".join(disk.zones),
            *_room(disk),
            growth_words(found.growths[disk.mount].used),
            full_words(found.growths[disk.mount]),
        )
        for disk in found.disks
    ]
    stream.table(heads, rows, right=(2, 3, 4), cut=(0, 1, 6), paths=(0,), aligned=True)
    if found.folders:
        stream.line("")
        lines = [
            (
                name,
                size(sample.used),
                count(sample.inodes),
                _growing(found.folder_growths[name]),
                short_time(ctx, sample.at),
            )
            for name, sample in found.folders.items()
        ]
        stream.table(("zone", "size", "files", "growth", "counted"), lines, right=(1, 2), aligned=True)
    if not any(growth.used.days for growth in found.growths.values()):
        stream.line("")
        stream.line("There is no history yet: every run leaves a sample, from three days on growth is told.")


def _growing(growth: Growth) -> str:
    from console.engine.observe.disk_words import growth_words

    return growth_words(growth)


def _room(disk: ZoneDisk) -> tuple[str, str, str]:
    from console.engine.text import size

    if disk.problem:
        return disk.problem, "", ""
    inodes = 100 * (1 - disk.inodes_free / disk.inodes_total) if disk.inodes_total else None
    return f"{disk.percent:.0f} %", size(disk.free), "–" if inodes is None else f"{inodes:.0f} %"


# ── tree ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tree(ctx: Context, depth: int, as_json: bool) -> int:
    from console.cli.output import ProgressLine, note, out
    from console.engine.observe.disk_freeing import freeing
    from console.engine.observe.disk_saved import save_tree
    from console.engine.observe.disk_scan import DiskScan
    from console.engine.observe.samples import record_tree
    from console.engine.text import count, size

    scan = DiskScan(ctx)
    tree = scan.tree
    line = ProgressLine(note(), not as_json)

    def moved() -> None:
        if line.on:
            tree.sum_up()
            row = tree.row(0)
            line.show(f"{count(row.files)} files, {size(row.size)}")

    try:
        scan.run(moved=moved)
    finally:
        line.clear()
    save_tree(ctx, tree)
    record_tree(ctx, tree)
    shown = tree.largest(depth, ROWS)
    freed = freeing(ctx, tree)
    if as_json:
        for _, row in shown:
            out().json(_row_document(ctx, tree, row))
        out().json({"kind": "freeing", **_freeing_document(freed)})
        return 0
    _show_tree(tree, shown)
    _show_freeing(freed)
    _show_problems(tree)
    return 0


def _row_document(ctx: Context, tree: FolderTree, row: FolderRow) -> dict[str, Any]:
    return {
        "kind": "folder",
        "path": tree.path(row.id),
        "size": row.size,
        "apparent": row.apparent,
        "frees": row.frees,
        "files": row.files,
        "folders": row.folders,
        "newest": row.newest,
        "problems": row.problems,
    }


def _freeing_document(freed: Freeing) -> dict[str, Any]:
    return {
        "backups_size": freed.backups_size,
        "backups_runs": len(freed.backups),
        "backups_frees": freed.backups_frees,
        "logs_size": freed.logs_size,
        "logs_frees": freed.logs_frees,
        "log_segments": freed.segments,
    }


def _show_tree(tree: FolderTree, shown: list[tuple[int, FolderRow]]) -> None:
    from console.cli.output import bar, out
    from console.engine.text import count, duration, size

    stream = out()
    whole = tree.row(0)
    stream.line("")
    most = whole.size or 1
    rows = [
        (
            size(row.size),
            bar(row.size / most, 10),
            count(row.files),
            "  " * level + (tree.outer.get(row.id) or row.name or tree.root),
        )
        for level, row in shown
    ]
    stream.table(("size", "", "files", "folder"), rows, right=(0, 2), cut=(3,), paths=(3,), aligned=True)
    stream.line("")
    left = whole.folders + 1 - len(shown)
    more = f"; {count(left)} smaller or deeper folders are not listed" if left > 0 else ""
    stream.line(f"{count(whole.files)} files in {count(whole.folders + 1)} folders in {duration(tree.seconds)}{more}")
    if tree.inexact:
        stream.line("Files with several names were too many to remember: some are counted more than once.")


def _show_freeing(freed: Freeing) -> None:
    from console.cli.output import out
    from console.engine.observe.disk_words import freeing_words

    for text, command in freeing_words(freed):
        out().line(text, *([("accent", f"  {command}")] if command else []))


def _show_problems(tree: FolderTree) -> None:
    import os

    from console.cli.output import note
    from console.engine.text import plural

    number = tree.row(0).problems - sum(why < 0 for why in tree.problems.values())
    if not number:
        return
    note().line(("yellow", "note: "), f"{plural(number, 'folder')} could not be read in full:")
    for path, why in tree.problem_paths(10):
        note().line(f"  {path}: {os.strerror(why)}")
