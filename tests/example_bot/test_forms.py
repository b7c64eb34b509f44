"""Whose order is it, and what the forms make of answers."""

from __future__ import annotations

import pytest
from actions.cancel_order import ActionCancelOrder, ValidateCancelForm
from actions.change_address import ActionChangeAddress, ValidateChangeAddressForm
from actions.leave_form import ActionLeaveForm
from actions.order_status import ActionTellOrderStatus, ValidateOrderStatusForm
from actions.people import ActionOpenComplaint, ActionOpenTicket, ValidateComplaintForm, ValidateHandOverForm
from actions.products import ActionProductInfo, ActionSuggestGifts
from actions.return_order import ActionAskReturnItem, ActionReturnOrder, ValidateReturnForm
from actions.shop.catalogue import amount_in
from actions.shop.database import transaction
from actions.shop.identification import find_order
from actions.shop.tables import Ticket
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy import select

from tests.example_bot.talk import DOMAIN, run, run_in_full

EMAIL = "anna.murphy@post.example"
ORDER_FORMS = [
    (ValidateOrderStatusForm, "order_status_form"),
    (ValidateCancelForm, "cancel_form"),
    (ValidateReturnForm, "return_form"),
    (ValidateChangeAddressForm, "change_address_form"),
]
WHO = ["order_number", "email"]


@pytest.fixture(autouse=True)
def _database(sqlite, desk_with):
    desk_with(sqlite)


@pytest.mark.parametrize(("form", "name"), ORDER_FORMS)
@pytest.mark.parametrize(
    ("number", "email"),
    [
        ("WW10007", "peter.walsh@home.example"),  # both exist, not together
        ("WW10007", "nobody@post.example"),
        ("WW10099", EMAIL),
        ("WW10099", "nobody@post.example"),
    ],
)
def test_wrong_pairs_all_get_the_same_answer(form, name, number, email):
    outcome = run(form(), {"order_number": number, "email": email}, new=WHO, form=name)
    assert outcome == (
        ["utter_order_not_found"],
        {"order_number": None, "email": None, "wrong_tries": 1, "identity": None},
    )


@pytest.mark.parametrize(("form", "name"), ORDER_FORMS)
def test_the_third_wrong_try_ends_the_form(form, name):
    slots = {"order_number": "WW10099", "email": EMAIL, "wrong_tries": 2}
    said, values = run(form(), slots, new=WHO, form=name)
    assert said == []
    assert values["identity"] == "failed"
    assert values["requested_slot"] is None
    assert values["order_number"] is None


@pytest.mark.parametrize(("form", "name"), ORDER_FORMS)
def test_after_three_wrong_tries_a_right_pair_is_not_looked_at(form, name):
    slots = {"order_number": "WW10007", "email": EMAIL, "wrong_tries": 3}
    said, values = run(form(), slots, new=WHO, form=name)
    assert (said, values["identity"], values["requested_slot"]) == ([], "failed", None)


def test_a_new_form_after_three_wrong_tries_asks_nothing():
    said, values = run(ValidateReturnForm(), {"wrong_tries": 3}, new=[], form="return_form")
    assert (said, values["identity"], values["requested_slot"]) == ([], "failed", None)


def test_a_right_pair_is_verified_however_it_is_written():
    slots = {"order_number": "ww 10007", "email": "Anna.Murphy@POST.example"}
    said, values = run(ValidateOrderStatusForm(), slots, new=WHO, form="order_status_form")
    assert said == []
    assert values == {"order_number": "WW10007", "email": EMAIL, "identity": "verified"}


def test_another_number_in_a_verified_conversation_is_checked_again():
    slots = {"order_number": "WW10002", "email": EMAIL, "identity": "verified"}
    said, values = run(ValidateCancelForm(), slots, new=["order_number"], form="cancel_form")
    assert said == ["utter_order_not_found"]
    assert values["identity"] is None


@pytest.mark.parametrize(
    ("slot", "value", "response"),
    [("order_number", "12", "utter_invalid_order_number"), ("email", "anna at post", "utter_invalid_email")],
)
def test_what_is_no_number_or_address_is_asked_again(slot, value, response):
    said, values = run(ValidateOrderStatusForm(), {slot: value}, new=[slot], form="order_status_form")
    assert (said, values) == ([response], {slot: None})


@pytest.mark.parametrize(
    ("form", "name", "number"),
    [
        (ValidateCancelForm, "cancel_form", "WW10007"),
        (ValidateChangeAddressForm, "change_address_form", "WW10007"),
        (ValidateReturnForm, "return_form", "WW10022"),
        (ValidateReturnForm, "return_form", "WW10001"),
    ],
)
def test_a_form_that_cannot_succeed_ends_before_its_questions(form, name, number):
    said, values = run(form(), {"order_number": number, "email": EMAIL}, new=WHO, form=name)
    assert (said, values["identity"], values["requested_slot"]) == ([], "verified", None)


