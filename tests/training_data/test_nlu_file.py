"""Examples are read as Rasa reads them, each with its line."""

import pytest

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.training_data.example import normal_form, without_annotations
from rasa_llm_components.training_data.nlu_file import NluFile, lines_of, read_nlu_files

EVERYTHING = """\
version: "3.1"  # what Rasa writes

nlu:
# the first intent
- intent: order_status
  metadata: {sentiment: neutral}
  examples: |
    - where is [WW10007](order_number)
    # no example
    - 我的订单在哪里

    - when will [it]{"entity": "thing", "role": "x"} come
- intent: faq/opening_hours
  examples:
  - text: |
      when do you open
      on Sundays
    metadata:
      sentiment: neutral
  # between two
  - text: are you open today

  - {text: "open [now](time:today)?"}
- regex: order_number
  examples: |
    - WW\\d{5}
- lookup: city
  examples: |
    - Cork
- synonym: Cork
  examples: |
    - Corcaigh
- intent: greet
  examples: "- hello\\n- hi there\\n"
"""


def read(tmp_path, text, name="nlu.yml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return NluFile.read(path)


def rows(file):
    return [(example.line, example.last_line, example.intent, example.text) for example in file.examples]


def test_every_example_has_its_line_and_nothing_else_is_one(tmp_path):
    assert rows(read(tmp_path, EVERYTHING)) == [
        (8, 8, "order_status", "where is WW10007"),
        (10, 10, "order_status", "我的订单在哪里"),
        (12, 12, "order_status", "when will it come"),
        (15, 19, "faq/opening_hours", "when do you open\non Sundays"),
        (21, 21, "faq/opening_hours", "are you open today"),
        (23, 23, "faq/opening_hours", "open now?"),
        (34, 0, "greet", "hello"),
        (34, 0, "greet", "hi there"),
    ]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_windows_files_have_the_same_lines(tmp_path, mark, end):
    expected = rows(read(tmp_path, EVERYTHING))
    assert rows(read(tmp_path, mark + EVERYTHING.replace("\n", end))) == expected


def test_rasa_reads_the_same_sentences_and_intents(tmp_path):
    from rasa.shared.nlu.training_data.loading import load_data

    file = read(tmp_path, EVERYTHING)
    messages = load_data(str(file.path)).training_examples
    theirs = [
        (message.get("intent_response_key") or message.get("intent"), message.get("text")) for message in messages
    ]
    assert [(example.intent, example.text) for example in file.examples] == theirs


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("to [Cork](city)", "to Cork"),
        ("to [the city](city:Cork) now", "to the city now"),
        ('[Cork]{"entity": "city", "role": "to"} please', "Cork please"),
        ('[Cork][{"entity": "city"}, {"entity": "place"}]', "Cork"),
        ("[not] an (entity)", "[not] an (entity)"),
    ],
)
def test_annotations_are_taken_off_as_rasa_does(written, text):
    from rasa.shared.nlu.training_data.entities_parser import replace_entities

    assert without_annotations(written) == text == replace_entities(written)


def test_metadata_of_intent_and_example_are_kept_apart(tmp_path):
    metadata = [example.metadata for example in read(tmp_path, EVERYTHING).examples]
    assert metadata[0] == metadata[1] != ""
    assert "sentiment" in metadata[3]
    assert metadata[4] == ""


def test_a_folder_is_read_with_its_folders_and_without_what_is_hidden_or_no_nlu(tmp_path):
    (tmp_path / "nlu").mkdir()
    (tmp_path / ".git").mkdir()
    read(tmp_path, EVERYTHING, "nlu/b.yaml")
    read(tmp_path, EVERYTHING, "a.yml")
    read(tmp_path, EVERYTHING, ".git/c.yml")
    (tmp_path / "stories.yml").write_text("stories:\n- story: x\n  steps: []\n")
    (tmp_path / "notes.md").write_text("nlu:")
    assert [file.path.name for file in read_nlu_files(tmp_path)] == ["a.yml", "b.yaml"]


def test_what_cannot_be_read_is_told_in_a_sentence(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no such file or folder"):
        read_nlu_files(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="no YAML file here has examples"):
        read_nlu_files(tmp_path)
    with pytest.raises(ConfigurationError, match=r"nlu\.yml:3: this is no YAML file"):
        read(tmp_path, "nlu:\n  - [\n")
    with pytest.raises(ConfigurationError, match=r"not UTF-8 \(byte 5\)"):
        read(tmp_path, b"nlu: \xff")


def test_the_lines_of_a_text_are_the_text():
    assert "".join(lines_of(EVERYTHING)) == EVERYTHING
    assert lines_of("a\r\nb\n\nc") == ["a\r\n", "b\n", "\n", "c"]


def test_sentences_that_differ_in_capitals_spaces_and_last_marks_are_the_same():
    assert normal_form("Where  is it?") == normal_form("where is it") == normal_form(" WHERE IS IT ?! ")
    assert normal_form("在哪里？") == normal_form("在哪里")
    assert normal_form("where is it") != normal_form("where it is")
