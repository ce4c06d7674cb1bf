"""The one list of actions: buttons, keys, palette, command line, help and `--read-only` all read it."""

from __future__ import annotations

from dataclasses import dataclass

from console.engine.errors import UsageError


@dataclass(frozen=True, slots=True)
class Action:
    """Something that changes the workspace.

    button: one of the four that are always in reach. key: its letter after `a`. function_key: where the terminal
    sends it. dangerous: asks for a word to be typed, the workspace's name. undo: full | none. available: this
    version has it; the others say so when they are asked for. stopped_by_maintenance: it processes files; what
    undoes, repairs or frees room goes on while maintenance is on.
    """

    name: str
    label: str
    key: str
    function_key: str
    summary: str
    dangerous: bool = False
    undo: str = "full"
    available: bool = True
    button: bool = True
    stopped_by_maintenance: bool = False

    @property
    def command(self) -> str:
        """The command line that does the same, without options."""
        return f"opsconsole {self.name}"


ACTIONS: tuple[Action, ...] = (
    Action(
        "migrate",
        "Migrate",
        "m",
        "f5",
        "publish new and changed raw files that pass validation",
        stopped_by_maintenance=True,
    ),
    Action(
        "reprocess",
        "Reprocess",
        "r",
        "f6",
        "judge published files again by today's rules",
        stopped_by_maintenance=True,
    ),
    Action(
        "archive",
        "Archive",
        "a",
        "f7",
        "move old raw files into the archive, verified",
        available=False,
        stopped_by_maintenance=True,
    ),
    Action(
        "rollback",
        "Rollback",
        "b",
        "f8",
        "put back what a run replaced, take back what it made",
        dangerous=True,
    ),
    Action(
        "adopt",
        "Adopt",
        "",
        "",
        "take over what another program published here; changes no byte",
        button=False,
        stopped_by_maintenance=True,
    ),
    Action(  # stopped too: with their scripts back, processing would go on
        "leave",
        "Leave",
        "",
        "",
        "give the workspace back to the scripts that were here before",
        button=False,
        stopped_by_maintenance=True,
    ),
    Action(
        "logs trim",
        "Trim logs",
        "",
        "",
        "remove old lines of the migration logs; there is no undo",
        dangerous=True,
        undo="none",
        button=False,
    ),
    Action(
        "logs archive",
        "Archive logs",
        "",
        "",
        "move closed log segments, compressed and verified, to another folder",
        undo="none",
        button=False,
    ),
    Action(
        "permissions repair",
        "Repair permissions",
        "",
        "",
        "let owner and group work in data and logs; the raw zone gets no write bit",
        button=False,
    ),
    Action(
        "schema restore",
        "Restore schema",
        "",
        "",
        "put a schema that judged an earlier run back in its place",
        button=False,
    ),
)

BUTTONS = tuple(action for action in ACTIONS if action.button)


def find_action(name: str) -> Action:
    """The action called `name`. Raises UsageError."""
    for action in ACTIONS:
        if action.name == name:
            return action
    raise UsageError(f"there is no action {name!r}", next_step="one of " + ", ".join(a.name for a in ACTIONS))


def word_for(action: str, workspace: str) -> str:
    """What has to be typed before this action runs: the workspace's name where it is dangerous, '' elsewhere."""
    return workspace if find_action(action).dangerous else ""


def not_yet(action: Action) -> str:
    """What a front says of an action that this version does not have."""
    return f"{action.label} comes with a later version; nothing was changed"
