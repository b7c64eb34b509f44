"""A small bot whose examples are real English, the packaged encoder, and a generator that a test writes itself."""

import pytest

from rasa_llm_components.augmentation.training_examples import TrainingExamples
from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.models.stand_ins import StandInTextGenerator

ORDER_STATUS = (
    "where is my parcel?",
    "has my order been sent?",
    "when does my package arrive",
    "track my delivery",
    "is order [WW10007](order_number) on its way?",
)
OPENING_HOURS = (
    "when do you open?",
    "until when is the shop open today",
    "are you open on Sundays?",
    "your opening hours please",
    "at what time do you close",
)
RETURNS = (
    "I want to send this back",
    "how do I return an item?",
    "can I give the [mug](product) back",
    "I'd like a refund for my purchase",
    "return policy",
)
NLU = """version: "3.1"
nlu:
  - lookup: product
    examples: |
      - mug
  - intent: order_status
    metadata: {{sentiment: neutral}}
    examples: |
{order_status}
  - intent: opening_hours
    examples: |
{opening_hours}
"""
NLU_LONG_FORM = """version: "3.1"
nlu:
  - intent: returns
    examples:
{returns}
"""


@pytest.fixture(scope="session")
def encoder():
    return shared_encoder({})


@pytest.fixture
def examples():
    return TrainingExamples({"opening_hours": OPENING_HOURS, "order_status": ORDER_STATUS, "returns": RETURNS})


@pytest.fixture
def bot(tmp_path):
    """A bot's folder: two nlu files in both forms that Rasa knows, and rules, which are no nlu file."""
    data = tmp_path / "data"
    data.mkdir()
    lines = {
        name: "\n".join(f"      - {text}" for text in texts)
        for name, texts in {"order_status": ORDER_STATUS, "opening_hours": OPENING_HOURS}.items()
    }
    (data / "nlu.yml").write_text(NLU.format(**lines))
    (data / "returns.yaml").write_text(
        NLU_LONG_FORM.format(returns="\n".join(f"      - text: |\n          {text}" for text in RETURNS))
    )
    (data / "rules.yml").write_text("rules:\n- rule: r\n  steps:\n  - intent: returns\n  - action: utter_returns\n")
    return tmp_path


@pytest.fixture
def writing():
    """A stand-in generator that writes, for an intent's words in the prompt, the given replies, one a call; an
    exception among them is raised."""

    def make(replies):
        counts = dict.fromkeys(replies, 0)

        def reply(messages):
            asked = messages[-1]["content"]
            name = next(name for name in replies if f"Topic: {name}\n" in asked)
            number = counts[name]
            counts[name] += 1
            said = replies[name][min(number, len(replies[name]) - 1)]
            if isinstance(said, str):
                return said
            raise said

        return StandInTextGenerator(reply)

    return make
