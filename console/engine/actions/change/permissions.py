"""Permissions as a change: mode and group of one file or folder, put and taken back without following a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from console.engine.errors import EngineError
from console.engine.transfer.way import Way


def permissions_text(facts: os.stat_result) -> str:
    """`0640:62000`: mode and group, as a change and its outcome keep them."""
    return f"{stat.S_IMODE(facts.st_mode):04o}:{facts.st_gid}"


def parse_permissions(text: str) -> tuple[int, int]:
    """Mode and group of `permissions_text`. Raises ValueError."""
    mode, _, group = text.partition(":")
    return int(mode, 8), int(group)


def half_way(before: str, after: str) -> tuple[str, ...]:
    """What stands there when a crash came between group and mode: chown may take setuid and setgid away."""
    (mode, _), (_, group) = parse_permissions(before), parse_permissions(after)
    return f"{mode:04o}:{group}", f"{mode & ~(stat.S_ISUID | stat.S_ISGID):04o}:{group}"


class PermissionSetter:
    """Sets permissions below `root`. zone_of: the zone that a path lies in, whose own path may hold links."""

    def __init__(self, root: str, zone_of: Callable[[str], str]) -> None:
        self._root, self._zone_of = root, zone_of
        self._ways: dict[str, Way] = {}

    def read(self, path: str) -> str:
        """The permissions of what stands there. Raises OSError: nothing does, it is a link, or the way is closed."""
        with self._opened(path) as descriptor:
            return permissions_text(os.fstat(descriptor))

    def set(self, path: str, before: str, after: str) -> bool:
        """Give it the permissions `after`, if it has `before`; False, with nothing done, where it has others.

        Raises OSError.
        """
        with self._opened(path) as descriptor:
            if permissions_text(os.fstat(descriptor)) != before:
                return False
            (old_mode, old_group), (mode, group) = parse_permissions(before), parse_permissions(after)
            name = f"/proc/self/fd/{descriptor}"  # a descriptor that only names is no good for fchmod (open(2))
            if group != old_group:
                os.chown(name, -1, group)
            try:
                os.chmod(name, mode)  # second: chown takes setgid away
            except OSError:
                if group != old_group:
                    os.chown(name, -1, old_group)
                    os.chmod(name, old_mode)
                raise
            return True

    @contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        zone = self._zone_of(path)
        base = zone if zone.startswith("/") else f"{self._root}/{zone}" if zone else self._root
        way = self._ways.setdefault(zone, Way(base))
        folder, _, name = path[len(zone) + 1 if zone else 0 :].rpartition("/")
        try:
            parent = way.open(folder)
            descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        except EngineError as error:  # a link on the way
            raise OSError(0, error.what, path) from error
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from error
        try:
            if stat.S_ISLNK(os.fstat(descriptor).st_mode):
                raise OSError(0, "it is a link", path)
            yield descriptor
        finally:
            os.close(descriptor)

    def close(self) -> None:
        for way in self._ways.values():
            way.close()
