"""Programs of which options and first words tell whether they read, write or delete."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from console.engine.procedures.runbook_names import Class, names_of


def options_of(given: Sequence[str]) -> set[str]:
    """Long options without their values, and each letter of the short ones."""
    found: set[str] = set()
    for word in given:
        if word.startswith("--"):
            found.add(word.partition("=")[0])
        elif word.startswith("-"):
            found.update(word[1:])
    return found


def operands_of(given: Sequence[str]) -> list[str]:
    return [word for word in given if not word.startswith("-")]


def _tar(given: Sequence[str]) -> Class:
    options = options_of(given)
    if given and not given[0].startswith("-"):
        options |= set(given[0])  # `tar czf`, as it was written first
    if options & {"--delete", "--remove-files"}:
        return Class.DELETES
    if options & {"I", "--to-command", "--checkpoint-action", "--use-compress-program", "--info-script"}:
        return Class.WRITES
    reads = bool(options & {"t", "d", "--list", "--diff", "--compare"}) and not options & {
        "c",
        "x",
        "r",
        "u",
        "--create",
    }
    return Class.READS if reads or options & {"--help", "--version"} else Class.WRITES


def _rsync(given: Sequence[str]) -> Class:
    options = options_of(given)
    if options & {"n", "--dry-run", "--list-only"}:
        return Class.READS
    deletes = any(each.startswith("--del") or each == "--remove-source-files" for each in options)
    return Class.DELETES if deletes else Class.WRITES


def _sed(given: Sequence[str]) -> Class:
    if any(word.startswith(("-i", "--in-place")) or re.fullmatch(r"-[nEers]*i.*", word) for word in given):
        return Class.WRITES
    if {"-f", "--file"} & set(given) or any(word.startswith("--file=") for word in given):
        return Class.WRITES
    writes = any(re.search(r"(^|[;/}\d$=])\s*[wWe]\s+\S|/[gpI0-9]*[we]\b", word) for word in given[:2])
    return Class.WRITES if writes else Class.READS


def _awk(given: Sequence[str]) -> Class:
    program = " ".join(given)
    if re.search(r"(print|printf)\b[^}\n]*(>|\|)\s*\"|\bsystem\s*\(|\|\s*getline|-i\s*inplace|\bclose\s*\(", program):
        return Class.WRITES
    return Class.WRITES if {"-f", "--file", "-i"} & set(given) else Class.READS


def _git(given: Sequence[str]) -> Class:
    words = [word for word in given if not word.startswith("-")]
    first, options = (words[0] if words else ""), options_of(given)
    if first in ("clean", "rm", "gc", "prune") or (first == "reset" and "--hard" in options):
        return Class.DELETES
    if first in ("checkout", "restore") and ("." in words or "--" in given):
        return Class.DELETES
    if first in ("branch", "tag", "stash", "remote", "config", "worktree"):
        plain = len(words) == 1 and not options & {"d", "D", "--delete", "m", "f"} and first != "stash"
        return Class.READS if plain or words[1:2] in (["list"], ["show"]) else Class.WRITES
    reads = names_of("status log diff show blame grep ls-files ls-tree rev-parse describe shortlog cat-file fsck help")
    return Class.READS if first in reads or options & {"--version", "--help"} else Class.WRITES


def _curl(given: Sequence[str]) -> Class:
    options = options_of(given)
    writes = {
        "o",
        "O",
        "T",
        "d",
        "F",
        "X",
        "--output",
        "--remote-name",
        "--upload-file",
        "--data",
        "--form",
        "--request",
    }
    return Class.WRITES if options & writes or any(each.startswith("--data") for each in options) else Class.READS


def opsconsole(given: Sequence[str]) -> Class:
    words, options = operands_of(given), options_of(given)
    if options & {"--dry-run", "-h", "--help", "--version"} or not words:
        return Class.READS
    two = " ".join(words[:2])
    if two in ("backups prune", "logs trim"):
        return Class.DELETES
    if words == ["alerts"]:
        return Class.READS
    reading = names_of("validate explain disk check trends report keys completion")
    parts = names_of(
        "list show status tail errors usage export checkpoints reconcile verify diff impact report attach check"
    )
    if words[0] in reading or (len(words) > 1 and words[1] in parts):
        return Class.READS
    return Class.READS if words[0] == "doctor" and "--repair" not in options else Class.WRITES


def _by(
    reads: Sequence[str] = (), deletes: Sequence[str] = (), other: Class = Class.WRITES
) -> Callable[[Sequence[str]], Class]:
    """A rule by first words and options: those that read, those that delete, and what all others do."""

    def judged(given: Sequence[str]) -> Class:
        told = options_of(given) | set(operands_of(given)[:1])
        if told & set(deletes):
            return Class.DELETES
        return Class.READS if told & set(reads) and other is not Class.READS else other

    return judged


def _sort(given: Sequence[str]) -> Class:
    return Class.WRITES if options_of(given) & {"o", "--output"} else Class.READS


def _date(given: Sequence[str]) -> Class:
    shows = ("-d", "--date", "-r", "--reference", "-f", "--file")
    plain = [word for at, word in enumerate(given) if word[:1] not in "-+" and given[at - 1] not in shows]
    sets = bool(plain) or any(word in ("-s", "--set") or word.startswith("--set=") for word in given)
    return Class.WRITES if sets else Class.READS


def _mount(given: Sequence[str]) -> Class:
    return Class.READS if not operands_of(given) else Class.WRITES


def _smartctl(given: Sequence[str]) -> Class:
    return Class.WRITES if options_of(given) & {"t", "X", "s", "o", "S", "--test", "--set", "--abort"} else Class.READS


def _ip(given: Sequence[str]) -> Class:
    words = operands_of(given)
    return Class.READS if len(words) < 2 or words[1] in ("show", "list", "get") else Class.WRITES


def _plain_reads(given: Sequence[str]) -> Class:
    """Without a word it tells, with one it sets."""
    return Class.WRITES if operands_of(given) else Class.READS


def _zip(given: Sequence[str]) -> Class:
    options = options_of(given)
    return Class.DELETES if options & {"m", "d", "--move", "--delete"} else Class.WRITES


def _dd(given: Sequence[str]) -> Class:
    target = next((word[3:] for word in given if word.startswith("of=")), "")
    return Class.READS if target in ("", "/dev/null") else Class.DELETES if target.startswith("/dev/") else Class.WRITES


_REPORTS = (
    "status",
    "show",
    "cat",
    "list-units",
    "list-timers",
    "list-unit-files",
    "is-active",
    "is-enabled",
    "is-failed",
)
JUDGED: dict[str, Callable[[Sequence[str]], Class]] = {
    "tar": _tar,
    "rsync": _rsync,
    "sed": _sed,
    "awk": _awk,
    "gawk": _awk,
    "mawk": _awk,
    "git": _git,
    "curl": _curl,
    "opsconsole": opsconsole,
    "sort": _sort,
    "date": _date,
    "mount": _mount,
    "smartctl": _smartctl,
    "zip": _zip,
    "dd": _dd,
    "wget": _by(reads=("--spider",)),
    "crontab": _by(reads=("l",), deletes=("r",)),
    "unzip": _by(reads=("l", "t", "v", "z", "Z")),
    "gzip": _by(reads=("l", "t", "c")),
    "gunzip": _by(reads=("l", "t", "c")),
    "bzip2": _by(reads=("t", "c")),
    "xz": _by(reads=("l", "t", "c")),
    "zstd": _by(reads=("l", "t", "c")),
    "systemctl": _by(reads=_REPORTS),
    "service": _by(reads=("--status-all",)),
    "journalctl": _by(deletes=("--vacuum-size", "--vacuum-time", "--vacuum-files"), other=Class.READS),
    "dmesg": _by(deletes=("C", "c", "--clear", "--read-clear"), other=Class.READS),
    "docker": _by(
        reads=("ps", "logs", "images", "inspect", "stats", "top", "version", "info", "port", "diff"),
        deletes=("rm", "rmi", "prune"),
    ),
    "podman": _by(reads=("ps", "logs", "images", "inspect", "stats", "top", "version", "info"), deletes=("rm", "rmi")),
    "kubectl": _by(reads=("get", "describe", "logs", "top", "version", "explain"), deletes=("delete",)),
    "ip": _ip,
    "hostname": _plain_reads,
    "chattr": _by(),
}
