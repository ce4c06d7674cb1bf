"""What a shell command does to files: reads, writes, or deletes. Told by its words, never by running it; what is not
known counts as writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from console.engine.procedures.runbook_commands import Command, commands_of
from console.engine.procedures.runbook_names import Class, names_of
from console.engine.procedures.runbook_python import class_of_python
from console.engine.procedures.runbook_shell import take_apart

_READS = names_of(
    # files
    "ls dir vdir cat head tail grep egrep fgrep rgrep zgrep rg ag wc uniq cut tr df du stat file nl tac rev paste"
    " join od xxd hexdump strings more less most zcat bzcat xzcat zless zmore diff cmp comm sdiff colordiff jq"
    " column fold fmt expand unexpand md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum b3sum cksum sum"
    " basename dirname realpath readlink getfacl lsattr namei tree pwd cd pushd popd dirs look tsort shuf"
    # words and numbers
    " echo printf true false test [ [[ (( : expr seq sleep bc dc factor let"
    # who, what, where
    " hostname uname arch whoami id groups who w users last lastlog uptime ps pgrep pstree top htop free vmstat"
    " iostat mpstat lsof lsblk blkid findmnt getent locale tty nproc lscpu lsmem lspci lsusb cal date printenv env"
    " netstat ss ping dig host nslookup getconf ldd nm which whereis type hash man info help whatis apropos locate"
    # of the shell itself
    " export unset set shift return exit break continue wait read local declare typeset readonly shopt ulimit"
    " umask jobs history alias unalias trap getopts mapfile readarray builtin logout fg bg select"
)
_DELETES = names_of(
    "rm rmdir unlink shred srm wipe wipefs truncate blkdiscard mkswap userdel groupdel lvremove vgremove pvremove"
    " dropdb deluser fdisk sfdisk parted"
)
# Programs that run another one: which of their options take a word, and how many words come before it.
_WRAPPERS: dict[str, tuple[frozenset[str], int]] = {
    "sudo": (frozenset("ugUhpCrtDRT"), 0),
    "doas": (frozenset("uC"), 0),
    "nohup": (frozenset(), 0),
    "time": (frozenset("fo"), 0),
    "nice": (frozenset("n"), 0),
    "ionice": (frozenset("cnp"), 0),
    "chrt": (frozenset("TPD"), 1),
    "timeout": (frozenset("sk"), 1),
    "stdbuf": (frozenset("ioe"), 0),
    "setsid": (frozenset(), 0),
    "env": (frozenset("uCS"), 0),
    "command": (frozenset(), 0),
    "exec": (frozenset("a"), 0),
    "xargs": (frozenset("aEILnPsd"), 0),
    "watch": (frozenset("nq"), 0),
    "unbuffer": (frozenset(), 0),
    "flock": (frozenset("wE"), 1),
}
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash"})
_PYTHONS = re.compile(r"python[0-9.]*|pypy[0-9]*")
_NOWHERE = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"})
_DEEPEST = 8


def class_of(text: str, _depth: int = 0) -> Class:
    """The worst of what the commands of a shell text do."""
    taken = take_apart(text)
    commands = commands_of(taken)
    functions = {name[:-2] for command in commands for name in command.sets if name.endswith("()")}
    worst = Class.WRITES if taken.odd else Class.READS
    for command in commands:
        worst = max(worst, class_of_command(command, functions, _depth))
    return worst


def class_of_command(command: Command, functions: set[str] | frozenset[str] = frozenset(), _depth: int = 0) -> Class:
    """What one simple command does, its redirects counted. functions: names that the text gives itself."""
    words = command.texts
    worst = Class.READS if not words or words[0] in functions else _words(words, _depth)
    for redirect in command.redirects:
        target = redirect.target
        if redirect.operator in ("<", "<<", "<<-", "<<<"):
            if redirect.body and (code := _class_of_input(words, redirect.body, _depth)) is not None:
                worst = max(code if all(word.startswith("-") for word in words[1:]) else worst, code)
            continue
        if redirect.operator in (">&", "<&") and (target.isdigit() or target in ("-", "")):
            continue
        if target in _NOWHERE:
            continue
        empties = redirect.operator in (">", ">|", "&>") and (not words or words[0] in (":", "true"))
        if words[:2] == ["cat", "/dev/null"]:
            empties = redirect.operator != ">>"
        worst = max(worst, Class.DELETES if empties else Class.WRITES)
    return worst


def _class_of_input(words: Sequence[str], body: str, depth: int) -> Class | None:
    """Of a here-document that is a program."""
    program = words[0].rpartition("/")[2] if words else ""
    if program in _SHELLS:
        return class_of(body, depth + 1) if depth < _DEEPEST else Class.WRITES
    return class_of_python(body) if _PYTHONS.fullmatch(program) else None


def unwrapped(words: Sequence[str]) -> list[str]:
    """A command without `sudo`, `timeout 5` and their like before it."""
    rest = list(words)
    while rest and (known := _WRAPPERS.get(rest[0].rpartition("/")[2])) is not None:
        program, takes, skip = rest[0], known[0], known[1]
        at = 1
        while at < len(rest) and (rest[at].startswith("-") or (program.endswith("env") and "=" in rest[at])):
            option = rest[at]
            at += 1
            if option == "--":
                break
            if len(option) == 2 and option[1] in takes:
                at += 1
        inner = rest[at + skip :]
        if not inner and program in ("env", "command", "exec"):
            return rest
        rest = inner
    return rest


def _words(words: Sequence[str], depth: int = 0) -> Class:
    rest = unwrapped(words)
    if not rest:
        return Class.READS  # `xargs` and `sudo -l` by themselves
    if rest[0] in ("command", "env", "exec"):
        return Class.READS
    if depth >= _DEEPEST:
        return Class.WRITES
    name, given = rest[0].rpartition("/")[2], rest[1:]
    if rest[0].startswith(("./", "../", "~")):
        return Class.WRITES
    if name in _DELETES or name.startswith("mkfs"):
        return Class.DELETES
    if name in _SHELLS:
        return _shell(given, depth)
    if _PYTHONS.fullmatch(name):
        return _python(given)
    if name == "find":
        return _find(given, depth)
    if name in ("watch", "eval"):
        return class_of(" ".join(given), depth + 1)
    judged = _JUDGED.get(name)
    if judged is not None:
        return judged(given)
    return Class.READS if name in _READS else Class.WRITES


def _shell(given: Sequence[str], depth: int) -> Class:
    for at, word in enumerate(given):
        if word.startswith("-") and not word.startswith("--") and "c" in word[1:]:
            return class_of(given[at + 1], depth + 1) if at + 1 < len(given) else Class.WRITES
        if not word.startswith("-"):
            break
    return Class.READS if given in (["--version"], ["-n"]) else Class.WRITES


def _find(given: Sequence[str], depth: int) -> Class:
    worst = Class.READS
    for at, word in enumerate(given):
        if word == "-delete":
            return Class.DELETES
        if word.startswith(("-fprint", "-fls")):
            worst = max(worst, Class.WRITES)
        if word in ("-exec", "-execdir", "-ok", "-okdir"):
            inner = list(given[at + 1 :])
            ends = [number for number, each in enumerate(inner) if each in (";", "+")]
            worst = max(worst, _words(inner[: ends[0]] if ends else inner, depth + 1))
    return worst


# ── programs whose options tell ──────────────────────────────────────────────────────────────────────────────────


def _options(given: Sequence[str]) -> set[str]:
    """Long options without their values, and each letter of the short ones."""
    found: set[str] = set()
    for word in given:
        if word.startswith("--"):
            found.add(word.partition("=")[0])
        elif word.startswith("-"):
            found.update(word[1:])
    return found


def _operands(given: Sequence[str]) -> list[str]:
    return [word for word in given if not word.startswith("-")]


def _tar(given: Sequence[str]) -> Class:
    options = _options(given)
    if given and not given[0].startswith("-"):
        options |= set(given[0])  # `tar czf`, as it was written first
    if options & {"--delete", "--remove-files"}:
        return Class.DELETES
    reads = bool(options & {"t", "d", "--list", "--diff", "--compare"}) and not options & {
        "c",
        "x",
        "r",
        "u",
        "--create",
    }
    return Class.READS if reads or options & {"--help", "--version"} else Class.WRITES


def _rsync(given: Sequence[str]) -> Class:
    options = _options(given)
    if options & {"n", "--dry-run", "--list-only"}:
        return Class.READS
    deletes = any(each.startswith("--del") or each == "--remove-source-files" for each in options)
    return Class.DELETES if deletes else Class.WRITES


def _sed(given: Sequence[str]) -> Class:
    if any(word.startswith(("-i", "--in-place")) or re.fullmatch(r"-[nEers]*i.*", word) for word in given):
        return Class.WRITES
    writes = any(re.search(r"(^|[;/}\d$])\s*[wWe]\s+\S|/[gpI0-9]*[we]\b", word) for word in given[:2])
    return Class.WRITES if writes else Class.READS


def _awk(given: Sequence[str]) -> Class:
    program = " ".join(given)
    if re.search(r"(print|printf)\b[^}\n]*(>|\|)\s*\"|\bsystem\s*\(|\|\s*getline|-i\s*inplace|\bclose\s*\(", program):
        return Class.WRITES
    return Class.WRITES if {"f", "--file"} & _options(given[:1]) else Class.READS


def _git(given: Sequence[str]) -> Class:
    words = [word for word in given if not word.startswith("-")]
    first, options = (words[0] if words else ""), _options(given)
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
    options = _options(given)
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


def _opsconsole(given: Sequence[str]) -> Class:
    words, options = _operands(given), _options(given)
    if options & {"--dry-run", "-h", "--help", "--version"} or not words:
        return Class.READS
    two = " ".join(words[:2])
    if two in ("backups prune", "logs trim"):
        return Class.DELETES
    reading = names_of("validate explain disk check trends report keys completion alerts")
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
        told = _options(given) | set(_operands(given)[:1])
        if told & set(deletes):
            return Class.DELETES
        return Class.READS if told & set(reads) and other is not Class.READS else other

    return judged


def _sort(given: Sequence[str]) -> Class:
    return Class.WRITES if _options(given) & {"o", "--output"} else Class.READS


def _date(given: Sequence[str]) -> Class:
    sets = any(word in ("-s", "--set") or word.startswith("--set=") for word in given)
    return Class.WRITES if sets else Class.READS


def _mount(given: Sequence[str]) -> Class:
    return Class.READS if not _operands(given) else Class.WRITES


def _smartctl(given: Sequence[str]) -> Class:
    return Class.WRITES if _options(given) & {"t", "X", "s", "o", "S", "--test", "--set", "--abort"} else Class.READS


def _zip(given: Sequence[str]) -> Class:
    options = _options(given)
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
_JUDGED: dict[str, Callable[[Sequence[str]], Class]] = {
    "tar": _tar,
    "rsync": _rsync,
    "sed": _sed,
    "awk": _awk,
    "gawk": _awk,
    "mawk": _awk,
    "git": _git,
    "curl": _curl,
    "opsconsole": _opsconsole,
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
    "ip": _by(reads=("addr", "a", "link", "route", "neigh", "-V")),
    "chattr": _by(),
}


# ── words that are programs themselves ───────────────────────────────────────────────────────────────────────────────

_FIRST_IS_CODE = frozenset({"awk", "gawk", "mawk", "sed", "jq", "yq"})
_ALL_IS_CODE = names_of("eval ssh watch su trap psql mysql sqlite3 parallel expect")


def is_program(command: Command, number: int) -> bool:
    """Whether the word of that number is read as a program by what it is given to: a value in it would be code."""
    words = command.texts
    offset = len(words) - len(unwrapped(words))
    if number <= offset:
        return "watch" in words[:offset] and number > 0
    if "watch" in words[:offset]:
        return True
    name, before = words[offset].rpartition("/")[2], words[number - 1]
    if name in _ALL_IS_CODE:
        return True
    if name in _FIRST_IS_CODE:
        operands = [at for at in range(offset + 1, len(words)) if not words[at].startswith("-")]
        return number in operands[:1] or before in ("-e", "--expression")
    if name in ("find", "xargs"):
        inner = [at for at, word in enumerate(words[:number]) if word in ("-c", "-e") and at > offset + 1]
        return number - 1 in inner
    code = name in _SHELLS or _PYTHONS.fullmatch(name) or name in ("perl", "ruby", "node", "php", "lua", "Rscript")
    return bool(code) and bool(re.fullmatch(r"-[A-Za-z]*[ceEr]", before)) and not _operands(words[offset + 1 : number])


def takes_expression(command: Command) -> bool:
    """Whether its program is one of patterns and expressions, as sed's and awk's are."""
    words = unwrapped(command.texts)
    return bool(words) and words[0].rpartition("/")[2] in _FIRST_IS_CODE


def reads_program(command: Command) -> bool:
    """Whether a here-document that it is given is a program."""
    words = unwrapped(command.texts)
    name = words[0].rpartition("/")[2] if words else ""
    other = name in _ALL_IS_CODE or name in ("perl", "ruby", "node", "php", "bc", "ed", "ex", "awk")
    return name in _SHELLS or bool(_PYTHONS.fullmatch(name)) or other


def _python(given: Sequence[str]) -> Class:
    if not given:
        return Class.WRITES
    for at, word in enumerate(given):
        if word == "-c":
            return class_of_python(given[at + 1]) if at + 1 < len(given) else Class.WRITES
        if word == "-m":
            return _module(given[at + 1 :])
        if word in ("--version", "-V", "-h", "--help"):
            return Class.READS
        if not word.startswith("-"):
            return Class.READS if word.rpartition("/")[2] == "validate_funding.py" else Class.WRITES
    return Class.WRITES


def _module(given: Sequence[str]) -> Class:
    if not given:
        return Class.WRITES
    operands = _operands(given[1:])
    if given[0] == "json.tool":
        return Class.READS if len(operands) < 2 else Class.WRITES
    if given[0] == "pip":
        return Class.READS if operands[:1] in (["list"], ["show"], ["freeze"], ["check"]) else Class.WRITES
    if given[0] == "console":
        return _opsconsole(given[1:])
    return Class.READS if given[0] in ("platform", "site", "sysconfig", "calendar", "timeit") else Class.WRITES
