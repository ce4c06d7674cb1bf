"""Who may do what with a folder or file, in names; ids that nobody has a name for stay numbers."""

from __future__ import annotations

import os
import stat


def user_name(uid: int) -> str:
    """`user ann`, or `user 1234`."""
    import pwd

    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


def group_name(gid: int) -> str:
    """`group pipeline`, or `group 1234`."""
    import grp

    try:
        return f"group {grp.getgrgid(gid).gr_name}"
    except KeyError:
        return f"group {gid}"


def refusing(path: str, need: int) -> tuple[str, int] | None:
    """The place that keeps this user from what `need` says (os.R_OK | os.W_OK | os.X_OK), with what it would have
    to allow; None where nothing does. A path that is not there yet has to be made in the nearest folder."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        above = os.path.dirname(path)
        return refusing(above, os.W_OK | os.X_OK) if above != path else None
    except PermissionError:
        return refusing(os.path.dirname(path), os.X_OK) or (path, need)
    except OSError:
        return path, need
    return None if os.access(path, need, effective_ids=True) else (path, need)


def who_can(path: str, need: int) -> str:
    """`user ann, or group pipeline, can`: by owner, group and mode of what stands there."""
    try:
        facts = os.stat(path)
    except OSError:
        return "only root can say who can"
    mode = stat.S_IMODE(facts.st_mode)
    able = []
    if mode >> 6 & need == need:
        able.append(user_name(facts.st_uid))
    if mode >> 3 & need == need:
        able.append(group_name(facts.st_gid))
    if len(able) == 2:
        return f"{able[0]}, or {able[1]}, can"
    if able:
        return f"{able[0]} can"
    return f"nobody but root can; {user_name(facts.st_uid)}, whose it is, can allow it"


def why_not(path: str, need: int) -> str:
    """One phrase for what keeps this user from it: the place and who can; '' where nothing does."""
    found = refusing(path, need)
    if found is None:
        return ""
    place, wanted = found
    if wanted & os.W_OK and os.statvfs(place).f_flag & os.ST_RDONLY:
        return f"Read-only file system: {place}"
    return f"Permission denied: {place}: {who_can(place, wanted)}"
