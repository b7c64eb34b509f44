"""The benchmark's command, on a SQuAD file small enough for a test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARTICLES = {
    "Clocks": [("The clock in the tower was made in 1884 by Ada Kern.", "Who made the clock in the tower?")],
    "Bees": [("Honey bees visit two million flowers for one jar.", "How many flowers do bees visit for a jar?")],
    "Bread": [("Rye bread is baked at 230 degrees for an hour.", "At how many degrees is rye bread baked?")],
    "Ferries": [("The ferry to Lund leaves at noon from pier four.", "From which pier does the ferry leave?")],
}


def run(*arguments):
    command = [sys.executable, "benchmarks/knowledge.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_it_writes_ours_first_and_counts_every_reply(tmp_path):
    data = [
        {"title": title, "paragraphs": [{"context": text, "qas": [{"question": question}]} for text, question in pairs]}
        for title, pairs in ARTICLES.items()
    ]
    (tmp_path / "squad.json").write_text(json.dumps({"data": data}), encoding="utf-8")
    done = run("--data", str(tmp_path / "squad.json"), "--json", str(tmp_path / "out.json"), "--draws", "2")
    assert done.returncode == 0, done.stderr
    ours, *peers = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert ours["name"] == "rasa-llm-components"
    assert (ours["first"], ours["in_three"], ours["declined"]) == (1.0, 1.0, 1.0)
    assert ours["answered_right"] == 1.0
    assert ours["unsupported_sentences"] == 0
    assert ours["replies_checked"] == 4 + 2 * 3
    assert [peer["name"] for peer in peers] == ["BM25 alone", "frozen encoder alone"]
    assert "answered right 1.0000" in done.stdout


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), ("{}", "SQuAD"), ("nonsense", "SQuAD")])
def test_a_wrong_file_is_one_sentence(tmp_path, content, words):
    if content is not None:
        (tmp_path / "squad.json").write_text(content, encoding="utf-8")
    done = run("--data", str(tmp_path / "squad.json"))
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_check_of_truth_sees_a_wrong_number_and_a_wrong_name():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        from knowledge import is_supported
    finally:
        sys.path.pop(0)
    source = "The clock was made in 1884 by Ada Kern."
    assert is_supported("made in 1884 by Ada Kern.", source)
    assert not is_supported("made in 1885 by Ada Kern.", source)
    assert not is_supported("made in 1884 by Ada Lovelace.", source)
    assert not is_supported("made in 188 by Ada Kern.", source)
