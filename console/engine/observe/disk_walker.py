"""The process that walks folders for a scan: `python -I -S disk_walker.py`, which imports next to nothing.

Two such processes count half a million files in the time that `du` needs; threads would wait for Python's lock.
Standard input brings a portion of folders, standard output takes back what was found in them and what is left to do;
each message is four bytes of length and one marshalled tuple. It ends when its input does.

In:  (seconds, tasks), a task being (path, device, names): `names` is None, or the part of a huge folder's entries
     that this process is to look at.
Out: (records, left, hungry). A record is (which, name, blocks, bytes, files, newest, problem, links): `which` is a
     folder, from 0 up a task of this portion by its number, below 0 a record of it (-1 the first). Where `name` is
     None the record is about that folder, otherwise about one inside it. blocks: of 512 bytes. newest: mtime in
     seconds. problem: errno, 0 for none. links: None or (device, inode, names, blocks, bytes) of every file that has
     more than one name: those are not in the sums. left: (which, name, device, names).
     hungry: this was the last message of the portion.
"""

import errno
import marshal
import os
import sys
import time
from itertools import islice

PIECE = 4096  # entries of one folder that are looked at in one go
REST = 32 * PIECE  # entries of one folder whose names are handed out at once: 10 MB
OTHER = -1  # in place of an errno: another file system begins here
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, BinaryIO

    Links = list[tuple[int, int, int, int, int]]
    Record = tuple[int, str | None, int, int, int, int, int, Links | None]
    Task = tuple[str, int, list[str] | None]
    Left = tuple[int, str | None, int, list[str] | None]
    Tell = Callable[[list[Record], list[Left], bool], None]


def open_folder(path: str) -> int:
    """A descriptor of the folder, whatever the length of its path; a link is not followed. Raises OSError."""
    try:
        return os.open(path, _FOLDER)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
    names = path.split("/")
    here = os.open("/", _FOLDER)
    try:
        for at in range(1, len(names), 8):  # no name is longer than 255 bytes
            there = os.open("/".join(names[at : at + 8]), _FOLDER, dir_fd=here)
            os.close(here)
            here = there
    except OSError:
        os.close(here)
        raise
    return here


