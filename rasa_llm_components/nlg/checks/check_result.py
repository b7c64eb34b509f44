"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check.

    Attributes:
        name: the check's name.
        reason: what is wrong, for the log; empty when the check is passed.
    """

    name: str
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether the text may be sent as far as this check is concerned."""
        return not self.reason
