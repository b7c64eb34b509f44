"""The sentences that the channel itself says to customers."""

from __future__ import annotations

import json


class Notices:
    """Texts by language and key, shared with the page (texts.json)."""

    def __init__(self, texts: dict[str, dict[str, str]]) -> None:
        """Keep the texts.

        Args:
            texts: language → key → text with {placeholders}; English must be there.
        """
        self._texts = texts

    @classmethod
    def from_json(cls, content: bytes) -> Notices:
        """Read the page's texts.

        Args:
            content: of texts.json.

        Returns:
            The notices.
        """
        return cls(json.loads(content))

    def text(self, key: str, accept_language: str, **values: object) -> str:
        """One sentence.

        Args:
            key: which.
            accept_language: the browser's header, for example `zh-CN,zh;q=0.9,en;q=0.8`, read in its order.
            values: for the placeholders.

        Returns:
            The sentence, in English if nothing better fits.
        """
        wanted = [part.partition(";")[0].strip().partition("-")[0].lower() for part in accept_language.split(",")]
        language = next((code for code in wanted if code in self._texts), "en")
        return self._texts[language][key].format(**values)
