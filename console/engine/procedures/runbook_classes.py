"""What a shell command does to files: reads, writes, or deletes. Told by its words, never by running it; what is not
known counts as writes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from console.engine.procedures.runbook_commands import Command, commands_of
from console.engine.procedures.runbook_names import Class, names_of
from console.engine.procedures.runbook_programs import JUDGED, operands_of, opsconsole
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
    " uname arch whoami id groups who w users last lastlog uptime ps pgrep pstree top htop free vmstat"
    " iostat mpstat lsof lsblk blkid findmnt getent locale tty nproc lscpu lsmem lspci lsusb cal date printenv env"
    " netstat ss ping dig host nslookup getconf ldd nm which whereis type hash man info help whatis apropos locate"
    # of the shell itself
    " export unset set shift return exit break continue wait read local declare typeset readonly shopt ulimit"
    " umask jobs  getopts mapfile readarray builtin logout fg bg select"
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
_LONG_WITH_WORD = names_of(
    "--user --group --host --chdir --prompt --signal --kill-after --adjustment --unset --max-args --arg-file"
)
# Set before a command, these decide which program it is.
_STEERS = names_of(
    "PATH LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT BASH_ENV ENV PYTHONPATH PYTHONSTARTUP GIT_SSH_COMMAND PERL5OPT"
)
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
    if command.sets & _STEERS:
        worst = max(worst, Class.WRITES)
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
            if (len(option) == 2 and option[1] in takes) or option in _LONG_WITH_WORD:
                at += 1
        inner = rest[at + skip :]
        if not inner and program in ("env", "command", "exec"):
            return rest
        rest = inner
    return rest


def _words(words: Sequence[str], depth: int = 0) -> Class:
    if words[0] == "env" and any(word.startswith(("-S", "--split")) for word in words):
        return Class.WRITES
    rest = unwrapped(words)
    if not rest:
        return Class.READS  # `xargs` and `sudo -l` by themselves
    if rest[0] in ("command", "env", "exec"):
        return Class.READS
    if words[:1] == ["command"] and {"-v", "-V"} & set(words[1:2]):
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
    if name == "trap":
        return class_of(given[0], depth + 1) if len(given) > 1 and given[0] != "-" else Class.READS
    judged = JUDGED.get(name)
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
    return (
        bool(code) and bool(re.fullmatch(r"-[A-Za-z]*[ceEr]", before)) and not operands_of(words[offset + 1 : number])
    )


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
    operands = operands_of(given[1:])
    if given[0] == "json.tool":
        return Class.READS if len(operands) < 2 else Class.WRITES
    if given[0] == "pip":
        return Class.READS if operands[:1] in (["list"], ["show"], ["freeze"], ["check"]) else Class.WRITES
    if given[0] == "console":
        return opsconsole(given[1:])
    return Class.READS if given[0] in ("platform", "site", "sysconfig", "calendar") else Class.WRITES
