"""The web chat's addresses, as a program finds them, on a real Rasa server."""

import json
import re
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests


class Client:
    """One browser's worth of requests."""

    def __init__(self, bot):
        self.base = f"{bot.url}/chat"
        self.session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=100)
        self.session.mount("http://", adapter)
        self.session.headers["Accept-Language"] = "en"

    def history(self):
        return self.session.get(f"{self.base}/conversation", timeout=10).json()["items"]

    def post(self, text, message_id=None, **more):
        body = {"id": message_id or secrets.token_hex(8), "text": text, **more}
        return self.session.post(f"{self.base}/messages", json=body, timeout=60)

    def says(self, text, **more):
        return [reply["text"] for reply in self.post(text, **more).json()["replies"]]


@pytest.fixture
def client(bot):
    made = Client(bot)
    assert made.history() == []
    return made


def test_the_page_may_run_its_own_files_only(bot):
    answer = requests.get(f"{bot.url}/chat/", timeout=10)

    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*\ssrc=)", answer.text), "no script in the page itself"
    assert "http" not in re.sub(r"http-equiv", "", answer.text), "no other host in the page"


def test_every_answer_carries_the_policy(client, bot):
    answers = [
        requests.get(f"{client.base}/static/chat.js", timeout=10),
        requests.get(f"{client.base}/static/nothing.js", timeout=10),
        requests.get(f"{client.base}/static/../web_chat.py", timeout=10),
        client.session.get(f"{client.base}/conversation", timeout=10),
        client.post(""),
    ]

    assert all(
        answer.headers.get("X-Content-Type-Options") == "nosniff" for answer in answers if answer.url.count("static/")
    )
    assert "Content-Security-Policy" in answers[-1].headers
    assert answers[1].status_code == 404
    assert "import" not in answers[2].text


def test_the_address_without_a_slash_leads_to_the_page(bot):
    answer = requests.get(f"{bot.url}/chat", timeout=10)

    assert answer.url.endswith("/chat/")
    assert "<deep-chat" in answer.text or 'id="chat"' in answer.text


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(bot):
    cookie = requests.get(f"{bot.url}/chat/conversation", timeout=10).headers["Set-Cookie"]

    assert {"HttpOnly", "SameSite=Strict", "Path=/chat"} <= {part.strip() for part in cookie.split(";")}
    assert len(cookie.partition("=")[2].partition(".")[0]) >= 43


@pytest.mark.parametrize("made_up", ["default", "web-" + "A" * 43, "web-" + "A" * 43 + "." + "0" * 32])
def test_an_id_that_a_client_made_up_is_replaced(bot, made_up):
    answer = requests.get(f"{bot.url}/chat/conversation", cookies={"webchat_conversation": made_up}, timeout=10)

    assert answer.headers["Set-Cookie"].startswith("webchat_conversation=web-")
    assert made_up.partition(".")[0] not in answer.headers["Set-Cookie"]


def test_one_reply_carries_text_buttons_and_sources(client):
    [reply] = client.post("delivery").json()["replies"]

    assert reply["text"] == "We deliver within two days."
    assert reply["sources"][0] == {"title": "Delivery and prices", "link": "https://shop.example/delivery"}
    assert [button["title"] for button in reply["buttons"]] == ["Track my order", "Our shop"]
    assert "javascript" not in json.dumps(reply)


def test_history_is_what_was_said(client):
    client.says("many")

    assert [(item["role"], item["text"].split(",")[0]) for item in client.history()] == [
        ("user", "many"),
        ("bot", "First answer."),
        ("bot", "Second answer"),
    ]


def test_a_repeated_message_id_is_answered_once(client, action_server):
    calls = len(action_server.calls)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: client.post("echo once", "repeated-id-1").json(), range(10)))

    assert all(answer["replies"] == answers[0]["replies"] for answer in answers)
    assert answers[0]["replies"][0]["text"] == "echo once"
    assert action_server.calls[calls:].count("action_echo") == 1
    assert len(client.history()) == 2


