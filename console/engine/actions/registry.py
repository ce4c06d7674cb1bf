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
    its name. stopped_by_maintenance: it processes files; what undoes, repairs or frees room goes on while
    maintenance is on.
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
    stopped_by_maintenance: bool = False

    @property
    def command(self) -> str:
        """The command line that does the same, without options."""
        return f"opsconsole {self.typed or self.name}"


def _processing(name: str, label: str, key: str, function_key: str, summary: str) -> Action:
    """An action that processes files: maintenance stops it."""
    return Action(name, label, key, function_key, summary, button=bool(key), stopped_by_maintenance=True)


def _keeping(
    name: str, label: str, summary: str, *, dangerous: bool = False, undo: str = "full", typed: str = ""
) -> Action:
    """An action without a button that repairs, undoes or tidies up."""
    return Action(name, label, "", "", summary, dangerous=dangerous, undo=undo, button=False, typed=typed)


ACTIONS: tuple[Action, ...] = (
    _processing("migrate", "Migrate", "m", "f5", "publish new and changed raw files that pass validation"),
    _processing("reprocess", "Reprocess", "r", "f6", "judge published files again by today's rules"),
    _processing("archive", "Archive", "a", "f7", "move old raw files into the archive, verified"),
    Action("rollback", "Rollback", "b", "f8", "put back what a run replaced, take back what it made", dangerous=True),
    _keeping("archive restore", "Restore from archive", "bring archived raw files back"),
    _processing("adopt", "Adopt", "", "", "take over what another program published here; changes no byte"),
    # stopped too: with their scripts back, processing would go on
    _processing("leave", "Leave", "", "", "give the workspace back to the scripts that were here before"),
    _keeping("verify", "Verify", "read every byte that the ledger vouches for; changes no data", undo="none"),
    _keeping("repair", "Repair", "put back what verify found damaged, from good copies", typed="verify --repair"),
    _keeping(
        "backups prune",
        "Prune backups",
        "remove backups that a policy does not keep, and nothing that the last good state needs",
        dangerous=True,
        undo="none",
    ),
    _keeping(
        "state rebuild", "Rebuild state", "make a lost ledger or state file anew; no data is touched", undo="none"
    ),
    _keeping("state clear", "Clear entries", "let files count as not processed; no data is touched"),
    _keeping("state restore", "Restore entries", "the state's entries as in a checkpoint"),
    _keeping(
        "logs trim",
        "Trim logs",
        "remove old lines of the migration logs; there is no undo",
        dangerous=True,
        undo="none",
    ),
    _keeping(
        "logs archive",
        "Archive logs",
        "move closed log segments, compressed and verified, to another folder",
        undo="none",
    ),
    _keeping(
        "permissions repair",
        "Repair permissions",
        "let owner and group work in data and logs; the raw zone gets no write bit",
    ),
    _keeping("schema restore", "Restore schema", "put a schema that judged an earlier run back in its place"),
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
