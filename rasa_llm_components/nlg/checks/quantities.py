"""Numbers with their units, in one form each: `4,90 €` and `EUR 4.9` are the same amount."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_SMALL)}
_NUMBER_WORDS |= {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90"}
_NUMBER_WORDS |= {"hundred": "100", "thousand": "1000"}
_NUMBER_WORDS |= {
    "once": "1",
    "twice": "2",
    "dozen": "12",
    "half": "0.5",
    "million": "1000000",
    "billion": "1000000000",
}
_CHINESE_DIGITS = dict(zip("一二两三四五六七八九十", ("1", "2", "2", "3", "4", "5", "6", "7", "8", "9", "10")))

_UNITS = {
    "day": r"days?|天|日",
    "week": r"weeks?|周|星期|个星期",
    "month": r"months?|个月|月",
    "year": r"years?|年",
    "hour": r"hours?|hrs?|小时|个小时",
    "minute": r"minutes?|mins?|分钟",
    "second": r"seconds?|秒",
    "euro": r"€|euros?|eur|欧元",
    "dollar": r"\$|dollars?|usd|美元",
    "pound": r"£|pounds?|gbp|英镑",
    "yuan": r"¥|yuan|rmb|cny|元|块",
    "franc": r"francs?|chf",
    "cent": r"cents?|分(?!钟)",
    "percent": r"%|percent|per cent",
    "kilogram": r"kg|kilos?|kilograms?|公斤|千克",
    "gram": r"grams?|g|克",
    "metre": r"m|met(?:re|er)s?|米",
    "centimetre": r"cm|centimet(?:re|er)s?|厘米",
    "millimetre": r"mm|毫米",
    "kilometre": r"km|kilomet(?:re|er)s?|公里",
    "mile": r"miles?",
    "am": r"a\.?m\.?|o'?clock in the morning",
    "pm": r"p\.?m\.?",
    "item": r"items?|pieces?|articles?|件|个",
}
_UNIT = "|".join(f"(?P<{name}>{pattern})" for name, pattern in _UNITS.items())
_WORDS = "|".join(sorted(_NUMBER_WORDS, key=len, reverse=True))
_NUMBER = re.compile(
    rf"(?P<clock>\b\d{{1,2}}:\d{{2}}\b)|(?P<digits>\d+(?:[.,'\u202f\u00a0]\d+)*)(?:st|nd|rd|th)?|\b(?P<word>{_WORDS})\b"
    r"|(?P<chinese>[一二两三四五六七八九十]+)(?=个?(?:工作)?[天日周月年小星分元件]|个|[至到-][一二两三四五六七八九十])",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"(?P<euro>€|eur)\s?$|(?P<dollar>\$|usd)\s?$|(?P<pound>£|gbp)\s?$|(?P<yuan>¥|cny)\s?$", re.I)
_AFTER = re.compile(
    rf"[\s-]?(?P<kind>business|working|calendar|full|个?工作|个?自然)?[\s-]?(?:{_UNIT})(?![a-z])", re.IGNORECASE
)
_RANGE = re.compile(r"\s?(?:to|-|–|—|and|or|至|到|~)\s?$", re.IGNORECASE)


@dataclass(frozen=True)
class Quantity:
    """A number as it stands in a text.

    Attributes:
        value: in digits, without thousands marks and closing zeros.
        unit: its unit's English name, with `working` before it where the text says so; empty without one.
        start: where it begins in the text.
    """

    value: str
    unit: str
    start: int

    def said_by(self, source: Quantity) -> bool:
        """Whether the source gives the same number, and the same unit if this one names a unit."""
        return self.value == source.value and self.unit in ("", source.unit)


def quantities(text: str) -> list[Quantity]:
    """The numbers of a text, in digits or words, in order. `2 to 4 days` are two of them, both with days."""
    text = "".join(unicodedata.normalize("NFKC", c) if len(unicodedata.normalize("NFKC", c)) == 1 else c for c in text)
    found: list[Quantity] = []
    matches = [match for match in _NUMBER.finditer(text) if not _is_pronoun(match, text)]
    following = ""
    for index in range(len(matches) - 1, -1, -1):
        match = matches[index]
        unit = _unit_of(text, match)
        if not unit and index + 1 < len(matches) and _RANGE.fullmatch(text[match.end() : matches[index + 1].start()]):
            unit = following
        following = unit
        found.append(Quantity(_value(match), unit, match.start()))
    return found[::-1]


def _is_pronoun(match: re.Match[str], text: str) -> bool:
    """`one of them`, `this one`: a number only when a unit follows."""
    return (match["word"] or "").lower() == "one" and not _AFTER.match(text, match.end())


def _unit_of(text: str, match: re.Match[str]) -> str:
    before = _BEFORE.search(text, max(0, match.start() - 5), match.start())
    if before and before.end() == match.start():
        return str(before.lastgroup)
    after = _AFTER.match(text, match.end())
    if not after:
        return ""
    name = next(name for name in _UNITS if after[name])
    kind = (after["kind"] or "").lower()
    return f"working {name}" if kind in ("business", "working") or "工作" in kind else name


def _value(match: re.Match[str]) -> str:
    if match["clock"]:
        return match["clock"].lstrip("0")
    if match["word"]:
        return _NUMBER_WORDS[match["word"].lower()]
    if match["chinese"]:
        return "".join(_CHINESE_DIGITS[character] for character in match["chinese"])
    digits = match["digits"]
    if re.fullmatch(r"\d{1,3}([.,'\u202f\u00a0]\d{3})+", digits):
        return re.sub(r"\D", "", digits)
    digits = re.sub(r",(?=\d{3}(?:\D|$))", "", digits).replace(",", ".")
    return digits.rstrip("0").rstrip(".") if digits.count(".") == 1 else digits
