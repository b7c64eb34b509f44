"""The web chat's page in a real browser, in front of a real Rasa server."""

import pytest
from playwright.sync_api import expect

from tests.e2e.chat_page import ChatPage

NASTY = """<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> **[click](javascript:alert(1))**"""


def test_a_new_customer_is_greeted_with_suggestions(chat):
    expect(chat.welcome).to_contain_text("Hello! How can I help you?")
    expect(chat.page).to_have_title("Marigold Gifts")

    chat.click_button("Track my parcel")

    expect(chat.bot_items.last).to_contain_text("Your order is on its way.")
    expect(chat.welcome.locator(".button")).to_have_count(0)


def test_several_replies_come_in_order(chat):
    assert chat.ask("many")[0] == "First answer."
    assert chat.ask("hello") == ["Hello there!"]
    assert len(chat.texts()) == 5


def test_typing_is_shown_until_the_answer_is_complete(chat, action_server):
    action_server.release.clear()
    chat.send("slow")
    expect(chat.bot_items).to_have_count(1)
    expect(chat.typing).to_be_visible()
    expect(chat.page.locator("#status")).to_have_text("Marigold Gifts is writing…")

    action_server.release.set()

    expect(chat.bot_items).to_have_count(2)
    expect(chat.typing).to_have_count(0)
    expect(chat.page.locator("#status")).to_have_text("")


def test_buttons_links_and_sources(chat):
    chat.ask("delivery")
    reply = chat.bot_items.last

    expect(reply.locator("a.source")).to_have_attribute("href", "https://shop.example/delivery")
    expect(reply.locator("a.button")).to_have_attribute("href", "https://shop.example/")
    assert reply.locator("a").evaluate_all("links => links.map(link => new URL(link.href).protocol)") == ["https:"] * 3
    assert reply.locator("a.source").get_attribute("rel") == "noopener noreferrer nofollow"
    expect(reply.locator("img")).to_have_count(0)  # a host that credentials.yml doesn't name: a link instead

    chat.click_button("Track my order")

    expect(chat.bot_items.last).to_contain_text("Your order is on its way.")
    assert chat.texts()[-2:] == ["Track my order", "Your order is on its way."]


def test_addresses_in_texts_can_be_clicked_without_the_sentences_punctuation(chat):
    chat.ask("many")
    links = chat.bot_items.last.locator("a").evaluate_all("links => links.map(link => link.href)")

    assert links == ["https://shop.example/delivery", "mailto:help@shop.example"]


@pytest.mark.parametrize("text", ["nasty", f"echo {NASTY}"])
def test_markup_from_bot_and_customer_is_text(chat, text):
    dialogs = []
    chat.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))

    [answer] = chat.ask(text)

    assert "<img src=x" in answer
    assert "<script>" in answer
    assert "**[click](javascript:alert(1))**" in answer
    assert chat.texts()[0] == text
    chat.page.reload()
    chat.wait_until_connected()
    expect(chat.bot_items).to_have_count(1)
    assert chat.texts() == [text, answer]
    assert chat.page.evaluate("window.hacked") is None
    assert dialogs == []
    assert chat.page.locator("deep-chat .item :is(img, script, iframe, strong, a[href^=javascript])").count() == 0


def test_the_policy_stops_scripts_even_if_one_got_in(chat):
    chat.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hacked=1\">')")
    chat.page.wait_for_timeout(200)

    assert chat.page.evaluate("window.hacked") is None


def test_nothing_is_fetched_from_anywhere_else(page, bot):
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))

    ChatPage(page, f"{bot.url}/chat/").open().ask("delivery")

    assert [url for url in asked if not url.startswith((bot.url, "data:"))] == []
    assert errors == []


@pytest.mark.parametrize("text", ["echo 🎁 👩‍👩‍👧", "echo שלום עולם", "echo مرحبا", "echo a\nb", "echo 您好"])
def test_every_script_is_shown_as_it_was_written(chat, text):
    assert chat.ask(text) == [text]
    assert chat.bot_items.last.locator(".text").get_attribute("dir") == "auto"


def test_a_reload_keeps_the_conversation(chat):
    chat.ask("many")
    chat.ask("delivery")
    before = chat.texts()

    chat.page.reload()
    chat.wait_until_connected()

    expect(chat.items).to_have_count(len(before))
    assert chat.texts() == before
    assert chat.ask("hello") == ["Hello there!"]


def test_a_reload_in_the_middle_of_an_answer_loses_nothing(chat, action_server):
    action_server.release.clear()
    chat.send("slow")
    expect(chat.bot_items).to_have_count(1)

    chat.page.reload()
    expect(chat.typing).to_be_visible()
    action_server.release.set()

    expect(chat.bot_items).to_have_count(2)
    assert chat.texts() == ["slow", "First answer.", "The slow answer."]
    assert action_server.calls.count("action_slow") >= 1


def test_a_second_tab_shows_the_same_conversation(chat, context):
    other = ChatPage(context.new_page(), chat.url).open()

    chat.ask("hello")

    expect(other.items).to_have_count(2)
    assert other.texts() == chat.texts()


