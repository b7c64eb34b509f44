"""What is told of a small bot's data, with the packaged encoder."""

import json

import pytest

from rasa_llm_components.cli import main
from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.training_data.insights import examine
from rasa_llm_components.training_data.nlu_file import NluFile

SENTENCES = {
    "track_order": (
        "where is my parcel", "track my package", "when will my order arrive", "has my order been shipped",
        "my parcel has not come yet", "what is the status of my order", "is my package on its way",
        "how long until my delivery gets here", "can you locate my shipment", "did my order leave the warehouse",
    ),
    "opening_hours": (
        "when do you open", "what are your opening hours", "are you open on Sunday", "how late is the shop open",
        "when does the store close", "are you open today", "what time do you close", "is the shop open on holidays",
        "until when are you open tonight", "do you open before nine",
    ),
    "pay_by_card": (
        "can I pay by credit card", "do you take Visa", "which cards do you accept", "may I pay with Mastercard",
        "is American Express okay", "can I use my debit card", "do you accept card payments",
        "is paying with a card possible", "I want to pay with my credit card", "are credit cards accepted",
    ),
    "recipe": (
        "how do I bake bread", "give me a recipe for soup", "how long do I boil eggs", "what goes into a carrot cake",
        "how do I cook rice", "a recipe for pancakes please", "how can I roast a chicken", "how do I make pasta sauce",
        "what can I cook with potatoes", "how much flour is in a pizza dough",
    ),
}  # fmt: skip


def nlu(sentences):
    blocks = [
        f"- intent: {intent}\n  examples: |\n" + "".join(f"    - {text}\n" for text in texts)
        for intent, texts in sentences.items()
    ]
    return 'version: "3.1"\nnlu:\n' + "".join(blocks)


@pytest.fixture
def with_errors(tmp_path):
    """A bot whose data has one wrong label, one line twice, and one sentence in two intents."""
    sentences = {intent: list(texts) for intent, texts in SENTENCES.items()}
    sentences["recipe"].insert(3, "do you take payment by card")
    sentences["track_order"].append("track my package")
    sentences["opening_hours"].append("How do I bake bread?")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "nlu.yml").write_text(nlu(sentences))
    return tmp_path / "data" / "nlu.yml"


def look(tmp_path, sentences):
    path = tmp_path / "nlu.yml"
    path.write_text(nlu(sentences))
    return examine(NluFile.read(path).examples, shared_encoder({}))


def test_the_wrong_label_is_found_with_its_line_and_its_intent(with_errors):
    insights = examine(NluFile.read(with_errors).examples, shared_encoder({}))
    first = insights.suspects[0]
    assert (first.example.text, first.suggested, first.certain) == ("do you take payment by card", "pay_by_card", True)
    assert with_errors.read_text().splitlines()[first.example.line - 1].strip() == "- do you take payment by card"


def test_an_annotated_example_is_never_certain(with_errors):
    with_errors.write_text(with_errors.read_text().replace("do you take payment by card", "do you take [Visa](card)"))
    insights = examine(NluFile.read(with_errors).examples, shared_encoder({}))
    (suspect,) = [one for one in insights.suspects if one.example.text == "do you take Visa"]
    assert (suspect.suggested, suspect.certain) == ("pay_by_card", False)


def test_sentences_that_stand_twice_are_told_apart(with_errors):
    twice = examine(NluFile.read(with_errors).examples, shared_encoder({})).duplicates
    assert [(pair.first.text, pair.second.intent) for pair in twice.exact] == [("track my package", "track_order")]
    assert [(p.first.intent, p.second.intent) for p in twice.contradictions] == [("opening_hours", "recipe")]


def test_nothing_is_suspected_of_data_that_is_right(tmp_path):
    insights = look(tmp_path, SENTENCES)
    assert insights.judged.accuracy > 0.9
    assert not insights.suspects
    assert not insights.merges
    assert not insights.splits
    assert not insights.thin
    assert not any(vars(insights.duplicates).values())


