"""Data is changed by whole lines; all else stays byte for byte."""

import os

import pytest

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.training_data.changes import Change, apply_changes
from rasa_llm_components.training_data.nlu_file import NluFile, read_nlu_files

DATA = """\
version: "3.1"
nlu:
# greetings
- intent: greet   # said first
  examples: |
    - hello
    # no example, as Rasa sees it
    -   hi   there
    - hello
    - track [WW10007](order_number)
- intent: order_status
  examples: |
      - where is my parcel
      - has it been shipped
- intent: faq/hours
  examples:
  - text: |
      when do you open
  # a comment between
  - text: |
      are you open
    metadata: {x: 1}
  - text: "until when"
- lookup: city
  examples: |
    - Cork
    - Cork"""


def data(tmp_path, text=DATA, name="nlu.yml"):
    path = tmp_path / name
    path.write_bytes(text.encode())
    return NluFile.read(path)


def changed(file, *changes):
    """Applies changes named by (sentence's number, intent); returns the file's new text."""
    made = [Change(file.examples[number], intent, "test") for number, intent in changes]
    return apply_changes([file], made), file.path.read_bytes().decode()


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_removing_takes_one_line(tmp_path, mark, end):
    text = mark + DATA.replace("\n", end)
    applied, new = changed(data(tmp_path, text), (2, ""))
    assert len(applied.done) == 1
    assert new == text.replace(f"    - hello{end}    - track", "    - track")


def test_removing_an_entry_with_text_takes_its_lines_and_no_comment(tmp_path):
    _, new = changed(data(tmp_path), (6, ""))
    assert new == DATA.replace("  - text: |\n      when do you open\n", "")
    (tmp_path / "nlu.yml").write_text(DATA)
    _, new = changed(NluFile.read(tmp_path / "nlu.yml"), (7, ""))
    assert new == DATA.replace("  - text: |\n      are you open\n    metadata: {x: 1}\n", "")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_moving_puts_the_line_behind_the_last_one_of_its_new_intent(tmp_path, end):
    text = DATA.replace("\n", end)
    _, new = changed(data(tmp_path, text), (3, "order_status"))
    line = f"- track [WW10007](order_number){end}"
    expected = text.replace("    " + line, "").replace(f"shipped{end}", f"shipped{end}      {line}")
    assert new == expected


def test_moving_to_another_file_behind_a_line_without_an_end(tmp_path):
    data(tmp_path, DATA, "a.yml")
    other = "nlu:\n- intent: refund\n  examples: |\n    - money back\n    - my money"
    data(tmp_path, other, "b.yml")
    files = read_nlu_files(tmp_path)
    apply_changes(files, [Change(files[0].examples[0], "refund", "test")])
    assert (tmp_path / "b.yml").read_text() == other + "\n    - hello\n"
    assert (tmp_path / "a.yml").read_text() == DATA.replace("    - hello\n    # no", "    # no")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((7, "greet"), "several lines or metadata"),
        ((6, "greet"), "retrieval intent"),
        ((0, "faq"), "no list of lines"),
    ],
)
def test_what_would_lose_something_is_left_alone(tmp_path, change, reason):
    applied, new = changed(data(tmp_path), change)
    assert reason in applied.refused[0][1]
    assert new == DATA


def test_the_last_example_of_a_list_stays(tmp_path):
    applied, new = changed(data(tmp_path), (4, ""), (5, ""))
    assert [change.example.text for change in applied.done] == ["where is my parcel"]
    assert "no example left" in applied.refused[0][1]
    assert "has it been shipped" in new


def test_examples_within_one_line_of_text_are_left_alone(tmp_path):
    text = 'nlu:\n- intent: greet\n  examples: "- a\\n- a\\n"\n'
    applied, new = changed(data(tmp_path, text), (1, ""))
    assert "shares its lines" in applied.refused[0][1]
    assert new == text


def test_a_file_that_has_changed_meanwhile_is_not_written(tmp_path):
    file = data(tmp_path)
    file.path.write_text(DATA + "\n# new")
    with pytest.raises(ConfigurationError, match="changed meanwhile"):
        apply_changes([file], [Change(file.examples[2], "", "test")])
    assert file.path.read_text() == DATA + "\n# new"


def test_rights_and_links_are_kept_and_nothing_is_left_behind(tmp_path):
    file = data(tmp_path, DATA, "real.yml")
    file.path.chmod(0o640)
    link = tmp_path / "nlu.yml"
    link.symlink_to("real.yml")
    changed(NluFile.read(link), (2, ""))
    assert link.is_symlink()
    assert file.path.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["nlu.yml", "real.yml"]
    assert file.path.read_text() != DATA


def test_a_list_that_is_used_twice_is_not_changed_by_line(tmp_path):
    text = "nlu:\n- intent: a\n  examples: &same |\n    - one\n    - one\n- intent: b\n  examples: *same\n"
    file = data(tmp_path, text)
    with pytest.raises(ConfigurationError, match="Change them by hand"):
        apply_changes([file], [Change(file.examples[1], "", "test")])
    assert file.path.read_text() == text
