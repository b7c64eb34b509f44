"""Which messages are in a language of the bot's."""

import pytest

from rasa_llm_components.augmentation.bot_language import BotLanguage

ENGLISH = BotLanguage(["where is my parcel", "when does the shop open?", "I want a refund for this"] * 3)
CHINESE = BotLanguage(["我的包裹在哪里", "你们几点开门", "我想退货"])
GERMAN = BotLanguage(["wo ist mein Paket", "wann macht ihr auf", "ich möchte das zurückgeben"])
MESSAGES = [
    (ENGLISH, "has it been sent", True),
    (ENGLISH, "track parcel", True),
    (ENGLISH, "refund for my café au lait", True),
    (ENGLISH, "wann kommt mein Paket nicht mehr", False),
    (ENGLISH, "dónde está el paquete que compré", False),
    (ENGLISH, "где моя посылка", False),
    (CHINESE, "iPhone什么时候到", True),
    (CHINESE, "where is my parcel", False),
    (GERMAN, "wann kommt mein Paket", True),
    (GERMAN, "where is my parcel and when does it come", False),
]


@pytest.mark.parametrize(("bot", "text", "expected"), MESSAGES)
def test_language(bot, text, expected):
    assert bot.is_language_of(text) is expected
