"""What an examination of the workspace says."""

from __future__ import annotations

from dataclasses import dataclass

from console.engine.model import Check


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. check: pass, warn, fail or unknown. text: one sentence. file: the file
    concerned.

    next_step: what helps. repair: what `repair` would do about it, in words; '' where it can do nothing.
    target: what that would be done to, absolute.
    """

    check: Check
    text: str
    file: str = ""
    next_step: str = ""
    repair: str = ""
    target: str = ""