@pytest.mark.parametrize(
    ("action", "slots"),
    [
        (ActionTellOrderStatus, {}),
        (ActionCancelOrder, {"cancel_confirmed": True}),
        (ActionReturnOrder, {"return_confirmed": True, "return_item": "all", "return_reason": "damaged"}),
        (ActionChangeAddress, {"address_confirmed": True, "new_address": "1 New Street, Cork, Ireland"}),
    ],
)
def test_no_action_trusts_the_slot_that_says_verified(action, slots):
    slots = {"order_number": "WW10002", "email": EMAIL, "identity": "verified", **slots}
    said, _ = run_in_full(action(), slots)
    assert said == [("utter_order_not_found", {})]


def test_a_whole_cancellation(sqlite):
    slots = {"order_number": "WW10001", "email": EMAIL, "cancel_confirmed": True}
    [(response, values)], forgotten = run_in_full(ActionCancelOrder(), slots)
    assert (response, values) == ("utter_cancelled", {"number": "WW10001", "total": "€37.00"})
    assert forgotten == {"cancel_confirmed": None}
    assert run(ActionCancelOrder(), slots)[0] == ["utter_already_cancelled"]


def test_a_no_cancels_nothing(sqlite):
    slots = {"order_number": "WW10001", "email": EMAIL, "cancel_confirmed": False}
    assert run(ActionCancelOrder(), slots)[0] == ["utter_kept_order"]
    with transaction(sqlite) as session:
        assert find_order(session, "WW10001", EMAIL).cancellation is None


async def test_returning_asks_with_the_order_s_items_as_buttons():
    dispatcher = CollectingDispatcher()
    tracker = Tracker("c", {"order_number": "WW10007", "email": EMAIL}, {}, [], False, None, {}, "")
    await ActionAskReturnItem().run(dispatcher, tracker, DOMAIN)
    [message] = dispatcher.messages
    assert [button["title"] for button in message["buttons"]] == ["Harbour Mug", "Oat and Honey Soap", "Everything"]


@pytest.mark.parametrize(
    ("text", "said", "item"),
    [
        ("the mug please", [], "Harbour Mug"),
        ("everything", [], "Harbour Mug and 3 x Oat and Honey Soap"),
        ("my bicycle", ["utter_unknown_item"], None),
    ],
)
def test_the_item_to_return_gets_its_own_name(text, said, item):
    slots = {"order_number": "WW10007", "email": EMAIL, "return_item": text}
    assert run(ValidateReturnForm(), slots, new=["return_item"], form="return_form") == (said, {"return_item": item})


def test_a_reason_that_is_not_enough_ends_the_return():
    slots = {"order_number": "WW10009", "email": "m.quinn@home.example", "return_item": "Wren Feather Earrings"}
    _, values = run(ValidateReturnForm(), {**slots, "return_reason": "ugly"}, new=["return_reason"], form="return_form")
    assert values == {"return_reason": "ugly", "requested_slot": None}
    assert run(ActionReturnOrder(), {**slots, "return_reason": "ugly"})[0] == ["utter_return_excluded"]
    _, values = run(
        ValidateReturnForm(), {**slots, "return_reason": "broken"}, new=["return_reason"], form="return_form"
    )
    assert "requested_slot" not in values


def test_a_whole_return():
    slots = {"order_number": "WW10007", "email": EMAIL, "return_confirmed": True}
    slots |= {"return_item": "Harbour Mug and 3 x Oat and Honey Soap", "return_reason": "not my taste"}
    [(response, values)], forgotten = run_in_full(ActionReturnOrder(), slots)
    assert response == "utter_return_registered"
    assert values["amount"] == "€39.00"
    assert forgotten == {"return_item": None, "return_reason": None, "return_confirmed": None}


def test_a_no_to_an_address_asks_for_it_again():
    slots = {"order_number": "WW10001", "email": EMAIL, "new_address": "1 Old Road, Cork, Ireland"}
    slots["address_confirmed"] = False
    said, values = run(ValidateChangeAddressForm(), slots, new=["address_confirmed"], form="change_address_form")
    assert (said, values) == ([], {"address_confirmed": None, "new_address": None})


def test_half_an_address_is_asked_again():
    slots = {"order_number": "WW10001", "email": EMAIL, "new_address": "Galway"}
    said, values = run(ValidateChangeAddressForm(), slots, new=["new_address"], form="change_address_form")
    assert (said, values) == (["utter_address_incomplete"], {"new_address": None})


