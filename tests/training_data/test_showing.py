"""Tables and the page show data as data."""

from pathlib import Path

import numpy as np
import pytest

from rasa_llm_components.training_data.cross_validation import Judged
from rasa_llm_components.training_data.duplicates import Duplicates, Pair
from rasa_llm_components.training_data.example import Example
from rasa_llm_components.training_data.insights import Insights
from rasa_llm_components.training_data.page import as_page
from rasa_llm_components.training_data.terminal import _width, as_text

SCRIPT = "<script>alert(1)</script> & \x1b[31mred"
CHINESE = "我想知道我的包裹现在在哪里因为已经等了很久了" * 4


@pytest.fixture
def insights():
    first = Example(Path("data/nlu.yml"), 7, 7, "a<b", SCRIPT, 5)
    second = Example(Path("data/nlu.yml"), 9, 9, "c", CHINESE, 8)
    judged = Judged(["a<b", "c"], np.array([0, 1]), np.array([[0.2, 0.8], [0.5, 0.5]]))
    duplicates = Duplicates([], [Pair(first, second)] * 20, [], [])
    return Insights({"a<b": 1, "c": 1}, judged, [], [], [], duplicates)


def test_the_page_escapes_what_comes_from_data_and_fetches_nothing(insights):
    page = as_page(insights)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;" in page
    assert "a&lt;b" in page
    assert "default-src 'none'" in page
    assert "http:" not in page
    assert "https:" not in page
    assert page.count(CHINESE) == 20


def test_the_terminal_gets_no_control_characters_and_no_line_too_long(insights, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    text = as_text(insights)
    assert "\x1b" not in text
    assert "The same sentence in two intents (20)" in text
    assert "and 5 more: --html FILE shows all" in text
    table = [line for line in text.splitlines() if line.startswith(("|", "+"))]
    assert {_width(line) for line in table if line.startswith("|")}
    assert max(map(_width, table)) <= 100


def test_the_terminal_shows_places_that_editors_open(insights):
    assert "data/nlu.yml:7" in as_page(insights)
    assert insights.to_json()["duplicates"]["contradictions"][0]["first"]["place"] == "data/nlu.yml:7"
