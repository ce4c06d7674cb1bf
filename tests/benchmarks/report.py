"""What a benchmark prints: figures, and targets beside them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    value: str
    target: str = ""
    good: bool | None = None  # None: no target, a figure for information

    def __str__(self) -> str:
        mark = {None: "", True: "OK", False: "over"}[self.good]
        return f"  {self.text:<58} {self.value:>26}  {self.target:<14} {mark}".rstrip()


@dataclass(slots=True)
class Report:
    """Prints as it goes; counts what is over its target."""

    over: int = 0
    skipped: list[str] = field(default_factory=list)

    def title(self, text: str) -> None:
        self._print(f"\n{text}")

    def figure(self, text: str, value: str) -> None:
        self._print(str(Line(text, value)))

    def target(self, text: str, value: str, measured: float, limit: float, unit: str = "") -> None:
        """One figure with its target: at most `limit`."""
        good = measured <= limit
        self.over += not good
        self._print(str(Line(text, value, f"<= {limit:g}{unit}", good)))

    def goal(self, text: str, value: str, measured: float, limit: float, unit: str = "") -> None:
        """A goal is shown like a target and not counted."""
        self._print(str(Line(text, value, f"goal {limit:g}{unit}", measured <= limit)))

    def skip(self, text: str) -> None:
        """Said aloud, here and again at the end."""
        self.skipped.append(text)
        self._print(f"  NOT MEASURED: {text}")

    def end(self) -> None:
        self._print("")
        for text in self.skipped:
            self._print(f"not measured: {text}")
        self._print(f"{self.over} over target" if self.over else "nothing over target")

    @staticmethod
    def _print(text: str) -> None:
        print(text)
        sys.stdout.flush()
