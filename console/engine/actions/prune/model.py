"""What a prune is asked to keep."""

from __future__ import annotations

from dataclasses import dataclass

from console.engine.actions.prune.retention import Policy, Span, parse_span
from console.engine.errors import UsageError
from console.engine.model import ActionParams


@dataclass(frozen=True, slots=True)
class PruneParams(ActionParams):
    """The policy, in restic's words; 0 and '' say nothing. keep_within: a duration as `14d` or `1y5m7d2h`."""

    keep_last: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_within: str = ""

    def policy(self) -> Policy:
        """Raises UsageError for an empty policy, which would keep nothing, and for what is no duration."""
        within = parse_span(self.keep_within) if self.keep_within else Span()
        policy = Policy(self.keep_last, self.keep_daily, self.keep_weekly, within)
        if policy.empty or min(self.keep_last, self.keep_daily, self.keep_weekly) < 0:
            raise UsageError(
                "a policy that keeps nothing prunes nothing here",
                untouched="every backup",
                next_step="say what to keep: --keep-last 10, --keep-daily 14, --keep-weekly 8 or --keep-within 30d",
            )
        return policy
