"""What a developer's files become."""

import pytest

from rasa_llm_components.knowledge.folder import read_folder
from rasa_llm_components.knowledge.markdown_document import read_markdown
from rasa_llm_components.knowledge.splitting import split_documents
from tests.knowledge.conftest import make_pdf


def documents(folder):
    return {document.path: document for document in read_folder(folder)}


def test_markdown_keeps_title_link_headings_lists_and_tables(shop):
    document = documents(shop)["delivery.md"]
    assert (document.title, document.link) == ("Delivery", "https://shop.example/delivery")
    opening, abroad = document.sections
    assert opening.headings == ()
    assert opening.text == "We send parcels with DHL. Orders placed before 2 p.m. leave the same day."
    assert abroad.headings == ("Abroad",)
    assert abroad.text.splitlines() == [
        "Switzerland: 12.90 €, 4 to 6 days",
        "Austria: 7.90 €, 3 days",
        "Country: France; Price: 9.90 €",
        "Country: Italy; Price: 10.90 €",
    ]


def test_html_is_read_as_a_visitor_sees_it(shop):
    document = documents(shop)["hours.html"]
    assert (document.title, document.link) == ("Opening hours", "https://shop.example/hours")
    opening, holidays = document.sections
    assert opening.text == "The shop in Mill Street is open from 9 to 18 o'clock.\nClosed on Sundays."
    assert holidays.headings == ("Holidays",)
    assert holidays.text.splitlines() == [
        "24 December: closed",
        "31 December: open until noon",
        "Day: Good Friday; Until: 14 o'clock",
    ]


def test_text_takes_its_title_from_the_files_name_and_unwraps_lines(shop):
    document = documents(shop)["legal/warranty_of_clocks.txt"]
    assert document.title == "Warranty of clocks"
    assert document.sections[0].text.splitlines() == [
        "Every clock comes with a warranty of three years.",
        "The battery is not covered. Send the clock back with its receipt, and we repair it within ten days.",
    ]


def test_csv_puts_each_answer_under_its_question_with_its_link(shop):
    found = [document for document in read_folder(shop) if document.path == "faq.csv"]
    rows = {section.headings: (section.text, document.link) for document in found for section in document.sections}
    assert rows == {
        ("Can I return a gift?",): (
            "Yes. You have 30 days, with or without the receipt.",
            "https://shop.example/faq",
        ),
        ("Do you wrap presents?",): ("With pleasure. Paper and ribbon cost 3.50 €.", ""),
    }


def test_csv_of_a_spreadsheet_with_semicolons_and_a_mark(tmp_path):
    (tmp_path / "faq.csv").write_bytes("\ufeffQuestion;Answer\nOpen?;Yes, daily.\n".encode())
    assert read_folder(tmp_path)[0].sections[0].text == "Yes, daily."


def test_pdf_lines_become_sentences_again(tmp_path):
    (tmp_path / "terms.pdf").write_bytes(
        make_pdf(["Goods stay ours until they are", "paid in full.", "Notice periods:"])
    )
    document = read_folder(tmp_path)[0]
    assert document.title == "Terms"
    assert document.sections[0].text.splitlines() == ["Goods stay ours until they are paid in full.", "Notice periods:"]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "Grüße aus Köln."),
        ("utf-8-sig", "Grüße aus Köln."),
        ("utf-16", "Grüße aus Köln."),
        ("cp1252", "Grüße aus Köln."),
        ("gb18030", "我们的商店每天九点开门，欢迎光临。"),
    ],
)
def test_encodings_are_found_out(tmp_path, encoding, text):
    (tmp_path / "note.txt").write_bytes(text.encode(encoding))
    assert read_folder(tmp_path)[0].sections[0].text == text


@pytest.mark.parametrize(
    "text",
    ["---\ntitle: [broken\n---\nBody.", "---\njust words\n---\nBody.", "---\nno end\n\nBody."],
)
def test_broken_front_matter_loses_no_text(text):
    document = read_markdown(text, "a.md", "A")
    assert document.title == "A"
    assert "Body." in "".join(section.text for section in document.sections)


def test_headings_nest_and_end():
    text = "# Shop\nA.\n## One\nB.\n### Deep\nC.\n## Two\nD."
    sections = read_markdown(text, "a.md", "A").sections
    assert [(section.headings, section.text) for section in sections] == [
        ((), "A."),
        (("One",), "B."),
        (("One", "Deep"), "C."),
        (("Two",), "D."),
    ]


def test_long_sections_are_cut_between_sentences_and_lose_none(tmp_path):
    sentences = [f"Sentence number {number} says something about the {number}th thing." for number in range(80)]
    (tmp_path / "long.md").write_text("# Long\n" + " ".join(sentences), encoding="utf-8")
    passages = split_documents(read_folder(tmp_path), longest=500)
    assert len(passages) > 5
    assert [sentence for passage in passages for sentence in passage.sentences] == sentences
    assert all(len(passage.text) <= 500 for passage in passages)
    assert all(passage.text == " ".join(passage.sentences) for passage in passages)


def test_hidden_and_unknown_files_are_not_read(shop):
    (shop / ".draft.md").write_text("Secret.", encoding="utf-8")
    (shop / ".git").mkdir()
    (shop / ".git" / "a.md").write_text("Secret.", encoding="utf-8")
    (shop / "photo.jpg").write_bytes(b"Secret.")
    assert not any("Secret" in section.text for d in read_folder(shop) for section in d.sections)
