"""Entities' marks are copied from examples or a message is dropped; none is invented."""

import pytest

from rasa_llm_components.augmentation.entity_annotations import EntityAnnotations, marked_values

STATUS = EntityAnnotations(
    ["is [WW10007](order_number) sent?", "where is my parcel", "deliver to [Basel](city)", "the 24 hours are over"],
    ["red mug", "parcel"],
)
NUMBER_ONLY = EntityAnnotations(["[WW10007](order_number)", "it's [WW10012](order_number)"], [])
TWO_MEANINGS = EntityAnnotations(["from [Basel](departure)", "to [Basel](destination)", "by train"], [])

CARRIED_OVER = [
    ("has WW10007 left?", "has [WW10007](order_number) left?"),
    ("send it to basel, please", "send it to [basel](city), please"),
    ("where is it", "where is it"),
    ("my 24 hours are over", "my 24 hours are over"),
    ("where is my parcel now", "where is my parcel now"),  # another intent marks it, but this one has it plain
]
DROPPED = [
    (STATUS, "has WW10099 left?"),
    (STATUS, "write to me@mail.example"),
    (STATUS, "where is my red mug"),
    (NUMBER_ONLY, "my order number"),
    (TWO_MEANINGS, "I am in Basel"),
]


@pytest.mark.parametrize(("text", "expected"), CARRIED_OVER)
def test_marks_are_carried_over(text, expected):
    assert STATUS.carried_over(text) == expected


@pytest.mark.parametrize(("annotations", "text"), DROPPED)
def test_what_cannot_be_marked_from_an_example_is_dropped(annotations, text):
    assert annotations.carried_over(text) is None


def test_all_forms_of_marks_are_read():
    written = 'a [red mug]{"entity": "product", "value": "mug"} from [Basel](city)'
    assert marked_values(written) == [("red mug", '{"entity": "product", "value": "mug"}'), ("Basel", "(city)")]
    assert (
        EntityAnnotations([written, "x"], []).carried_over("red mug")
        == '[red mug]{"entity": "product", "value": "mug"}'
    )


def test_a_value_within_a_word_is_no_value():
    assert EntityAnnotations(["a [mug](product)", "this"], []).carried_over("how smug") == "how smug"
