"""Blocks of a runbook that the console knows: what does the same safely, with the parameters that the command has.

Texts here are as the runbook spells them, placeholders included; whoever makes steps of them fills values in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from console.engine.procedures.runbook import Block
from console.engine.procedures.runbook_classes import class_of_command, unwrapped
from console.engine.procedures.runbook_commands import Command
from console.engine.procedures.runbook_names import Class
from console.engine.procedures.runbook_safe import Ask, Safe, SafeStep
from console.engine.settings.model import Settings


def safe_way(block: Block, settings: Settings) -> Safe | None:
    """What the console does instead of a block; None where it does not know it, or it only reads."""
    known = _Known(block, settings)
    if block.kind == "script":
        return None
    if block.kind == "words":
        said = known.of_words()
        return Safe(tuple(said)) if said else None
    steps: list[SafeStep] = []
    left: list[str] = []
    for command in block.commands:
        found = known.of_command(command)
        if found is None or any(_is_dynamic(step) for step in found):
            if class_of_command(command) is not Class.READS:
                left.append(" ".join(command.texts) or "a redirect")
            continue
        steps += [
            step
            for step in found
            if not any((step.action, step.command, step.kind) == (e.action, e.command, e.kind) for e in steps)
        ]
    return Safe(tuple(steps), tuple(left)) if steps else None


def _is_dynamic(step: SafeStep) -> bool:
    """Whether a parameter is one that only a shell could tell."""
    given = [value for value in step.given.values() if isinstance(value, str)]
    return any("$(" in text or "`" in text or re.search(r"\$\{\w+[^\w}]", text) for text in given)


_NOTHING: list[SafeStep] = []  # known, and what comes with it in the block stands for it


class _Known:
    def __init__(self, block: Block, settings: Settings) -> None:
        self.block = block
        zones = settings.zones
        self._raw, self._validated, self._backups = zones.raw, zones.validated, zones.backups
        self._archive, self._transformed = zones.archive, os.path.dirname(zones.validated) or zones.validated
        self._others = (zones.cleaned, zones.enriched)
        self._state = settings.state_file
        self._logs = settings.log_dir.split("/")[0] if settings.log_dir else "logs"
        self._folders = (zones.raw.split("/")[0], self._logs)
        self._packed = False  # logs were packed by a command before

    def of_words(self) -> list[SafeStep]:
        """Of comments that say what to edit."""
        said = self.block.text.lower()
        named = os.path.basename(self._state) in said
        return [self._clear_file()] if named and re.search(r"\b(edit|remove|delete|clear)\b", said) else []

    def of_command(self, command: Command) -> list[SafeStep] | None:
        """The steps that stand for a command; [] where others of the block do, None where it is not known."""
        words = unwrapped(command.texts)
        if not words:
            return None
        name = words[0].rpartition("/")[2]
        if re.fullmatch(r"python[0-9.]*", name):
            return self._python(words[1:])
        ways = {
            "rm": self._rm,
            "cp": self._cp,
            "mv": self._mv,
            "find": self._find,
            "mkdir": self._mkdir,
            "tar": self._tar,
            "tail": self._tail,
            "chmod": self._chmod,
            "smartctl": self._smart,
            "echo": self._echo,
        }
        way = ways.get(name)
        return way(words[1:], command) if way else None

    # ── paths ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _below(self, path: str, folder: str) -> str | None:
        """What of a path lies below a folder; '' for the folder itself, None for another place."""
        path = re.sub(r"^\./|^\$\{?PWD\}?/", "", path).rstrip("/")
        path = re.sub(r"/{2,}", "/", path)
        if path == folder:
            return ""
        return path[len(folder) + 1 :] if path.startswith(folder + "/") else None

    def _is_state(self, path: str) -> bool:
        return self._below(path, self._state) == "" or path == os.path.basename(self._state)

    def _is_state_copy(self, path: str) -> bool:
        return os.path.basename(path).startswith(os.path.basename(self._state)) and not self._is_state(path)

    # ── programs ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _python(self, given: list[str]) -> list[SafeStep] | None:
        if given[:1] == ["-c"] and len(given) > 1:
            return self._edit(given[1])
        script = next((word for word in given if not word.startswith("-")), "").rpartition("/")[2]
        options = _options(given)
        if script == "migrate.py":
            return self._migrate(options)
        if script == "validate_funding.py":
            return self._validate(options)
        return None

    def _migrate(self, options: Mapping[str, str]) -> list[SafeStep] | None:
        source, says = "", "The plan is shown before anything is written; what fails is named, with the reason."
        if "source" in options:
            below = self._below(options["source"], self._raw)
            if below is None or not re.fullmatch(_ONE_NAME, below):
                return None
            source = below
        if target := options.get("dest"):
            if self._below(target, self._validated) is None:
                return None
            says += f" Where files go is derived from the zones: below {self._validated}, never typed."
        if config := options.get("config"):
            says += f" The configuration is that of this workspace, whatever {config} says."
        of = {source: "source"} if source[:1] in ("[", "<", "$") else {}
        given = {"source": source} if source else {}
        return [SafeStep("action", "Migrate", says, "migrate", given, partial=True, of=of)]

    def _validate(self, options: Mapping[str, str]) -> list[SafeStep] | None:
        command = "opsconsole validate"
        for option in ("directory", "schema"):
            if option in options:
                if not re.fullmatch(rf"({_ONE_NAME}|/)+", options[option]):
                    return None
                command += f" --{option} {options[option]}"
        says = "Every record against the schema, nothing is written. The script itself says PASSED of anything."
        return [SafeStep("command", "Validate", says, command=command, seconds=1800)]

    def _edit(self, code: str) -> list[SafeStep] | None:
        """A Python text that changes the state file."""
        named = os.path.basename(self._state) in code
        if not named or not re.search(r"\.dump\(|write|['\"][wa]['\"]", code):
            return None
        emptied = re.search(r"\[['\"]processed_files['\"]\]\s*=\s*(\{\s*\}|dict\(\))|\.clear\(\)", code)
        return [self._clear_all() if emptied else self._clear_file()]

    def _clear_all(self) -> SafeStep:
        says = (
            "Every entry leaves the state file, whole and while no run writes it; history stays, a rollback of this run"
            " brings the entries back. The next migrate judges all files again and rewrites nothing that is the same."
        )
        given: dict[str, str | int | bool] = {"all": True, "reason": "{reason}"}
        return SafeStep("action", "Clear the state", says, "state clear", given, asks=(_REASON,))

    def _clear_file(self) -> SafeStep:
        says = (
            "Its entry leaves the state file while no run writes it; a rollback of this run brings it back. The next"
            " migrate judges it again."
        )
        file = Ask("file", "Which file is to be processed again", "file")
        given = {"files": "{file}", "reason": "{reason}"}
        return SafeStep("action", "Clear one entry", says, "state clear", given, asks=(file, _REASON))

    def _rm(self, given: list[str], command: Command) -> list[SafeStep] | None:
        paths = _operands(given)
        if paths and all(self._is_state(path) for path in paths):
            says = "Made anew from what is on the disk; what the ledger knows of the past stays, no data is touched."
            return [SafeStep("action", "Rebuild the state", says, "state rebuild")]
        if paths and all(self._below(path, self._backups) is not None for path in paths):
            return [self._prune()]
        zones = (self._validated, *self._others, self._transformed)
        if paths and all(any(self._below(path, zone) is not None for zone in zones) for path in paths):
            return self._verify_and_repair()
        if paths and all(self._below(path, self._logs) is not None for path in paths):
            return _NOTHING if self._packed else [self._pack()]
        return _NOTHING if self._packed and all(".tar" in path or ".tgz" in path for path in paths) else None

    def _prune(self) -> SafeStep:
        says = (
            "The plan says of each backup why it stays or goes, and what that frees. What an undo of the last good"
            " state needs is never removed, whatever the number. There is no undo."
        )
        keep = Ask("keep_last", "Keep how many of the last backups", "number", "10")
        return SafeStep(
            "action", "Prune backups", says, "backups prune", {"keep_last": "{keep_last}"}, partial=True, asks=(keep,)
        )

    def _verify_and_repair(self) -> list[SafeStep]:
        verify = (
            "Suspicion removes nothing: every published file is read from the disk and compared with its checksum; for"
            " each one that differs a good copy is looked for."
        )
        repair = (
            "Each good copy is swapped in by a rename; files that are well are not touched, readers never see less."
            " Nothing damaged? Then tick or skip this."
        )
        return [
            SafeStep("action", "Find what is damaged", verify, "verify", {"readback": True}, partial=True),
            SafeStep("action", "Put good copies in their place", repair, "repair", partial=True),
        ]

    def _cp(self, given: list[str], command: Command) -> list[SafeStep] | None:
        *sources, target = _operands(given) or [""]
        if len(sources) == 1 and self._is_state(sources[0]) and not self._is_state(target):
            says = "The state file's bytes, verified, and a copy of the ledger; `state restore` brings entries back."
            label = f"runbook, line {self.block.lines[0]}"
            return [SafeStep("action", "Keep a checkpoint", says, "state checkpoint", {"label": label})]
        if len(sources) == 1 and self._is_state_copy(sources[0]) and self._is_state(target):
            says = (
                "The entries as they were in a checkpoint; `opsconsole state checkpoints` lists them. An entry whose"
                " published copy has other bytes by now stays as it is."
            )
            which = Ask("checkpoint", "Which checkpoint", text="`opsconsole state checkpoints` lists them.")
            return [
                SafeStep(
                    "action", "Restore entries", says, "state restore", {"checkpoint": "{checkpoint}"}, asks=(which,)
                )
            ]
        backed = sources and all(self._below(path, self._backups) is not None for path in sources)
        if backed and any(self._below(target, zone) is not None for zone in (self._validated, self._transformed)):
            return [self._rollback()]
        return None

    def _rollback(self) -> SafeStep:
        says = (
            "What that run replaced comes back to where it lay, what it made is taken back, the state goes with it;"
            " files that changed since are left alone and named. Copied by hand, a backup puts old files where new"
            " ones are, and the state does not know."
        )
        which = Ask("run", "Which run is taken back", "run", optional=True, text="Left open: the newest that can be.")
        return SafeStep("action", "Roll back", says, "rollback", {"run": "{run}"}, partial=True, asks=(which,))

    # ── archive and logs ─────────────────────────────────────────────────────────────────────────────────────────

    def _mv(self, given: list[str], command: Command) -> list[SafeStep] | None:
        *sources, target = _operands(given) or [""]
        if (
            sources
            and all(self._below(path, self._raw) for path in sources)
            and self._below(target, self._archive) is not None
        ):
            return [
                self._archive_step(self._below(sources[0], self._raw) or "", self._below(target, self._archive) or "")
            ]
        if self._packed and all(".tar" in path or ".tgz" in path for path in sources):
            return _NOTHING
        return _NOTHING if self._trims() and all(path.startswith("$") for path in (*sources, target)) else None

    def _find(self, given: list[str], command: Command) -> list[SafeStep] | None:
        place = next(iter(_operands(given)), "")
        below = self._below(place, self._raw)
        name = next((given[at + 1] for at, word in enumerate(given[:-1]) if word in ("-name", "-iname", "-path")), "")
        if below is None or not name or class_of_command(command) is not Class.READS:
            return None
        return [self._archive_step("/".join(part for part in (below, "**", name) if part), "")]

    def _archive_step(self, pattern: str, label: str) -> SafeStep:
        year = re.search(r"(?<![0-9])((?:19|20)[0-9][0-9])(?![0-9])", pattern.rpartition("/")[2])
        given: dict[str, str | int | bool] = {"label": label or (year[1] if year else "{label}"), "reason": "{reason}"}
        if year:
            given |= {"since": f"{year[1]}-01-01", "before": f"{int(year[1]) + 1}-01-01"}
        else:
            given["match"] = pattern
        asks = () if label or year else (Ask("label", "Under which label of the archive"),)
        says = (
            "The plan lists each file, with the day it was taken for, before anything moves. Files keep the folders"
            " they lay in, nothing is flattened or overwritten; a manifest with checksums says what went, why and by"
            " whom, and all of it can come back."
        )
        return SafeStep("action", "Archive", says, "archive", given, partial=True, asks=(*asks, _REASON))

    def _mkdir(self, given: list[str], command: Command) -> list[SafeStep] | None:
        paths = _operands(given)
        return _NOTHING if paths and all(self._below(path, self._archive) is not None for path in paths) else None

    def _echo(self, given: list[str], command: Command) -> list[SafeStep] | None:
        targets = [each.target for each in command.redirects if each.operator in (">", ">>")]
        if not targets or any(self._below(path, self._archive) is None for path in targets):
            return None
        says = "The archive keeps its own list: files, checksums, why, who. What else somebody should know, note here."
        return [SafeStep("record", "Note it", says)]

    def _tar(self, given: list[str], command: Command) -> list[SafeStep] | None:
        paths = _operands(given)[1:]
        creates = any("c" in word for word in given[:1]) or "--create" in given
        if not creates or not any(self._below(path, self._logs) is not None for path in paths):
            return None
        self._packed = True
        return [self._pack()]

    def _pack(self) -> SafeStep:
        says = (
            "Closed segments alone, compressed, read back and only then removed; no log that a run writes is cut, and"
            " the state file stays where it is. The folder must be there."
        )
        to = Ask("to", "Into which folder", "folder", text="An existing folder, outside of the logs.")
        return SafeStep(
            "action", "Archive logs", says, "logs archive", {"to": "{to}", "keep": 0}, partial=True, asks=(to,)
        )

    def _trims(self) -> str:
        """How many lines stay, where the block cuts every log in a loop."""
        loop = re.search(rf"\bfor\s+\w+\s+in\s+\S*{re.escape(self._logs)}/", self.block.text)
        lines = re.search(r"\btail\s+(?:-n\s*|-)([0-9]+)\s+\"?\$", self.block.text)
        return lines[1] if loop and lines else ""

    def _tail(self, given: list[str], command: Command) -> list[SafeStep] | None:
        keep = self._trims()
        if not keep or not any(each.operator == ">" for each in command.redirects):
            return None
        says = (
            "The newest lines stay. Lines go from closed segments, and the running log is rotated by its writer:"
            " nothing is written into a file that has gone. There is no undo."
        )
        return [SafeStep("action", "Trim logs", says, "logs trim", {"keep_lines": int(keep)}, partial=True)]

    # ── others ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _chmod(self, given: list[str], command: Command) -> list[SafeStep] | None:
        recursive = any(re.fullmatch(r"-[a-zA-Z]*R[a-zA-Z]*|--recursive", word) for word in given)
        paths = [word for word in given if not word.startswith("-")][1:]
        ours = paths and all(any(self._below(path, folder) is not None for folder in self._folders) for path in paths)
        if not recursive or not ours:
            return None
        says = (
            "The plan names each file and folder with its modes before and after: owner and group can work, folders can"
            " be entered, the raw zone gets no write bit. A rollback puts the old modes back."
        )
        return [SafeStep("action", "Repair permissions", says, "permissions repair")]

    def _smart(self, given: list[str], command: Command) -> list[SafeStep] | None:
        says = "What SMART says of the devices that raw and validated zone really lie on, found by their mounts."
        checks = (("device", {"zone": "raw"}), ("device", {"zone": "validated"}))
        return [SafeStep("probe", "The disks of the zones", says, checks=checks)]


# A file's or folder's name without anything that a shell would take apart, or a placeholder.
_ONE_NAME = r"(?:[\w.@+-]|\[[\w .-]+\]|<[\w .-]+>|\$\w+|\$\{\w+\})*"
_REASON = Ask("reason", "Why", default="as the runbook says", text="Kept with the run.")


def _options(given: list[str]) -> dict[str, str]:
    """Long options with their values, spelled `--name value` or `--name=value`."""
    found: dict[str, str] = {}
    for at, word in enumerate(given):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            follows = given[at + 1] if at + 1 < len(given) and not given[at + 1].startswith("--") else ""
            found[name] = value if equals else follows
    return found


def _operands(given: list[str]) -> list[str]:
    return [word for word in given if not word.startswith("-")]