class Walker:
    """Walks portions; `tell` takes what is found. enter: folders that are walked although they begin a file system."""

    def __init__(self, enter: "frozenset[str]", tell: "Tell") -> None:
        self._enter = enter
        self._tell = tell
        self._records: list[Record] = []
        self._told = 0  # records of this portion that were told already
        self._until = 0.0
        self._seconds = 0.0

    def portion(self, seconds: float, tasks: "list[Task]") -> None:
        """Walk from these folders down for about so many seconds; what is not reached is told as left."""
        self._records, self._told, self._seconds = [], 0, seconds
        self._until = time.monotonic() + seconds
        stack: list[tuple[int, str | None, str, int, list[str] | None]]
        stack = [(number, None, path, device, names) for number, (path, device, names) in enumerate(tasks)]
        while stack:
            parent, name, path, device, names = stack.pop()
            try:
                folder = open_folder(path)
            except OSError as error:
                self._closed(parent, name, path, error)
                continue
            try:
                me, inside, device = self._walk(folder, parent, name, path, device, names)
            finally:
                os.close(folder)
            start = path if path.endswith("/") else path + "/"
            stack += [(me, each, start + each, device, None) for each in inside]
            if time.monotonic() > self._until:
                break
        left = [(parent, name, device, names) for parent, name, _, device, names in stack]
        self._tell(self._records, left, True)

    def _closed(self, parent: int, name: "str | None", path: str, error: OSError) -> None:
        """A folder that cannot be opened: its own blocks count, as du counts them."""
        if error.errno in _GONE:
            return
        try:
            own = os.lstat(path).st_blocks
        except OSError:
            own = 0
        self._records.append((parent, name, own, 0, 0, 0, error.errno or errno.EIO, None))

    def _walk(
        self, folder: int, parent: int, name: "str | None", path: str, device: int, names: "list[str] | None"
    ) -> "tuple[int, list[str], int]":
        """One open folder: how its record is called, the folders inside, its device."""
        own = os.fstat(folder)
        me = parent if name is None else -1 - self._told - len(self._records)
        if own.st_dev != device:
            if path not in self._enter:
                self._records.append((parent, name, 0, 0, 0, 0, OTHER, None))
                return me, [], device
            device = own.st_dev
        if names is not None:
            self._some(folder, parent, device, names)
            return me, [], device
        inside: list[str] = []
        problem, blocks, size, files, newest = 0, own.st_blocks, 0, 0, 0
        links: Links = []
        try:
            with os.scandir(folder) as entries:
                while True:
                    seen = 0
                    for entry in islice(entries, PIECE):
                        seen += 1
                        if entry.is_dir(follow_symlinks=False):
                            inside.append(entry.name)
                            continue
                        try:
                            at = entry.stat(follow_symlinks=False)
                        except OSError as error:
                            if error.errno not in _GONE:
                                problem = error.errno or errno.EIO
                                files += 1
                            continue
                        files += 1
                        if at[3] > 1:  # links
                            links.append((device, at[1], at[3], at.st_blocks, at[6]))
                        else:
                            blocks += at.st_blocks
                            size += at[6]
                        if at[8] > newest:
                            newest = at[8]  # type: ignore[assignment]  # whole seconds
                    if seen < PIECE:
                        break
                    rest, more = _names(entries)
                    inside += more
                    self._records.append((parent, name, blocks, size, files, newest, problem, links))
                    parent, name, blocks, size, files, newest, links = me, None, 0, 0, 0, 0, []
                    shared = [rest[start : start + PIECE] for start in range(0, len(rest), PIECE)]
                    self._share([(me, None, device, piece) for piece in shared])
        except OSError as error:
            problem = error.errno or errno.EIO
        self._records.append((parent, name, blocks, size, files, newest, problem, links or None))
        return me, inside, device

    def _some(self, folder: int, parent: int, device: int, names: "Iterable[str]") -> None:
        """A part of a huge folder's files."""
        problem = blocks = size = files = newest = 0
        links: Links = []
        for each in names:
            try:
                at = os.stat(each, dir_fd=folder, follow_symlinks=False)
            except OSError as error:
                if error.errno not in _GONE:
                    problem = error.errno or errno.EIO
                    files += 1
                continue
            files += 1
            if at.st_nlink > 1:
                links.append((device, at.st_ino, at.st_nlink, at.st_blocks, at.st_size))
            else:
                blocks += at.st_blocks
                size += at.st_size
            newest = max(newest, int(at.st_mtime))
        self._records.append((parent, None, blocks, size, files, newest, problem, links or None))

    def _share(self, left: "list[Left]") -> None:
        """Tell what there is, with work for others, and go on."""
        records, self._records = self._records, []
        self._told += len(records)
        self._tell(records, left, False)


def _names(entries: "Iterable[os.DirEntry[str]]") -> "tuple[list[str], list[str]]":
    """The names of the next files of a huge folder, and of the folders among them."""
    files: list[str] = []
    folders: list[str] = []
    for entry in islice(entries, REST):
        (folders if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
    return files, folders


def read_message(stream: "BinaryIO") -> "tuple[Any, ...] | None":
    """The next message; None at the end. Raises EOFError for half of one."""
    head = stream.read(4)
    if not head:
        return None
    body = stream.read(int.from_bytes(head, "little"))
    found: tuple[Any, ...] = marshal.loads(body)
    return found


def write_message(stream: "BinaryIO", *message: object) -> None:
    body = marshal.dumps(message)  # type: ignore[arg-type]
    stream.write(len(body).to_bytes(4, "little") + body)
    stream.flush()


def main() -> None:
    """Walk what comes until nothing comes any more. The first message names the folders to enter, and niceness."""
    import gc

    gc.disable()  # tuples of numbers and text make no cycles
    source, target = sys.stdin.buffer, sys.stdout.buffer
    first = read_message(source)
    if first is None:
        return
    enter, nice = first
    os.nice(nice)
    walker = Walker(frozenset(enter), lambda *message: write_message(target, *message))
    try:
        while (portion := read_message(source)) is not None:
            walker.portion(*portion)
    except (BrokenPipeError, EOFError):
        os._exit(0)  # whoever asked is gone


if __name__ == "__main__":
    main()
