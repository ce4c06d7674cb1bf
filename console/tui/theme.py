"""Colours: two themes of our own where the terminal has 256 of them, the user's own 16 where it has not."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

DARK = Theme(
    name="ops-dark",
    primary="#7ab8f5",
    secondary="#8fb3c9",
    accent="#7ab8f5",
    warning="#e5b567",
    error="#f2777a",
    success="#8cc78a",
    foreground="#d5dbe3",
    background="#12161c",
    surface="#181d25",
    panel="#222a35",
    boost="#2c3644",
    dark=True,
    variables={
        "block-cursor-background": "#7ab8f5",
        "block-cursor-foreground": "#10141a",
        "border-blurred": "#3a4553",
        "text-muted": "#93a0b0",
        "text-disabled": "#6b7786",
        "text-primary": "#7ab8f5",
        "text-success": "#8cc78a",
        "text-warning": "#e5b567",
        "text-error": "#f2777a",
        "input-selection-background": "#35506b",
    },
)
LIGHT = Theme(
    name="ops-light",
    primary="#0a5fa8",
    secondary="#3f6277",
    accent="#0a5fa8",
    warning="#8a5a00",
    error="#b3261e",
    success="#1c6f34",
    foreground="#1f252c",
    background="#fcfcfa",
    surface="#f3f4f2",
    panel="#e4e8ec",
    boost="#d5dce3",
    dark=False,
    variables={
        "block-cursor-background": "#0a5fa8",
        "block-cursor-foreground": "#ffffff",
        "border-blurred": "#b4bec8",
        "text-muted": "#56626f",
        "text-disabled": "#7d8894",
        "text-primary": "#0a5fa8",
        "text-success": "#1c6f34",
        "text-warning": "#8a5a00",
        "text-error": "#b3261e",
        "input-selection-background": "#bcd6ef",
    },
)


def colours(environ: Mapping[str, str]) -> int:
    """How many colours the terminal says it has, as Rich decides it: 16, 256 or 1 << 24."""
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return 1 << 24
    term = environ.get("TERM", "").strip().lower()
    return 256 if "256color" in term or term.endswith(("-direct", "kitty")) else 16


def is_light(environ: Mapping[str, str]) -> bool:
    """Whether the terminal says that its background is light (COLORFGBG `foreground;background`; 7, 15)."""
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return background in ("7", "15")


def choose(environ: Mapping[str, str]) -> str:
    """The theme to start with: OPSCONSOLE_THEME (light, dark, ansi or a name), else by what the terminal can."""
    wanted = environ.get("OPSCONSOLE_THEME", "").strip().lower()
    light = is_light(environ) if wanted not in ("light", "dark") else wanted == "light"
    if environ.get("NO_COLOR") or wanted == "ansi" or (colours(environ) < 256 and not wanted.startswith("ops-")):
        return "ansi-light" if light else "ansi-dark"
    if wanted and wanted not in ("light", "dark"):
        return wanted
    return "ops-light" if light else "ops-dark"
