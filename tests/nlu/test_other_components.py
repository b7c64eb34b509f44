"""Components of existing bots gain from the same vectors: Rasa's own, trained on our features alone."""

from collections.abc import Callable

from .conftest import FEATURIZER, SHOP, Bot

NAMES = ("Anna", "Bob", "Clara", "David", "Eva", "Frank", "Greta", "Hans", "Ida", "John", "Karl", "Lena")
FAQ = {
    "faq/hours": ["when are you open", "what are your opening hours", "are you open on sunday"],
    "faq/price": ["what does delivery cost", "how much is shipping", "is delivery free"],
}
ANSWERS = {
    "utter_faq/hours": [{"text": "We are open from nine to six."}],
    "utter_faq/price": [{"text": "Delivery costs four euros."}],
}


def test_rasas_own_classifiers_learn_from_the_vectors(trained: Callable[..., Bot]) -> None:
    bot = trained(
        [
            FEATURIZER,
            {"name": "LogisticRegressionClassifier"},
        ],
        {**SHOP},
    )
    assert bot.intent("any news about my delivery?") == "order_status"


def test_diet_crf_and_the_response_selector_train_on_the_vectors(trained: Callable[..., Bot]) -> None:
    examples = {
        **SHOP,
        "give_name": [f"my name is [{name}](name)" for name in NAMES],
        **FAQ,
    }
    bot = trained(
        [
            FEATURIZER,
            {"name": "DIETClassifier", "epochs": 15, "entity_recognition": False, "random_seed": 1},
            {"name": "CRFEntityExtractor", "features": [["bias"], ["text_dense_features"], ["bias"]]},
            {"name": "ResponseSelector", "epochs": 15, "retrieval_intent": "faq", "random_seed": 1},
        ],
        examples,
        responses=ANSWERS,
        entities=["name"],
    )
    parsed = bot.parse("where has my package got to")
    assert parsed["intent"]["name"] == "order_status"
    assert [entity["value"] for entity in bot.parse("my name is Emma")["entities"]] == ["Emma"]
    selected = bot.parse("how expensive is the delivery")["response_selector"]["faq"]["response"]
    assert selected["intent_response_key"] == "faq/price"
