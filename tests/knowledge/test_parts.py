"""The parts of the search, by themselves."""

import numpy as np
import pytest

from rasa_llm_components.knowledge import Passage, Quotation, relevance
from rasa_llm_components.knowledge.keyword_index import KeywordIndex
from rasa_llm_components.knowledge.passage_text import PassageText
from rasa_llm_components.knowledge.sentences import is_chinese, split_sentences
from rasa_llm_components.knowledge.words import content_words, words_of
from rasa_llm_components.knowledge.yardstick import similarity_range


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Lee is here. She paid 3.50 €. Why?", ("Dr. Lee is here.", "She paid 3.50 €.", "Why?")),
        ("One line\nand another.", ("One line", "and another.")),
        ("我们每天开门。星期天休息！真的？", ("我们每天开门。", "星期天休息！", "真的？")),
        ("增长了3.5%。价格是U.S.标准。", ("增长了3.5%。", "价格是U.S.标准。")),
        ("When is it charged? (My name is Jo.) Thanks.", ("When is it charged?", "(My name is Jo.)", "Thanks.")),
        ('Is it free? "Yes", it says. Well.', ("Is it free?", '"Yes", it says.', "Well.")),
        ('She said: "Stop." Then she left.', ('She said: "Stop."', "Then she left.")),
        ("免费吗？（我在都柏林。）谢谢。", ("免费吗？", "（我在都柏林。）", "谢谢。")),
        ("(", ("(",)),
        ("", ()),
        (" \n\n ", ()),
    ],
)
def test_sentences(text, sentences):
    assert split_sentences(text) == sentences


@pytest.mark.parametrize(
    ("text", "chinese"), [("你好", True), ("iPhone 的价格", True), ("Hello", False), ("", False), ("123", False)]
)
def test_chinese(text, chinese):
    assert is_chinese(text) is chinese


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The deliveries were delayed", ["deliveri", "delay"]),
        ("It costs 1,234.50 € in 2024", ["cost", "1234.50", "2024"]),
        ("寄往上海的运费", ["寄往", "上海", "运费"]),
        ("who is it", []),
    ],
)
def test_content_words(text, words):
    assert content_words(text) == words


def test_words_know_where_they_stand():
    text = "Shipping to Ａustria costs 7.90"
    assert [text[word.start : word.end] for word in words_of(text)] == ["Shipping", "to", "Ａustria", "costs", "7.90"]


def test_rare_words_count_more_and_missing_words_count_against():
    index = KeywordIndex(["a blue clock", "a green clock", "a red lamp", "a red clock"])
    scores = index.scores("green clock")
    assert scores.argmax() == 1
    assert scores[1] > scores[0] > scores[2] == 0
    assert index.scores("green clock warranty")[1] < scores[1] <= 1
    assert index.weight("warranti") == pytest.approx(1)
    assert index.weight("green") > index.weight("clock") > 0


@pytest.mark.parametrize("question", ["", "the of and", "zebra"])
def test_no_shared_words_no_score(question):
    assert KeywordIndex(["a blue clock", "the of"]).scores(question).tolist() == [0, 0]


def test_an_index_of_texts_without_words():
    assert KeywordIndex(["the", "..."]).scores("clock").tolist() == [0, 0]


def test_units_begin_where_they_stand():
    sentences = ("It takes 3 days.", "It takes 3 days.", "Ask us.")
    passage = Passage(" ".join(sentences), "Shop", ("Delivery", "Abroad"), "", "a.md", sentences)
    text = PassageText.of(passage)
    assert text.text.startswith("Shop > Delivery > Abroad\nIt takes")
    assert text.units == ("Abroad", *sentences)
    assert [text.text[start : start + len(unit)] for start, unit in zip(text.starts, text.units)] == list(text.units)
    assert list(text.starts) == sorted(set(text.starts))


def test_confidence_falls_with_rivals_and_rises_with_the_score():
    assert relevance.confidence([]) == 0
    assert relevance.confidence([0.9]) > 0.99
    assert relevance.confidence([0.0]) < 0.01
    assert relevance.confidence([0.5, 0.1, 0.1]) > relevance.confidence([0.5, 0.5, 0.5])
    assert relevance.confidence([0.5, -3.0]) == relevance.confidence([0.5])


def test_the_scale_is_the_encoders_own(encoder):
    unrelated, answered = similarity_range(encoder, chinese=False)
    without_tokens = np.array([np.nan, np.nan, *answered[2:]])
    table = np.array([unrelated, answered, without_tokens])
    scores = relevance.scores(table, np.array([0.0, 1.0, 1.0]), unrelated, answered)
    assert scores == pytest.approx([0, 1, 1])


@pytest.mark.parametrize(
    ("sentences", "text"),
    [
        (("One.", "Two."), "One. Two."),
        (("一。", "二。"), "一。二。"),
        (("Austria: 7.90 €", "Italy: 10.90 €"), "Austria: 7.90 €\nItaly: 10.90 €"),
    ],
)
def test_a_quotation_reads_well(sentences, text):
    assert Quotation(sentences, Passage("", "", (), "", "", sentences), 1.0).text == text
