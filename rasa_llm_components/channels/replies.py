"""From what Rasa says and stores to what the page shows: plain data, never HTML."""

from __future__ import annotations

import logging
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from rasa.shared.core.events import BotUttered, Event, UserUttered

logger = logging.getLogger(__name__)

Reply = dict[str, Any]
"""What the page shows as one bubble. `id` and, where there is one: `text`, `buttons` [{title, payload | url}],
`image` (URL), `links` and `sources` [{title, link}], `cards` [{title, subtitle, image, buttons}]."""

_SCHEMES = {"http", "https", "mailto"}


def clean_text(text: str) -> str:
    """What of a customer's text is kept: everything but control characters and halves of characters.

    Args:
        text: as the browser sent it.

    Returns:
        The text without C0 and C1 control characters (line breaks and tabs stay) and lone surrogates, which
        databases and encodings refuse, and without white space around it.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (
        character for character in text if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs")
    )
    return "".join(kept).strip()


def safe_link(url: object) -> str | None:
    """A link that may be clicked.

    Args:
        url: whatever a response or an action gave.

    Returns:
        The link if it is an absolute http, https or mailto one, else None: no `javascript:`, no `data:`.
    """
    if not isinstance(url, str):
        return None
    url = clean_text(url)
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme.lower() in _SCHEMES and (parts.netloc or parts.scheme.lower() == "mailto") else None


def reply_from_message(message: Mapping[str, Any]) -> Reply | None:
    """Turn a message of Rasa's into one bubble.

    Args:
        message: as `BotUttered.message()` gives it and `OutputChannel.send_response` gets it.

    Returns:
        The reply, or None when nothing in the message can be shown. Its id is the time stamp of Rasa's event, hence
        the same when it is sent at once and when it is read from the tracker store later.
    """
    given = message.get("custom")
    custom: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    image = safe_link(message.get("image"))
    parts: Reply = {
        "text": _text(message.get("text") or custom.get("text")),
        "buttons": _buttons(_list(message.get("buttons")) + _list(message.get("quick_replies"))),
        "image": image,
        "links": _attachment(message.get("attachment"), image),
        "sources": _sources(custom.get("sources")),
        "cards": [card for card in map(_card, _list(message.get("elements"))) if card],
    }
    shown = {key: value for key, value in parts.items() if value}
    if not shown:
        logger.debug(f"Web chat: nothing to show in a message with {sorted(k for k, v in message.items() if v)}.")
        return None
    timestamp = message.get("timestamp")
    return {"id": f"r{timestamp}" if timestamp else f"p{secrets.token_hex(8)}", **shown}


def items_from_events(events: Iterable[Event]) -> list[dict[str, Any]]:
    """The conversation as the page shows it.

    Args:
        events: of the tracker, all sessions.

    Returns:
        One item per bubble, oldest first: `{"role": "user", "id": message id, "text": …}` and
        `{"role": "bot", **Reply}`. What a program triggered in the customer's name is left out.
    """
    items: list[dict[str, Any]] = []
    for event in events:
        if isinstance(event, UserUttered) and not (event.text or "").startswith("EXTERNAL: "):
            shown = (event.metadata or {}).get("shown") or event.text
            items.append({"role": "user", "id": event.message_id, "text": shown or ""})
        elif isinstance(event, BotUttered) and (reply := reply_from_message(event.message())):
            items.append({"role": "bot", **reply})
    return items


def replies_to(message_id: str, items: list[dict[str, Any]]) -> list[Reply] | None:
    """What the bot answered to one message, from a stored conversation.

    Args:
        message_id: the message's.
        items: as `items_from_events` gives them.

    Returns:
        The replies between that message and the customer's next one, or None if the message isn't there.
    """
    starts = [i for i, item in enumerate(items) if item["role"] == "user" and item["id"] == message_id]
    if not starts:
        return None
    replies = []
    for item in items[starts[0] + 1 :]:
        if item["role"] == "user":
            break
        replies.append({key: value for key, value in item.items() if key != "role"})
    return replies


def payloads(reply: Mapping[str, Any]) -> set[str]:
    """What clicking a reply's buttons would send."""
    buttons = list(reply.get("buttons", [])) + [b for card in reply.get("cards", []) for b in card.get("buttons", [])]
    return {button["payload"] for button in buttons if "payload" in button}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _text(value: object) -> str:
    return clean_text(value) if isinstance(value, str) else ""


def _buttons(buttons: list[Any]) -> list[dict[str, str]]:
    return [made for made in map(_button, buttons) if made]


def _button(button: object) -> dict[str, str] | None:
    if not isinstance(button, Mapping) or not _text(button.get("title")):
        return None
    title = _text(button["title"])
    if button.get("type") == "web_url" or button.get("url"):
        url = safe_link(button.get("url"))
        return {"title": title, "url": url} if url else None
    return {"title": title, "payload": _text(button.get("payload")) or title}


def _sources(sources: object) -> list[dict[str, str]]:
    made = []
    for source in _list(sources):
        link = safe_link(source.get("link")) if isinstance(source, Mapping) else None
        title = (_text(source.get("title")) if isinstance(source, Mapping) else "") or link
        if title:
            made.append({"title": title, **({"link": link} if link else {})})
    return made


def _attachment(attachment: object, image: str | None) -> list[dict[str, str]]:
    if isinstance(attachment, Mapping):  # {"type": "file", "payload": {"src": URL, "title": ...}}
        payload = attachment.get("payload")
        title = _text(payload.get("title")) if isinstance(payload, Mapping) else ""
        link = safe_link(payload.get("src") or payload.get("url")) if isinstance(payload, Mapping) else None
    else:
        title, link = "", safe_link(attachment)
    if not link or link == image:
        return []
    return [{"title": title or urlsplit(link).path.rpartition("/")[2] or link, "link": link}]


def _card(element: object) -> dict[str, Any] | None:
    if not isinstance(element, Mapping):
        return None
    card = {
        "title": _text(element.get("title")),
        "subtitle": _text(element.get("subtitle")),
        "image": safe_link(element.get("image_url")),
        "buttons": _buttons(_list(element.get("buttons"))),
    }
    return {key: value for key, value in card.items() if value} or None