def test_two_customers_do_not_see_each_other(chat, browser, bot):
    chat.ask("hello")
    stranger = browser.new_context()
    try:
        page = ChatPage(stranger.new_page(), f"{bot.url}/chat/").open()
        expect(page.items).to_have_count(0)
    finally:
        stranger.close()


def test_starting_over_forgets_the_conversation(chat):
    chat.ask("hello")
    chat.page.on("dialog", lambda dialog: dialog.accept())

    chat.page.get_by_role("button", name="Start over").click()

    expect(chat.items).to_have_count(0)
    assert chat.ask("many")[0] == "First answer."
    chat.page.reload()
    chat.wait_until_connected()
    expect(chat.items).to_have_count(3)


def test_a_text_that_is_too_long_stays_in_the_input(chat):
    chat.send("x" * 10_000)

    expect(chat.notices).to_contain_text("at most 2000 characters")
    assert len(chat.input.inner_text()) == 10_000
    expect(chat.user_items).to_have_count(0)


def test_who_reads_further_up_is_left_there(chat, action_server):
    for i in range(12):
        chat.ask(f"echo {i}")
    log = chat.page.get_by_role("log")
    action_server.release.clear()
    chat.send("slow")
    expect(chat.bot_items.last).to_contain_text("First answer.")
    log.evaluate("log => log.scrollTo(0, 0)")

    action_server.release.set()

    expect(chat.bot_items.last).to_contain_text("The slow answer.")
    assert log.evaluate("log => log.scrollTop") == 0
    chat.ask("hello")
    assert log.evaluate("log => log.scrollTop") > 0


def test_the_keyboard_is_enough(chat):
    chat.input.focus()
    chat.page.keyboard.type("echo one")
    chat.page.keyboard.press("Shift+Enter")
    chat.page.keyboard.type("two")
    chat.page.keyboard.press("Enter")
    expect(chat.bot_items.last.locator(".text")).to_have_text("echo one\ntwo")
    assert chat.input.inner_text().strip() == ""

    chat.page.keyboard.type("delivery")
    chat.page.keyboard.press("Tab")
    expect(chat.page.get_by_role("button", name="Send")).to_be_focused()
    chat.page.keyboard.press("Enter")
    expect(chat.bot_items).to_have_count(2)
    expect(chat.input).to_be_focused()

    chat.page.get_by_role("button", name="Track my order").focus()
    chat.page.keyboard.press("Enter")
    expect(chat.bot_items.last).to_contain_text("on its way")


def test_a_word_that_is_being_composed_is_not_sent(chat):
    chat.input.fill("ni hao")
    chat.input.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True, "composed": True})

    expect(chat.user_items).to_have_count(0)


def test_a_screen_reader_finds_its_way(chat):
    chat.ask("hello")

    log = chat.page.get_by_role("log", name="Conversation")
    expect(log).to_have_attribute("aria-live", "polite")
    assert [log.locator(".item .hidden").nth(i).text_content() for i in (1, 2)] == ["You: ", "Marigold Gifts: "]
    expect(chat.page.get_by_role("textbox", name="Your message")).to_be_visible()
    expect(chat.page.get_by_role("heading", name="Marigold Gifts")).to_be_visible()
    assert chat.page.evaluate("document.documentElement.lang") == "en"


def test_chinese_browsers_get_a_chinese_page(browser, bot):
    context = browser.new_context(locale="zh-CN")
    try:
        chat = ChatPage(context.new_page(), f"{bot.url}/chat/").open()
        expect(chat.page).to_have_title("金盏花礼品")
        expect(chat.welcome).to_contain_text("您好")
        expect(chat.welcome.locator(".button")).to_have_text(["运费多少？"])
        assert chat.page.evaluate("document.documentElement.lang") == "zh-CN"
    finally:
        context.close()


def test_a_phone_shows_everything_without_scrolling_sideways(browser, bot):
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    try:
        chat = ChatPage(context.new_page(), f"{bot.url}/chat/").open()
        chat.ask("delivery")
        chat.ask("echo " + "w" * 300)
        assert chat.page.evaluate("document.documentElement.scrollWidth") == 390
        for part in (chat.input, chat.page.get_by_role("button", name="Send"), chat.bot_items.last):
            box = part.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390
            assert box["y"] + box["height"] <= 844
    finally:
        context.close()


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_light_and_dark(browser, bot, scheme, dark):
    context = browser.new_context(color_scheme=scheme)
    try:
        chat = ChatPage(context.new_page(), f"{bot.url}/chat/").open()
        chat.ask("hello")
        bubble = chat.page.locator("deep-chat .ai-message-text").last
        ink, paper = (
            lightness(bubble.evaluate(f"e => getComputedStyle(e).{name}")) for name in ("color", "backgroundColor")
        )
        assert (paper < ink) == dark
        assert abs(paper - ink) > 120
    finally:
        context.close()


def lightness(colour):
    return sum(map(float, colour.strip("rgb()").split(",")[:3])) / 3
