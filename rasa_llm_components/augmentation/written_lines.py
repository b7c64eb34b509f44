"""The messages in what a generator wrote: one a line, without numbers, dashes and quotation marks around them."""

from __future__ import annotations

import re

_THINKING = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL | re.IGNORECASE)
_BEFORE = re.compile(
    r"^(?:[-*+•>#\s]+|\(?\d{1,2}[.):、]\s+|[\"“”'「`]+|(?:message|example|消息|例子)\s*\d{0,2}\s*[:：]\s*)+", re.I
)
_AFTER = re.compile(r"[\"“”」`*\s]+$")
_MARKUP = re.compile(r"[\[\]{}|<>]")


def written_lines(reply: str) -> list[str]:
    """Candidates, in order.

    The last line of a reply that stopped in the middle of a sentence cannot be told from a short one; the filter
    judges it like any other. Characters with a meaning in nlu files ([, ], {, }) go.
    """
    lines = (_without_frame(line) for line in _THINKING.sub("", reply).splitlines())
    return [line for line in lines if any(character.isalpha() for character in line)]


def _without_frame(line: str) -> str:
    line = _AFTER.sub("", _BEFORE.sub("", line.strip()))
    return " ".join(_MARKUP.sub(" ", line).split())
