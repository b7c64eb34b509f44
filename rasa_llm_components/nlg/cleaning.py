"""Takes off what generators put around an answer, before the answer is checked."""

from __future__ import annotations

import re

from rasa_llm_components.knowledge.sentences import split_sentences

_AROUND = re.compile(r"^(?:```\w*|[\"“”'*#\s])+|(?:```|[\"“”'*\s])+$")
_OPENING = re.compile(
    r"^(?:(?:yes|no|sure|certainly|of course|absolutely|hello|hi|answer|reply|message|rephrased message)\b\s*[,!.:]\s*"
    r"|(?:based on|according to)\b[^,.\n]{0,60},\s*|(?:the answer is|here is[^:\n]{0,40})\s*:\s*"
    r"|(?:是的|不是|可以|好的|当然|您好|你好|回答|答案?|消息)[，。！：:!,]\s*|根据[^，。\n]{0,20}，)",
    re.IGNORECASE,
)
_THINKING = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL | re.IGNORECASE)
_ENDS = (".", "!", "?", "。", "！", "？", "…", ")", "）", "”", '"')


def cleaned(text: str, *, keep_opening: bool = False) -> str:
    """The answer alone: no quotation marks around it, no "Based on the documents,", no half sentence at its end.

    "Yes," and "No," go as well: the statement behind them is what the documents support, and
    it must stand without them.

    Args:
        text: a generator's reply.
        keep_opening: leave greetings and the like, for rephrased messages.
    """
    text = _AROUND.sub("", _THINKING.sub("", text)).strip()
    while not keep_opening:
        shorter = _OPENING.sub("", text, count=1).strip()
        if shorter == text or not shorter:
            break
        text = shorter[0].upper() + shorter[1:]
    return _whole_sentences(text)


def _whole_sentences(text: str) -> str:
    sentences = list(split_sentences(text))
    if len(sentences) > 1 and not sentences[-1].endswith(_ENDS):
        text = text[: text.rindex(sentences[-1])].rstrip()
    return text
