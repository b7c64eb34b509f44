"""The languages that a bot's examples are written in, as far as scripts and small words tell."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module

_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da", "ro")
_LATIN_WEIGHT = 0.3  # a Chinese sentence may name an iPhone: letters count as parts of a word
_OWN_SHARE = 0.05
_WORD = re.compile(r"[^\W\d_]+")


class BotLanguage:
    """Scripts and languages that at least a twentieth of the examples have."""

    def __init__(self, sentences: Iterable[str]) -> None:
        """Counts them; a sentence that may be of two languages says nothing about either."""
        scripts: Counter[str] = Counter()
        languages: Counter[str] = Counter()
        for sentence in sentences:
            scripts[_script(sentence)] += 1
            best = _small_words_in(sentence).most_common(2)
            if best and (len(best) == 1 or best[0][1] > best[1][1]):
                languages[best[0][0]] += 1
        self._scripts, self._languages = _frequent(scripts), _frequent(languages)

    def is_language_of(self, text: str) -> bool:
        """False for another script, or for two small words of another language and fewer of the bot's own."""
        if self._scripts and _script(text) not in self._scripts:
            return False
        found = _small_words_in(text)
        own = max((count for language, count in found.items() if language in self._languages), default=0)
        other = max((count for language, count in found.items() if language not in self._languages), default=0)
        return other < 2 or own >= other or not self._languages


def _frequent(counts: Counter[str]) -> set[str]:
    return {name for name, count in counts.items() if count >= _OWN_SHARE * sum(counts.values())}


def _script(text: str) -> str:
    """The script most of the text is written in, by Unicode's names: LATIN, CJK, CYRILLIC."""
    counts: Counter[str] = Counter()
    for letter in filter(str.isalpha, text):
        name = unicodedata.name(letter, "").split(" ")[0].split("-")[0]
        counts[name] += 1
    weighted = {name: count * (_LATIN_WEIGHT if name == "LATIN" else 1.0) for name, count in counts.items()}
    return max(weighted, key=lambda name: weighted[name]) if weighted else ""


def _small_words_in(text: str) -> Counter[str]:
    """For each language how many of the text's words are stop words of it."""
    words = [word.lower() for word in _WORD.findall(text)]
    return Counter({code: sum(word in own for word in words) for code, own in _small_words().items()}) + Counter()


@lru_cache(maxsize=1)
def _small_words() -> dict[str, frozenset[str]]:
    """Stop words by language, spaCy's."""
    return {code: frozenset(import_module(f"spacy.lang.{code}.stop_words").STOP_WORDS) for code in _LANGUAGES}