def test_one_intent_under_two_names_may_be_merged(tmp_path):
    sentences = {k: v for k, v in SENTENCES.items() if k != "track_order"}
    sentences |= {"where_is_it": SENTENCES["track_order"][::2], "track_it": SENTENCES["track_order"][1::2]}
    merges = look(tmp_path, sentences).merges
    assert [{confusion.one, confusion.other} for confusion in merges] == [{"where_is_it", "track_it"}]


def joined(name_of_one, name_of_other):
    """The bot whose opening hours and cards are one intent, or two retrieval intents of one name."""
    rest = {intent: texts for intent, texts in SENTENCES.items() if intent in ("track_order", "recipe")}
    return rest | {
        name_of_one: SENTENCES["opening_hours"],
        name_of_other: (SENTENCES["opening_hours"] if name_of_one == name_of_other else ()) + SENTENCES["pay_by_card"],
    }


def test_two_intents_under_one_name_may_be_split(tmp_path):
    (split,) = look(tmp_path, joined("shop", "shop")).splits
    assert split.intent == "shop"
    kinds = {frozenset(example.text for example in kind) for kind in split.kinds}
    assert kinds == {frozenset(SENTENCES["opening_hours"]), frozenset(SENTENCES["pay_by_card"])}


def test_a_retrieval_intent_is_one_intent_of_many_kinds(tmp_path):
    insights = look(tmp_path, joined("faq/hours", "faq/cards"))
    assert insights.examples == {"faq": 20, "recipe": 10, "track_order": 10}
    assert not insights.splits


def test_thin_intents_even_of_one_example_are_told(tmp_path):
    insights = look(tmp_path, {**SENTENCES, "joke": ["tell me a joke"]})
    assert insights.thin == {"joke": 1}
    assert insights.accuracy_of("joke") is None
    assert not [suspect for suspect in insights.suspects if suspect.example.label == "joke"]


def test_one_intent_is_told_in_a_sentence(tmp_path):
    with pytest.raises(ConfigurationError, match="all 10 examples are of one intent, recipe"):
        look(tmp_path, {"recipe": SENTENCES["recipe"]})


def run(capsys, *arguments):
    code = main(["insights", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_command_writes_tables_page_and_json_and_leaves_the_data_alone(with_errors, tmp_path, capsys):
    before = with_errors.read_bytes()
    page, record = tmp_path / "page.html", tmp_path / "insights.json"
    code, out, _ = run(capsys, "--data", with_errors.parent, "--html", page, "--json", record)
    assert code == 0
    assert "Examples that look mislabelled" in out
    assert "The same line twice in one intent (1)" in out
    assert "do you take payment by card" in page.read_text()
    assert json.loads(record.read_text())["mislabelled"][0]["suggested"] == "pay_by_card"
    assert with_errors.read_bytes() == before


def test_apply_removes_the_second_line_only(with_errors, capsys):
    before = with_errors.read_text()
    code, out, _ = run(capsys, "--data", with_errors.parent, "--apply")
    assert code == 0
    assert "track my package: removed" in out
    assert with_errors.read_text() == before.replace("warehouse\n    - track my package\n", "warehouse\n")


def test_relabel_moves_what_is_certain(with_errors, capsys):
    run(capsys, "--data", with_errors, "--apply", "--relabel")
    moved = {e.text: e.intent for e in NluFile.read(with_errors).examples}
    assert moved["do you take payment by card"] == "pay_by_card"
    assert moved["give me a recipe for soup"] == "recipe"
    code, out, _ = run(capsys, "--data", with_errors, "--apply", "--relabel")
    assert (code, out.strip().splitlines()[-1]) == (0, "0 examples changed.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "nowhere"), "nowhere: there is no such file or folder."),
        (("--relabel",), "--relabel changes the data only together with --apply."),
        (("--config", "nowhere.yml", "--data", "DATA"), "nowhere.yml: can't be read: No such file or directory."),
        (("--html", "no/such/page.html", "--data", "DATA"), "page.html: can't be written: No such file or directory."),
    ],
)
def test_mistakes_are_told_in_a_sentence(with_errors, capsys, arguments, said):
    code, _, error = run(capsys, *(str(with_errors) if part == "DATA" else part for part in arguments))
    assert code == 1
    assert said in error
    assert len(error.strip().splitlines()) == 1