@pytest.mark.parametrize(
    ("form", "name"), [(ValidateHandOverForm, "hand_over_form"), (ValidateComplaintForm, "complaint_form")]
)
def test_a_known_email_is_not_asked_again(form, name):
    _, values = run(form(), {"email": EMAIL}, new=[], form=name)
    assert values == {"contact_email": EMAIL}


def test_a_complaint_needs_a_few_words():
    said, values = run(
        ValidateComplaintForm(), {"complaint_details": "bad!"}, new=["complaint_details"], form="complaint_form"
    )
    assert (said, values) == (["utter_complaint_too_short"], {"complaint_details": None})


def test_a_ticket_holds_the_end_of_the_conversation_and_is_opened_once(sqlite):
    spoken = [{"event": "user", "text": "my vase broke"}, {"event": "bot", "text": "I'm sorry"}]
    slots = {"contact_email": EMAIL, "customer_name": "Anna Murphy", "order_number": "WW10007", "named_date": "Friday"}
    [(first, values)], _ = run_in_full(ActionOpenTicket(), slots, events=spoken)
    [(second, again)], _ = run_in_full(ActionOpenTicket(), slots, events=spoken)
    assert (first, second) == ("utter_ticket_opened", "utter_ticket_exists")
    assert values == again
    with transaction(sqlite) as session:
        ticket = session.scalars(select(Ticket)).one()
    assert "my vase broke" in ticket.text
    assert "Friday" in ticket.text
    assert (ticket.customer_name, ticket.order_number, ticket.kind) == ("Anna Murphy", "WW10007", "person")


def test_two_different_complaints_are_two_tickets():
    slots = {"contact_email": EMAIL, "complaint_details": "the box was wet and torn"}
    first, _ = run_in_full(ActionOpenComplaint(), slots)
    second, _ = run_in_full(ActionOpenComplaint(), {**slots, "complaint_details": "nobody answers my letters"})
    assert first[0][1]["ticket"] != second[0][1]["ticket"]


def test_leaving_a_form_forgets_the_wish_but_not_the_customer():
    slots = {"order_number": "WW10007", "email": EMAIL, "return_item": "Harbour Mug", "return_reason": "chipped"}
    said, values = run(ActionLeaveForm(), slots, form="return_form")
    assert said == []
    assert values["return_item"] is None
    assert not {"order_number", "email"}.intersection(values)


@pytest.mark.parametrize(
    ("word", "response", "part"),
    [
        ("vase", "utter_product_info", "Bud Vase"),
        ("candles", "utter_product_list", "Sea Salt Candle (€18.50)"),
        ("scarves", "utter_product_list", "Galway Wool Scarf (€49.00)"),
        ("chopping board", "utter_product_info", "€36.00"),
        ("cushion", "utter_product_info", "sold out"),
        ("bicycle", "utter_product_unknown", ""),
    ],
)
def test_products(word, response, part):
    message = {"entities": [{"entity": "product", "value": word}]}
    [(said, values)], _ = run_in_full(ActionProductInfo(), {}, message=message)
    assert said == response
    assert part in " ".join(values.values())


def test_a_question_without_a_product_goes_to_the_pages():
    assert run(ActionProductInfo(), {}, message={"entities": []})[0] == ["utter_product_question"]


@pytest.mark.parametrize(
    ("budget", "response", "most"),
    [
        (None, "utter_gift_suggestions", 90),
        ("30 euros", "utter_gift_suggestions", 30),
        ("€2", "utter_gift_none_so_cheap", 8),
    ],
)
def test_presents_stay_within_the_budget(budget, response, most):
    [(said, values)], _ = run_in_full(ActionSuggestGifts(), {"budget": budget})
    prices = [float(part.split(")")[0]) for part in " ".join(values.values()).split("€")[1:]]
    assert said == response
    assert prices
    assert max(prices) <= most


def test_an_item_that_is_coming_back_already_ends_the_return():
    slots = {"order_number": "WW10007", "email": EMAIL, "return_item": "Harbour Mug"}
    run(ActionReturnOrder(), {**slots, "return_reason": "chipped", "return_confirmed": True})
    _, values = run(ValidateReturnForm(), {**slots, "return_item": "the mug"}, new=["return_item"], form="return_form")
    assert values == {"return_item": "Harbour Mug", "requested_slot": None}
    assert run(ActionReturnOrder(), slots)[0] == ["utter_return_already"]


@pytest.mark.parametrize(
    ("text", "amount"),
    [("a gift for 30 euros", "30 euros"), ("under €25.50 please", "€25.50"), ("40€", "40€"), ("for my 3 sons", "")],
)
def test_a_budget_is_read_where_spacy_finds_none(text, amount):
    assert amount_in(text) == amount
