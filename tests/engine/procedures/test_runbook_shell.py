"""Shell blocks of a runbook: what they do to files, which values they need, and what they become with those."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.engine.procedures.fill import fill_shell
from console.engine.procedures.runbook import Block, looks_like_shell, make_block
from console.engine.procedures.runbook_classes import class_of
from console.engine.procedures.runbook_command import Runnable, runnable
from console.engine.procedures.runbook_python import class_of_python

READS = r"""
ls -la data; du -sh * | sort -h
tail -n 50 logs/x.log | grep -v INFO > /dev/null 2>&1
cat a | python -m json.tool
find . -name '*.json' -mtime +3
sudo smartctl -a /dev/sda
sudo -u ops ls
tar -tzf a.tgz
tar tf a.tar
sed -n 5p x
awk 'NR==2 {print $5}' x
echo "a > b"
grep '>' file
X=$(date +%s)
[ -f x ] && cat x
[[ -f x ]]
for f in a b; do wc -l "$f"; done
while read -r a; do echo "$a"; done < list
case $x in a) ls ;; *) pwd ;; esac
find . -type f -exec sha256sum {} +
git log --oneline
rsync -an a b
python -c "import json; print(json.load(open('x')))"
python3 scripts/validation/validate_funding.py --directory x
systemctl status pipeline
curl -s http://localhost/health
crontab -l
if grep -q x y; then echo yes; fi
# rm -rf data
timeout 5 ls
date
f() { ls; }; f
wc -l < x
echo $(( 1 > 0 ))
dd if=x of=/dev/null
opsconsole migrate --dry-run
xargs ls < list
command -v rm
trap - EXIT
date -d yesterday +%F
ip addr show
time ls
"""
WRITES = r"""
echo x > y
echo x >> y
cp a b
mv a b
mkdir -p a
touch a
chmod -R u+rw data
chown ops data
tar -czf a.tgz logs
tar xf a.tar
sed -i s/a/b/ x
sed -ni s/a/b/p x
sort -o x x
ls | tee list
python scripts/migration/migrate.py
python -c "open('x', 'w').write('y')"
python -c "import subprocess; subprocess.run(['ls'])"
somebodys-own-program --help-me
./monitor.sh
bash fix.sh
source env.sh
sudo systemctl restart x
ls &> all.txt
ls && cp a b
echo "$(touch x)"
echo `touch x`
cat <(touch x)
find . -exec chmod 600 {} \;
bash -c 'cp a b'
eval "cp a b"
ls "unclosed
awk '{ print > "out" }' x
git pull
curl -o x http://localhost/
env X=1 make
dd if=a of=b
: ${x:=$(touch y)}
opsconsole migrate --yes
crontab new
alias ls=rm
PATH=. ls
env -S "rm x"
tar -tf x --to-command=rm
sed -f script x
awk -f script x
python -m timeit x
hostname other
date 010112002026
ip link set eth0 down
opsconsole alerts ack 3
"""
DELETES = r"""
rm x
rm -rf data/_backups/[old_date]
ls; rm x
ls | xargs rm
find . -delete
find . -name x -exec rm {} +
sudo rm x
sudo -u ops -- rm x
\rm x
/bin/rm x
"rm" x
r''m x
echo $(rm x)
echo "`rm x`"
: > logs/x.log
> logs/x.log
cat /dev/null > logs/x.log
truncate -s 0 x
rmdir a
shred x
git clean -fd
git reset --hard
rsync -a --delete a b
tar -cf x --remove-files a
python -c "import os; os.remove('x')"
python -c "import shutil; shutil.rmtree('x'"
bash -c 'rm x'
sh -c "ls; rm x"
eval rm x
nohup nice -n 5 rm x &
if true; then rm x; fi
for f in *; do rm "$f"; done
case $x in a) rm x ;; esac
f() { rm x; }; f
(cd data && rm -rf x)
{ rm x; }
time rm x
! rm x
X=1 rm x
ls || rm x
timeout -k 5 10 rm x
crontab -r
mkfs.ext4 /dev/sdb1
env -i rm x
trap 'rm x' EXIT
sudo --user ops rm x
time -p rm x
nice -10 rm x
"""
DOCUMENTS = [
    ("cat <<E\nrm -rf /\nE", "reads"),
    ("cat <<E > x\ntext\nE", "writes"),
    ("cat <<E\n$(rm x)\nE", "deletes"),
    ("cat <<'E'\n$(rm x)\nE", "reads"),
    ("cat <<-E\n\ttext\n\tE\nrm y", "deletes"),
    ("bash <<E\nrm x\nE", "deletes"),
    ("python3 <<E\nprint(1)\nE", "reads"),
    ("cat <<E\nno end", "writes"),
    ("cat <<A <<B\na\nA\nb\nB\nrm x", "deletes"),
]


def _cases(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


@pytest.mark.parametrize("text", _cases(READS))
def test_what_only_reads(text: str) -> None:
    assert class_of(text).word == "reads"


@pytest.mark.parametrize("text", _cases(WRITES))
def test_what_writes_or_is_not_known(text: str) -> None:
    assert class_of(text).word == "writes"


@pytest.mark.parametrize("text", _cases(DELETES))
def test_what_deletes(text: str) -> None:
    assert class_of(text).word == "deletes"


@pytest.mark.parametrize(("text", "does"), DOCUMENTS)
def test_here_documents(text: str, does: str) -> None:
    assert class_of(text).word == does


@pytest.mark.parametrize(
    ("code", "does"),
    [
        ("print(open('x').read())", "reads"),
        ("print(open('x', 'rb').read())", "reads"),
        ("print(open('x', mode='a'))", "writes"),
        ("open('x', mode)", "writes"),
        ("from pathlib import Path; Path('x').write_text('y')", "writes"),
        ("from pathlib import Path; Path('x').unlink()", "deletes"),
        ("getattr(os, 'rem' + 'ove')('x')", "writes"),
        ("import requests", "writes"),
        ("exec('x')", "writes"),
        ("no python at all", "writes"),
        ("", "reads"),
    ],
)
def test_python(code: str, does: str) -> None:
    assert class_of_python(code).word == does


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("ls [source_name] <run> $VAR ${OTHER}", ["[source_name]", "<run>", "$VAR", "${OTHER}"]),
        ('ls \'[source_name]\' "<run>" "$VAR"', ["[source_name]", "<run>", "$VAR"]),
        ("ls [source name] <the run>", ["[source name]", "<the run>"]),
        ("rm -rf data/_backups/[old_date]/*", ["[old_date]"]),
        ("cat x | grep [filename]", ["[filename]"]),
        ("cat <<E\n[name] $WHO\nE", ["[name]", "$WHO"]),
        ("cat <<'E'\n[name] $WHO\nE", ["[name]"]),
        ("echo $(cat [file])", ["[file]"]),
        ("mv x-[DATE].log [YEAR]/", ["[DATE]", "[YEAR]"]),
        ("kill [pid]", ["[pid]"]),
        # what is set, filled in by the shell, or no name
        ("X=1; echo $X ${X}", []),
        ("for f in a b; do echo $f; done", []),
        ("read -r line; echo $line", []),
        ("export A=b; echo $A", []),
        ("echo $(date) $1 $? $$ $@ $# ${1}", []),
        ("echo ${x%.json} ${x:-y} ${#x} ${x[0]}", []),
        ("echo $HOME $USER $PWD ${PATH} $BASH_VERSION", []),
        ("[ -f x ] && [[ $(ls) ]]", []),
        ("[ x ]", []),
        ("ls [a-z]* [abc] [0-9][0-9] [!x] [[:space:]] *.[ch] [Yy] [YyNn] [aeiou]", []),
        ("grep '[ERROR]' x; grep -e \"[abcd] x\" y", []),
        ("sed 's/[data]//' x", []),
        ("find . -name '*[data].json'", []),
        (r"echo \[name\] \$NAME '$NAME'", []),
        ("awk '{print $NF, $5}' x", []),
        ("sort <in >out; cat <in>out; diff <(ls) <(pwd)", []),
        ("a[name]=5; echo ${a[name]}", []),
        ("python -c \"x['name'] = {}\"", []),
        ("# cat [name] <run> $VAR", []),
        ("grep -P '(?<name>x)' y", []),
    ],
)
def test_the_values_that_a_block_asks_for(text: str, asks: list[str]) -> None:
    assert make_block(1, 0, (1, 1), text).placeholders == asks


def _ran(block: Block, folder: Path, value: str) -> str:
    """What a block says when it is run with a value, by the shell that it is for."""
    spelled = {each: f"v{number}" for number, each in enumerate(block.placeholders)}
    made = runnable(block, spelled.__getitem__)
    assert made.command, made.why
    line = fill_shell(made.command, dict.fromkeys(spelled.values(), value))
    shell = "bash" if line.startswith("#!/bin/bash") else "sh"
    done = subprocess.run([shell, "-c", line], cwd=folder, capture_output=True, text=True, timeout=10, check=False)
    return done.stdout


SHAPES = [
    ("printf '%s|' [file]", "{}|"),
    ("printf '%s|' a[file]b", "a{}b|"),
    ("printf '%s|' \"[file]\"", "{}|"),
    ("printf '%s|' \"a [file] b\"", "a {} b|"),
    ("printf '%s|' 'a [file] b' '[file]'", "a {} b|{}|"),
    ("printf '%s|' $FILE \"${FILE}\"", "{}|{}|"),
    ("printf '%s|' <file>", "{}|"),
    ("printf '%s|' {[file]}", "{{{}}}|"),
    ("printf '%s|' \"$(printf %s [file])\"", "{}|"),
    ('printf \'%s|\' "$(printf %s "x[file]")"', "x{}|"),
    ("printf '%s|' \"$(printf %s '[file]y')\"", "{}y|"),
    ("cat <<E\n[file]\nE", "{}\n"),
    ("printf '%s|' [file]; echo $((1 + 1))", "{}|2\n"),
    ("printf '%s|' \"x$\" [file]", "x$|{}|"),
    ("printf '%s|' [file] {a,b}", "{}|a|b|"),
    ("x=(1 [file]); printf '%s|' \"${x[1]}\"", "{}|"),
]


@pytest.mark.parametrize(("text", "says"), SHAPES)
def test_whatever_the_value_is_the_shell_takes_it_for_one_word(text: str, says: str, tmp_path: Path) -> None:
    block = make_block(1, 0, (1, 1), text)
    for value in ("a b'c\"; echo no #", "$(echo no)`echo no`\\$HOME *"):
        assert _ran(block, tmp_path, value) == says.format(*[value] * says.count("{}"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("python -c \"print('[name]')\"", "a program"),
        ("bash -c 'ls [name]'", "a program"),
        ("ssh host ls [name]", "a program"),
        ("awk '/x/ {print \"<name>\"}' x", "a program"),
        ("python3 <<E\nprint('<name>')\nE", "a program"),
        ("find . -exec sh -c 'rm [name]' \\;", "a program"),
        ('eval "ls $DIR"', "a program"),
        ("echo $(( $X + 1 ))", "arithmetic"),
        ("cat <<'E'\n[name]\nE", "as it is"),
        ("echo `ls [name]`", "as it is"),
        ('ls "open', "left open"),
        ("vi [file]", "a terminal of its own"),
        ("ls \x1b[31m", "do not show"),
        ("ls \u202egpj.x", "do not show"),
        ("ls " + "x" * 2000, "too long"),
    ],
)
def test_what_is_not_run_from_here(text: str, why: str) -> None:
    made = runnable(make_block(1, 0, (1, 1), text), lambda spelled: "value")
    assert not made.command and why in made.why


def test_what_follows_without_end_and_what_must_stop() -> None:
    def made(text: str) -> Runnable:
        return runnable(make_block(1, 0, (1, 1), text), lambda spelled: "value")

    follows = made("tail -f x | grep y")
    assert (follows.command, follows.seconds) == ("tail x | grep y", 120) and "left out" in follows.says
    assert made("watch ls").seconds == 30
    assert made("tail -50f x").seconds == 30
    assert made("tar cf x logs\nrm -rf logs/*").command.startswith("set -e")
    assert made("grep x y").statuses == (0, 1) and made("grep x y | wc").statuses == (0,)


@pytest.mark.parametrize(
    ("text", "is_shell"),
    [
        ("df -h\ndu -sh data/*", True),
        ("$ anything at all", True),
        ("# note\nls", True),
        ("cp a b", True),
        ('{"a": 1}', False),
        ("Files: 10\nFailed: 2", False),
        ("data/\n  raw/", False),
        ("", False),
        ("SELECT 1;", False),
    ],
)
def test_a_block_without_a_language(text: str, is_shell: bool) -> None:
    assert looks_like_shell(text) is is_shell


def test_of_a_dialogue_only_what_was_typed_counts() -> None:
    text = "$ ls \\\n>   data\nraw  transformed\nme@host:~$ rm x\nremoved\n"
    block = make_block(1, 0, (1, 1), text, "console")
    assert block.text == "ls \\\n  data\nrm x" and block.does.word == "deletes"


_SIGNS = (
    "rm ls echo cat <<E E \n ; | & && ( ) { } [ ] [[ ]] < > >> $( ${ $(( )) ` ' \" \\ $x ${y} [name] <run> # case in"
    " esac for do done if then fi function $' = a=( * é \x00 \x1b"
)
_PIECES = st.sampled_from(_SIGNS.split(" "))
_TEXT = st.lists(_PIECES | st.text(max_size=4), max_size=25).map("".join) | st.lists(_PIECES, max_size=25).map(" ".join)


@given(_TEXT, st.text(st.characters(exclude_characters="\0"), max_size=12))
def test_no_text_is_too_strange_and_a_value_stands_there_quoted(text: str, value: str) -> None:
    block = make_block(1, 0, (1, 1), text.encode("utf-8", "replace").decode())
    names = {each: f"v{number}" for number, each in enumerate(block.placeholders)}
    made = runnable(block, names.__getitem__)
    if made.command and names:
        line = fill_shell(made.command, dict.fromkeys(names.values(), value))
        assert line.count(shlex.quote(value)) >= len(names)
