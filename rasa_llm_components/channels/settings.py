"""The web chat's keys in credentials.yml."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.settings import check_smallest, checked_keys

COMPONENT = "WebChat (credentials.yml)"
LANGUAGES = ("en", "zh")
_SMALLEST = {
    **dict.fromkeys(("keep_days", "max_message_length", "reply_timeout"), 1),
    **dict.fromkeys(("messages_per_minute", "messages_per_minute_per_address"), 0),
    **dict.fromkeys(("conversations_per_minute_per_address", "trusted_proxies"), 0),
}
LocalText = str | dict[str, str]
"""A text for everybody, or one per language: {"en": …, "zh": …}."""


@dataclass(frozen=True)
class WebChatSettings:
    """Every key with its default; units and meaning are in docs/components/web-chat.md."""

    title: LocalText = field(default_factory=lambda: {"en": "Assistant", "zh": "助手"})
    subtitle: LocalText = ""
    welcome: LocalText = ""
    suggestions: Any = ()
    accent: str = "#2f5bd0"
    language: str = "auto"
    path: str = "/chat"
    secret: str | None = None
    keep_days: int = 30
    same_site: str = "strict"
    frame_ancestors: Any = ("'self'",)
    image_hosts: Any = ()
    max_message_length: int = 2000
    messages_per_minute: int = 30
    messages_per_minute_per_address: int = 300
    conversations_per_minute_per_address: int = 60
    trusted_proxies: int = 0
    reply_timeout: float = 60.0

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> WebChatSettings:
        """Read and check the keys.

        Args:
            credentials: what stands under the channel's name in credentials.yml; None if nothing does.

        Returns:
            The settings.

        Raises:
            ConfigurationError: a key is unknown or its value can't be used.
        """
        if credentials is not None and not isinstance(credentials, dict):
            raise _mistake("", credentials, "Write the keys below the channel's name, indented, as `key: value`.")
        defaults = vars(cls())
        # Texts and lists come in several forms, so their own checks below know their types; numbers have one.
        typed = {key: value if key in _SMALLEST else None for key, value in defaults.items()}
        given = {key: value for key, value in (credentials or {}).items() if value is not None}
        checked_keys(COMPONENT, given, typed)
        settings = cls(**given)
        check_smallest(COMPONENT, vars(settings), _SMALLEST, defaults)
        settings._check_texts()
        settings._check_access()
        return settings

    def page_settings(self) -> dict[str, Any]:
        """What the page itself needs to know."""
        return {
            "title": self.title,
            "subtitle": self.subtitle,
            "welcome": self.welcome,
            "suggestions": {language: self._suggestions(language) for language in LANGUAGES},
            "language": self.language,
            "maxLength": self.max_message_length,
            "imageHosts": list(self.image_hosts),
        }

    def suggested_payloads(self) -> set[str]:
        """What the start buttons send."""
        return {entry["payload"] for language in LANGUAGES for entry in self._suggestions(language)}

    @property
    def on_accent(self) -> str:
        """Black or white, whichever reads better on the accent colour (relative luminance, WCAG 2.1)."""
        channels = [int(self.accent[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#111111"

    def _suggestions(self, language: str) -> list[dict[str, str]]:
        entries = self.suggestions
        if isinstance(entries, dict):
            entries = entries.get(language) or next(iter(entries.values()), [])
        if not isinstance(entries, list | tuple):
            raise TypeError
        return [
            {"title": entry, "payload": entry}
            if isinstance(entry, str)
            else {"title": entry["title"], "payload": entry.get("payload") or entry["title"]}
            for entry in entries
        ]

    def _check_texts(self) -> None:
        for key in ("title", "subtitle", "welcome"):
            value = getattr(self, key)
            texts = value.values() if isinstance(value, dict) else [value]
            if not all(isinstance(text, str) for text in texts):
                raise _mistake(key, value, 'Write a text, or one per language: {en: "…", zh: "…"}.')
        try:
            for language in LANGUAGES:
                if not all(isinstance(e["title"] + e["payload"], str) for e in self._suggestions(language)):
                    raise TypeError
        except (TypeError, KeyError, AttributeError) as error:
            fix = "Write a list of texts or of {title: …, payload: …}, or one such list per language."
            raise _mistake("suggestions", self.suggestions, fix) from error
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", str(self.accent)):
            raise _mistake("accent", self.accent, 'Write a colour as "#2f5bd0", in quotation marks.')
        if self.language not in ("auto", *LANGUAGES):
            raise _mistake("language", self.language, f"Write auto, {' or '.join(LANGUAGES)}.")

    def _check_access(self) -> None:
        if not re.fullmatch(r"(/[A-Za-z0-9_-]+)+", str(self.path)):
            raise _mistake("path", self.path, "Write a path such as /chat.")
        if self.same_site not in ("strict", "lax", "none"):
            raise _mistake("same_site", self.same_site, "Write strict, lax or none.")
        if self.secret is not None and len(str(self.secret)) < 16:
            raise _mistake("secret", "***", "Write at least 16 characters, best as ${NAME} from the environment.")
        for key in ("frame_ancestors", "image_hosts"):
            hosts = getattr(self, key)
            if not isinstance(hosts, list | tuple) or not all(_is_source(host) for host in hosts):
                fix = "Write a list of addresses such as [\"'self'\", https://www.shop.example]."
                raise _mistake(key, hosts, fix)


def _is_source(host: object) -> bool:
    # A semicolon or a space would end the directive and begin another one.
    return isinstance(host, str) and bool(re.fullmatch(r"'self'|'none'|https?://(\*\.)?[A-Za-z0-9.:-]+", host))


def _mistake(key: str, value: object, fix: str) -> ConfigurationError:
    return ConfigurationError("This can't be used.", component=COMPONENT, key=key, value=value, fix=fix)
