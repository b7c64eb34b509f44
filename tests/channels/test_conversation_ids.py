from rasa_llm_components.channels.conversation_ids import ConversationIds

SECRET = "a secret that servers share"


def test_ids_are_long_and_never_the_same():
    ids = ConversationIds()

    made = {ids.issue()[0] for _ in range(1000)}

    assert len(made) == 1000
    assert all(len(conversation_id) == len("web-") + 43 for conversation_id in made)  # 256 bits in base64


def test_our_own_cookie_is_recognised():
    ids = ConversationIds()
    conversation_id, cookie = ids.issue()

    assert ids.read(cookie) == (conversation_id, True)


def test_servers_with_the_same_secret_recognise_each_others_cookies():
    conversation_id, cookie = ConversationIds(SECRET).issue()

    assert ConversationIds(SECRET).read(cookie) == (conversation_id, True)


def test_another_key_makes_the_signature_worthless():
    conversation_id, cookie = ConversationIds().issue()

    assert ConversationIds().read(cookie) == (conversation_id, False)


def test_what_a_client_makes_up_is_no_id_or_not_signed():
    ids = ConversationIds(SECRET)

    for cookie in (None, "", "default", "12345678", "web-short", "web-" + "é" * 43, "../web-" + "A" * 43, "." * 50):
        assert ids.read(cookie) == (None, False), cookie
    assert ids.read("web-" + "A" * 43 + "." + "0" * 32) == ("web-" + "A" * 43, False)
    assert ids.read("web-" + "A" * 43) == ("web-" + "A" * 43, False)
