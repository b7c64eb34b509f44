"""What a tracker knows of the conversation, as the rooms below Rasa take it."""

from __future__ import annotations

from typing import Any

from rasa.shared.core.events import BotUttered, Restarted, SessionStarted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from rasa_llm_components.nlg.turn import Turn

_TURNS = 8


def question_of(tracker: DialogueStateTracker, metadata: dict[str, Any]) -> str:
    """The customer's last message in words.

    A button's payload (`/ask_delivery`) and an external event are none: then the response's own
    `metadata: {question: …}`, or nothing.
    """
    text = (tracker.latest_message.text or "").strip() if tracker.latest_message else ""
    if text and not text.startswith(("/", "EXTERNAL: ")):
        return text
    return str(metadata.get("question") or "").strip()


def history_of(tracker: DialogueStateTracker) -> list[Turn]:
    """The last messages before the customer's last one, the oldest first; none from before a restart."""
    turns: list[Turn] = []
    last_message_seen = False
    for event in reversed(tracker.events):
        if isinstance(event, (Restarted, SessionStarted)) or len(turns) == _TURNS:
            break
        text = getattr(event, "text", None)
        if isinstance(event, UserUttered) and not last_message_seen:
            last_message_seen = True
        elif last_message_seen and isinstance(event, (UserUttered, BotUttered)) and text and not text.startswith("/"):
            turns.append(Turn(text, by_customer=isinstance(event, UserUttered)))
    return turns[::-1]
