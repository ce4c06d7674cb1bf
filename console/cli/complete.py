"""Names that a Tab completes: sources, runs. Quick, silent, and never a traceback into somebody's prompt."""

from __future__ import annotations

import os

import click

from console.cli.session import open_session


def source_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of sources: the folders of the raw zone."""
    try:
        session = open_session(ctx)
        with os.scandir(session.workspace.path(session.settings.zones.raw)) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(incomplete) and entry.is_dir()]
    except Exception:  # noqa: BLE001 - nothing may disturb the prompt
        return []
    return sorted(filter(_typable, names))


def run_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Short names of the latest runs, and whole ids where the beginning of one is typed."""
    try:
        from console.engine.runs.query import list_runs

        rows = list_runs(open_session(ctx), limit=50)
    except Exception:  # noqa: BLE001 - nothing may disturb the prompt
        return []
    short = [row.short for row in rows if row.short.startswith(incomplete)]
    return short or [row.id for row in rows if row.id.startswith(incomplete)]


def cause_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Causes of the failures that are remembered."""
    try:
        from console.engine.observe.failures import FailureGroup, list_failures

        groups = list_failures(open_session(ctx), "cause", limit=50)
        keys = [group.key for group in groups if isinstance(group, FailureGroup)]
    except Exception:  # noqa: BLE001 - nothing may disturb the prompt
        return []
    return [key for key in keys if key.startswith(incomplete) and _typable(key)]


def procedure_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of procedures, ours and the workspace's."""
    try:
        from console.engine.procedures.load import load_procedures

        names = load_procedures(open_session(ctx)).procedures
    except Exception:  # noqa: BLE001 - nothing may disturb the prompt
        return []
    return [name for name in names if name.startswith(incomplete)]


def session_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The last digits of the newest sessions, and whole ids where the beginning of one is typed."""
    try:
        from console.engine.procedures.journal import session_names as all_names

        names = all_names(open_session(ctx))[:50]
    except Exception:  # noqa: BLE001 - nothing may disturb the prompt
        return []
    short = [name.rpartition("-")[2] for name in names]
    return [name for name in short if name.startswith(incomplete)] or [n for n in names if n.startswith(incomplete)]


def _typable(name: str) -> bool:
    """Names that go through the shell's completion as they are: one a line, no control characters."""
    return name.isprintable() and not name.startswith((".", "_")) and "," not in name
