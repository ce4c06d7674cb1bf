"""The way from a zone down to a folder, opened folder by folder: no link is ever followed, and nobody can slip one in.

The folders on the way stay open, so that the next one, most often a neighbour, costs one call with one name.
"""

from __future__ import annotations

import os

from console.engine.errors import EngineError

# O_PATH: folders that may be passed through but not listed are enough to work below them (open(2)).
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Way:
    """Opens folders below `zone` (its own path may hold links; below it none is followed)."""

    def __init__(self, zone: str) -> None:
        self.zone = os.path.realpath(zone)
        self._names: list[str] = []
        self._open: list[int] = []  # of the zone, then of each name
        self.path = ""  # of the folder last opened, relative to the zone

    def open(self, relative: str) -> int:
        """A descriptor of zone/relative ('' is the zone), owned by this object, good for `dir_fd`.

        Raises OSError with the whole path, and EngineError for a link on the way.
        """
        if relative == self.path and self._open:
            return self._open[-1]
        names = relative.split("/") if relative else []
        same = self._common(names)
        self._cut(same)
        if not self._open:
            self._open.append(os.open(self.zone, _FOLDER))
        for name in names[same:]:
            try:
                self._open.append(self.step(self._open[-1], name))
            except OSError as error:
                self.path = "/".join(self._names)  # so far we came
                raise self._said(error, name) from error
            self._names.append(name)
        self.path = relative
        return self._open[-1]

    def _common(self, names: list[str]) -> int:
        """How many names of the way that is open `names` begins with."""
        if names[:-1] == self._names[:-1] and names[-1:] != self._names[-1:]:
            return max(0, len(self._names) - 1)  # a neighbour, as nearly always
        same = 0
        for ours, theirs in zip(self._names, names, strict=False):
            if ours != theirs:
                break
            same += 1
        return same

    def step(self, parent: int, name: str) -> int:
        """A descriptor of the folder `name` in `parent`. Raises OSError."""
        return os.open(name, _FOLDER, dir_fd=parent)

    def _said(self, error: OSError, name: str) -> Exception:
        path = "/".join([self.zone, *self._names, name])
        if os.path.islink(path):
            return EngineError(
                "a link lies on the way to this file; links below a zone are not followed",
                file=path,
                untouched="what the link points to",
                next_step="replace the link by a folder, or name the folder in the configuration as the zone",
            )
        return OSError(error.errno, error.strerror, path)

    def _cut(self, keep: int) -> None:
        """Close the way down to its first `keep` names."""
        for descriptor in self._open[keep + 1 :]:
            os.close(descriptor)
        del self._open[keep + 1 :], self._names[keep:]

    def close(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()
        self._names.clear()
        self.path = ""
