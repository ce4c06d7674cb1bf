"""The one list of actions: buttons, keys, palette, command line, help and `--read-only` all read it."""

from __future__ import annotations

from dataclasses import dataclass

from console.engine.errors import UsageError


@dataclass(frozen=True, slots=True)
class Action:
    """Something that changes the workspace.

    button: one of the four that are always in reach. key: its letter after `a`. function_key: where the terminal
    sends it. dangerous: asks for a word to be typed, the workspace's name. undo: full | none. available: this
    version has it; the others say so when they are asked for. typed: the words of its command, where they are not
    its name.
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
    typed: str = ""

    @property
    def command(self) -> str:
        """The command line that does the same, without options."""
        return f"opsconsole {self.typed or self.name}"


ACTIONS: tuple[Action, ...] = (
    Action("migrate", "Migrate", "m", "f5", "publish new and changed raw files that pass validation"),
    Action("reprocess", "Reprocess", "r", "f6", "judge published files again by today's rules"),
    Action("archive", "Archive", "a", "f7", "move old raw files into the archive, verified"),
    Action(
        "rollback",
        "Rollback",
        "b",
        "f8",
        "put back what a run replaced, take back what it made",
        dangerous=True,
    ),
    Action("archive restore", "Restore from archive", "", "", "bring archived raw files back", button=False),
    Action("adopt", "Adopt", "", "", "take over what another program published here; changes no byte", button=False),
    Action(
        "backups prune",
        "Prune backups",
        "",
        "",
        "remove backups that a policy does not keep, and nothing that the last good state needs",
        dangerous=True,
        undo="none",
        button=False,
    ),
    Action(
        "state rebuild",
        "Rebuild state",
        "",
        "",
        "make a lost ledger or state file anew; no data is touched",
        undo="none",
        button=False,
    ),
    Action(
        "state clear", "Clear entries", "", "", "let files count as not processed; no data is touched", button=False
    ),
    Action("state restore", "Restore entries", "", "", "the state's entries as in a checkpoint", button=False),
    Action("leave", "Leave", "", "", "give the workspace back to the scripts that were here before", button=False),
    Action(
        "verify",
        "Verify",
        "",
        "",
        "read every byte that the ledger vouches for; changes no data",
        undo="none",
        button=False,
    ),
    Action(
        "repair",
        "Repair",
        "",
        "",
        "put back what verify found damaged, from good copies",
        button=False,
        typed="verify --repair",
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
