"""What counts as a reason, a note or another word of explanation that is kept: one rule for whoever asks for one."""

from __future__ import annotations

from console.engine.errors import UsageError

SHORTEST = 3  # letters: fewer are a slip of the keys and tell nobody anything
AT_LEAST = f"at least {SHORTEST} letters"


def says_why(text: str) -> bool:
    """Whether a text is long enough, blanks at its ends aside."""
    return len(text.strip()) >= SHORTEST


def check_reason(
    text: str, what: str, *, untouched: str = "everything", next_step: str = f"add --reason TEXT, {AT_LEAST}"
) -> str:
    """The text without blanks at its ends. what: the error where it says nothing.

    Raises UsageError, which says how long it has to be.
    """
    if not says_why(text):
        raise UsageError(f"{what}: {AT_LEAST}", untouched=untouched, next_step=next_step)
    return text.strip()
