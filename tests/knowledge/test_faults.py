"""What goes wrong with a documents folder, and what the developer reads about it."""

import logging
import time

import pytest

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.knowledge import KnowledgeBase
from rasa_llm_components.knowledge.folder import read_folder
from rasa_llm_components.models.stand_ins import StandInEncoder


def test_a_missing_folder_is_named_with_its_fix(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        KnowledgeBase.from_folder(tmp_path / "nowhere", StandInEncoder())
    error = caught.value
    assert (error.component, error.key, error.value) == ("knowledge", "folder", tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in error.fix


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a.md").write_text("Text.", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="a file, not a folder"):
        read_folder(tmp_path / "a.md")


@pytest.mark.parametrize("content", [None, "", "# Only a heading\n"])
def test_a_folder_without_text_is_an_error_and_not_a_bot_that_answers_nothing(tmp_path, content):
    if content is not None:
        (tmp_path / "a.md").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no document with text"):
        KnowledgeBase.from_folder(tmp_path, StandInEncoder())


@pytest.mark.parametrize("content", [b"not a pdf at all", b"%PDF-1.4\n1 0 obj\n<< /Type /Cat", b""])
def test_a_broken_pdf_is_named_and_the_others_load(shop, caplog, content):
    (shop / "broken.pdf").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        paths = {document.path for document in read_folder(shop)}
    assert "broken.pdf" in caplog.text
    assert {"delivery.md", "faq.csv", "hours.html"} <= paths
    assert "broken.pdf" not in paths


def test_a_file_of_50_mb_is_left_out_with_file_and_limit(shop, caplog):
    with (shop / "huge.txt").open("wb") as stream:
        stream.truncate(50_000_000)
    with caplog.at_level(logging.WARNING):
        paths = {document.path for document in read_folder(shop)}
    assert "huge.txt" in caplog.text
    assert "50.0 MB" in caplog.text
    assert "20 MB" in caplog.text
    assert "huge.txt" not in paths
    assert "delivery.md" in paths


def test_the_limit_can_be_set(shop, caplog):
    (shop / "notes.txt").write_text("Word. " * 1000, encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        paths = {document.path for document in read_folder(shop, largest_file_mb=0.005)}
    assert "notes.txt" in caplog.text
    assert "notes.txt" not in paths


def test_a_csv_without_its_columns_is_an_error_that_names_them(shop):
    (shop / "prices.csv").write_text("product,price\nClock,20\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_folder(shop)
    for word in ("knowledge", "prices.csv", "product, price", "question", "answer"):
        assert word in str(caught.value)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, "high", True])
def test_a_threshold_that_is_none_is_refused(shop, threshold):
    with pytest.raises(ConfigurationError, match="threshold"):
        KnowledgeBase.from_folder(shop, StandInEncoder(), threshold=threshold)


@pytest.mark.parametrize(
    "question",
    ["", "   ", "🎁🎁🎁", "?!", "\u200b\x00", "a" * 10_000, "word " * 2_000, "<script>alert(1)</script>", "مرحبا"],
)
def test_odd_questions_get_no_answer_and_no_error(shop, encoder, question):
    knowledge = KnowledgeBase.from_folder(shop, encoder)
    started = time.monotonic()
    result = knowledge.search(question)
    assert time.monotonic() - started < 30
    assert not result.answerable
    assert knowledge.quote(result) is None
    assert 0 <= result.confidence <= 1
