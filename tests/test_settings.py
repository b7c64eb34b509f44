"""The one checker of keys that config.yml, endpoints.yml and credentials.yml share."""

import pytest

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.settings import check_smallest, checked_keys

DEFAULTS = {"model": "", "limit": 3, "seconds": 2.0, "loud": False, "phrases": (), "encoder": {}, "anything": None}


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"modle": "x"}, "Bot: `modle: x`: there is no such key. Did you mean `model`?"),
        ({"zzz": 1}, "Bot: `zzz: 1`: there is no such key. The keys are: anything, encoder, limit, loud"),
        ({7: "x"}, "Bot: `7: x`: there is no such key."),
        ({"model": 3}, "Bot: `model: 3`: this must be a text."),
        ({"limit": 1.5}, "Bot: `limit: 1.5`: this must be a whole number."),
        ({"limit": True}, "Bot: `limit: True`: this must be a whole number."),
        ({"seconds": "soon"}, "Bot: `seconds: soon`: this must be a number."),
        ({"loud": "yes"}, "Bot: `loud: yes`: this must be of type bool: true or false."),
        ({"phrases": "x"}, "Bot: `phrases: x`: this must be a list of texts."),
        ({"phrases": [1]}, "Bot: `phrases: [1]`: this must be a list of texts."),
        ({"encoder": "x"}, "Bot: `encoder: x`: this must be keys below it"),
    ],
)
def test_a_mistake_names_component_key_value_and_fix(keys, sentence):
    with pytest.raises(ConfigurationError) as caught:
        checked_keys("Bot", keys, DEFAULTS)
    assert str(caught.value).startswith(sentence)


def test_what_was_not_given_is_filled_in_and_a_key_without_a_value_counts_as_not_given():
    given = {"model": None, "seconds": 1, "phrases": ["x"], "anything": object}
    assert checked_keys("Bot", given, DEFAULTS) == {**DEFAULTS, "seconds": 1, "phrases": ["x"], "anything": object}


def test_numbers_have_a_least_value():
    check_smallest("Bot", {"limit": 1}, {"limit": 1}, DEFAULTS)
    with pytest.raises(ConfigurationError) as caught:
        check_smallest("Bot", {"limit": 0}, {"limit": 1}, DEFAULTS, where="store: ")
    assert str(caught.value) == (
        "Bot: `store: limit: 0`: this is too small. Write a number from 1 up; the default is 3."
    )
