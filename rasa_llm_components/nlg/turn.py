"""One message of the conversation so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """What the customer or the bot said.

    Attributes:
        text: the message.
        by_customer: the customer's, not the bot's.
    """

    text: str
    by_customer: bool