@pytest.mark.parametrize(
    ("text", "status"),
    [("x" * 10_000, 413), ("x" * 5_000_000, 413), ("", 422), (" \n ", 422), ("\x00\x07", 422)],
    ids=["10,000 characters", "5 MB", "nothing", "white space", "control characters"],
)
def test_what_cannot_be_read_gets_a_sentence(client, text, status):
    answer = client.post(text)

    assert answer.status_code == status
    assert re.match(r"[A-Z].+[.?]$", answer.json()["notice"])
    assert client.history() == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{broken", "application/json"),
        (b"[" * 4000, "application/json"),
        (b"\xff\xfe", "application/json"),
        (b'{"id": 1}', "application/json"),
        (b'{"id": "message-1", "text": "hi"}', "text/plain"),
        (b"", "application/json"),
    ],
)
def test_broken_requests_get_a_sentence_and_no_stack_trace(client, body, kind):
    answer = client.session.post(f"{client.base}/messages", data=body, headers={"Content-Type": kind}, timeout=10)

    assert answer.status_code in (400, 415)
    assert answer.json()["notice"] == "I couldn't read that message. Please write it again."


def test_notices_come_in_the_customers_language(client):
    client.session.headers["Accept-Language"] = "fr,zh-CN;q=0.9,en;q=0.8"

    assert client.post("x" * 10_000).json()["notice"].startswith("这条消息太长了")


def test_another_sites_page_cannot_write(client):
    client.session.headers["Sec-Fetch-Site"] = "cross-site"

    assert client.post("hello").status_code == 403


@pytest.mark.parametrize(
    "text",
    [
        "echo 🎁🎉👩‍👩‍👧",
        "echo مرحبا بالعالم \u202eabc",
        "echo <script>alert(1)</script><img src=x onerror=alert(1)>",
        "echo '; DROP TABLE events; --",
        "echo {name} {{7*7}} %s %n $PATH",
        "echo " + "ä" * 1990,
    ],
)
def test_texts_come_through_unchanged(client, text):
    assert client.says(text) == [text]
    assert client.history()[0]["text"] == text


def test_a_typed_command_is_an_ordinary_text(client):
    assert client.says('/track_order{"order": "1"}') == ["I did not understand that."]
    assert client.says("Track my order", payload="/track_order") == ["Your order is on its way."]  # keyword "track"
    assert client.history()[0]["text"] == '/track_order{"order": "1"}'


def test_a_payload_works_once_the_bot_has_offered_it(client):
    assert client.says("Go", payload="/track_order") == ["I did not understand that."]

    client.says("delivery")

    assert client.says("Go", payload="/track_order") == ["Your order is on its way."]
    assert client.history()[-2]["text"] == "Go"


def test_a_bot_that_says_nothing_is_covered_for(client):
    answer = client.post("silence").json()

    assert answer["replies"] == []
    assert answer["notice"].startswith("Sorry")


def test_a_hundred_messages_at_once(client):
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda i: client.post(f"echo number {i}"), range(100)))

    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 429}
    assert 30 <= codes.count(200) <= 45
    refused = next(answer.json() for answer in answers if answer.status_code == 429)
    assert refused["retry_after"] > 0
    assert "moment" in refused["notice"]
    texts = [item["text"] for item in client.history()]
    assert len(texts) == 2 * codes.count(200)
    assert texts[0::2] == texts[1::2], "each message is followed by its own answer"
    assert len(set(texts)) == codes.count(200)


def test_replies_come_before_the_turn_is_over_and_later_messages_wait(client, action_server):
    action_server.release.clear()
    heard = []
    stream = client.session.get(f"{client.base}/stream", stream=True, timeout=30)
    threading.Thread(target=lambda: heard.extend(events_until_done(stream, 3)), daemon=True).start()
    with ThreadPoolExecutor(3) as pool:
        slow = pool.submit(client.says, "slow")
        until(lambda: any(event.get("reply", {}).get("text") == "First answer." for event in heard))
        assert not slow.done()
        later = []
        for text in ("echo a", "echo b"):
            later.append(pool.submit(client.says, text))
            time.sleep(0.2)
        assert not any(one.done() for one in later)

        action_server.release.set()

        assert slow.result() == ["First answer.", "The slow answer."]
        assert [one.result() for one in later] == [["echo a"], ["echo b"]]
    until(lambda: [event["type"] for event in heard].count("done") == 3)
    assert [event["reply"]["text"] for event in heard if event["type"] == "reply"] == [
        "First answer.",
        "The slow answer.",
        "echo a",
        "echo b",
    ]


def events_until_done(stream, turns):
    done = 0
    for line in stream.iter_lines(chunk_size=1):
        if line.startswith(b"data: "):
            event = json.loads(line[6:])
            yield event
            done += event["type"] == "done"
            if done == turns:
                return


def until(condition, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
