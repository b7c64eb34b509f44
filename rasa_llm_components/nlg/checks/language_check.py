"""The customer's language, as far as its script tells."""

from __future__ import annotations

import re
import unicodedata

_SCRIPTS = {
    "Chinese": re.compile(r"[\u3400-\u9fff\uf900-\ufaff]"),
    "Japanese": re.compile(r"[\u3040-\u30ff]"),
    "Korean": re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"),
    "Cyrillic": re.compile(r"[\u0400-\u04ff]"),
    "Arabic": re.compile(r"[\u0600-\u06ff]"),
    "Hebrew": re.compile(r"[\u0590-\u05ff]"),
    "Greek": re.compile(r"[\u0370-\u03ff]"),
    "Thai": re.compile(r"[\u0e00-\u0e7f]"),
    "Devanagari": re.compile(r"[\u0900-\u097f]"),
    "Latin": re.compile(r"[A-Za-z\u00c0-\u024f]"),
}
_WEIGHT = {"Latin": 0.3}  # a Chinese sentence may name an iPhone: letters count as parts of a word


def script_of(text: str) -> str:
    """The script most of the text is written in; empty for a text without letters."""
    text = unicodedata.normalize("NFKC", text)
    counts = {name: len(letters.findall(text)) * _WEIGHT.get(name, 1.0) for name, letters in _SCRIPTS.items()}
    if counts["Japanese"]:
        counts["Japanese"] += counts["Chinese"]
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else ""


def check_language(text: str, question: str) -> str:
    """Whether the text is in another script than the question; a question without letters fits all."""
    asked, answered = script_of(question), script_of(text)
    return f"asked in {asked}, answered in {answered or 'no letters'}" if asked and asked != answered else ""
