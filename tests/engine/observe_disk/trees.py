"""Folders to be counted, an independent count of them, and what du says."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from console.engine.context import Context, open_context
from console.engine.observe.disk_tree import FolderTree
from tests.support import make_workspace
from tests.widgets.hosting import HOSTILE


def grow(root: Path) -> None:
    """Everything that a scan may meet: names of all kinds, holes, links of both kinds, pipes, depth, emptiness."""
    for number, name in enumerate(name for name in HOSTILE if len(os.fsencode(name)) < 255):
        folder = root / "hostile" / name.replace("/", "_")
        folder.mkdir(parents=True)
        (folder / f"f{name.replace('/', '_')}").write_bytes(b"x" * (100 + 5000 * number))
    (root / "hostile" / ("n" * 255)).mkdir()
    sparse = root / "sparse"
    sparse.mkdir()
    with (sparse / "hole").open("wb") as file:
        file.truncate(1 << 30)
    (sparse / "empty").touch()
    os.mkfifo(sparse / "pipe")
    for place in ("links/one", "links/two/deep", "links/three", "elsewhere"):
        (root / place).mkdir(parents=True)
    big = root / "links/one/big"
    big.write_bytes(b"y" * 300_000)
    os.link(big, root / "links/two/deep/again")
    os.link(big, root / "links/one/and again")
    shared = root / "links/three/shared"
    shared.write_bytes(b"z" * 200_000)
    os.link(shared, root / "elsewhere/shared")
    (root / "links/three/to").symlink_to("../one/big")
    (root / "links/three/up").symlink_to("..", target_is_directory=True)
    (root / "links/three/nowhere").symlink_to("x" * 200)


def dig(root: Path, depth: int) -> None:
    """A path far longer than a path may be, with a file at its end."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d" * 100, dir_fd=here)
        there = os.open("d" * 100, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = there
    file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(file, b"q" * 70_000)
    os.close(file)
    os.close(here)


def workspace(tmp_path: Path, **zones: str) -> Context:
    return open_context(make_workspace(tmp_path / "ws", config={"zones": zones} if zones else {}))


def du(path: Path) -> int:
    """Bytes on disk of this folder alone, as du counts them."""
    done = subprocess.run(["du", "-s", "-x", "-B512", str(path)], capture_output=True, check=False)
    return int(done.stdout.split(b"\t")[0]) * 512


@dataclass
class Count:
    size: int = 0
    files: int = 0
    folders: int = 0
    frees: int = 0


def count(path: Path) -> Count:
    """As the tree should say of this folder: a file with several names once, and freed when all of them are here."""
    found = Count(os.lstat(path).st_blocks * 512, frees=os.lstat(path).st_blocks * 512)
    names: dict[tuple[int, int], int] = {}
    for folder, folders, files in os.walk(path):
        for name in [*folders, *files]:
            at = os.lstat(os.path.join(folder, name))
            if name in folders and not os.path.islink(os.path.join(folder, name)):
                found.folders += 1
                found.size += at.st_blocks * 512
                found.frees += at.st_blocks * 512
                continue
            found.files += 1
            key = (at.st_dev, at.st_ino)
            names[key] = names.get(key, 0) + 1
            found.size += at.st_blocks * 512 * (names[key] == 1)
            found.frees += at.st_blocks * 512 * (names[key] == at.st_nlink)
    return found


def said(tree: FolderTree, path: Path) -> Count:
    number = tree.find(str(path))
    assert number is not None, path
    row = tree.row(number)
    return Count(row.size, row.files, row.folders, row.frees)
